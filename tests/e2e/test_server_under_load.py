"""A server that is stopped while people talk, and one whose disk is full."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.house import LIMIT_S, House
from lanline.client.home import Home
from lanline.client.pin import joined_pin
from lanline.errors import CloseCode, LinkNotOpen
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, MessageReceived
from lanline.transport.connection import Connection
from lanline.transport.dialer import Dialer
from lanline.wire.chat.conversations import Conversations
from lanline.wire.chat.entries import Append, Committed
from lanline.wire.chat.messages import decode_server_message, encode_message
from lanline.wire.chat.signin import VERSIONS, Hello, SignedIn, SignIn
from serverhouse.ports import free_port

TO_THE_LAST_BYTE = {"LANLINE_LIMITS_LEAST_FREE_BYTES": "0"}
"""These disks are smaller than what a server keeps free."""


class Talker:
    """Says as much as the server takes, and counts what was acknowledged."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.said = 0
        self.acknowledged = 0
        self.goodbye: LinkClosed | None = None
        self.log = 0
        self.is_done = asyncio.Event()
        self.has_begun = asyncio.Event()
        connection.set_handler(self.on_event)
        self.send(Hello(VERSIONS, "test"))
        self.send(SignIn(1))

    def send(self, message: Hello | SignIn | Append) -> None:
        self.connection.send_nowait(Channel.CHAT, encode_message(message))

    def say(self) -> None:
        self.said += 1
        self.send(Append(self.said + 1, self.log, self.said.to_bytes(16, "big"), "plain", b"word"))

    def on_event(self, event: object) -> None:
        if isinstance(event, LinkClosed):
            self.goodbye = event
            self.is_done.set()
        if not isinstance(event, MessageReceived):
            return
        match decode_server_message(event.payload):
            case Conversations([conversation, *_]):
                self.log = conversation.log
                for _ in range(50):
                    self.say()
            case Committed(places):
                self.acknowledged += len(places)
                if self.acknowledged > 200:
                    self.has_begun.set()
                for _ in places:
                    try:
                        self.say()
                    except LinkNotOpen:
                        return
            case SignedIn():
                pass


def test_a_stop_in_the_middle_of_talk_says_goodbye_and_keeps_every_acknowledged_word(home: House) -> None:
    # Nobody founds a group here: what is said is said plain.
    server = home.serve("--open", LANLINE_LIMITS_MESSAGES_PER_S="100000", LANLINE_LIMITS_MESSAGES_BURST="100000")
    home.join("ann")
    pin = joined_pin(home.folder / "ann")

    async def talk() -> Talker:
        dialer = Dialer(Home(home.folder / "ann").identity())
        talker = Talker(await dialer.connect(pin.host, pin.port, pin.fingerprint))
        async with asyncio.timeout(LIMIT_S):
            await talker.has_begun.wait()
            server.process.send_signal(signal.SIGTERM)
            await talker.is_done.wait()
        dialer.close()
        return talker

    talker = asyncio.run(talk())
    assert server.process.wait(LIMIT_S) == 0  # a second signal, at its very last moment, would kill it
    server.end()
    assert talker.goodbye is not None
    assert (talker.goodbye.code, talker.goodbye.by_peer) == (CloseCode.GOING_AWAY, True)
    assert talker.goodbye.reason == "The server is stopping."
    kept = home.admin("admin", "export").count('"type":"entry"')
    assert talker.acknowledged <= kept <= talker.said


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "lanline-test", str(place)]
    if (
        sys.platform != "linux"
        or os.geteuid() != 0
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("needs to mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    """To the last byte."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


def unwell(health: str) -> str:
    """What the server complains of, once the room that its database has in hand is used up."""
    for _ in range(500):
        try:
            urllib.request.urlopen(health, timeout=LIMIT_S).close()
        except urllib.error.HTTPError as problem:
            with problem:
                return f"{problem.code} {problem.read().decode()}"
    raise AssertionError("it is well")


def test_a_full_disk_stops_writing_and_nothing_else_and_room_heals_it(home: House, small_disk: Path) -> None:
    home.data = small_disk / "data"
    server = home.serve("--metrics-port", "0", **TO_THE_LAST_BYTE)
    health = server.said.partition("Health   ")[2].split()[0]
    home.join("ann", server.first_invite)
    home.say("ann", "before")
    ballast = fill(small_disk)

    long_text = "long " * 12_000
    for timeout in ("2", "8", "30"):  # in the first it may not come to an answer, on a busy machine
        refused = home.member("ann", "send", "--timeout", timeout, "#lobby", long_text)
        assert refused.returncode == 75
        if "The server's disk is full" in refused.stderr:
            break
    assert "The server's disk is full" in refused.stderr
    assert "does not answer" not in refused.stderr
    assert unwell(health).startswith("503 There is no room left")
    assert [user["name"] for user in home.admin_json("admin", "users")] == ["ann"]
    assert "before" in home.heard("ann")

    ballast.unlink()
    home.say("ann", "after")
    with urllib.request.urlopen(health, timeout=LIMIT_S) as answer:
        assert answer.status == 200
    said = [text for text in home.heard("ann") if text in {"before", "after", long_text.strip(), long_text}]
    assert said[0] == "before"
    assert said[-1] == "after"
    assert server.end() == 0


def test_a_server_starts_on_a_disk_that_is_full_and_tells_what_was_said(home: House, small_disk: Path) -> None:
    home.data = small_disk / "data"
    server = home.serve(port=free_port(), **TO_THE_LAST_BYTE)
    port = server.port
    home.join("ann", server.first_invite)
    home.say("ann", "before")
    server.process.kill()
    server.process.wait()
    fill(small_disk)
    home.serve(port=port)
    assert "before" in home.heard("ann")


def test_a_first_start_without_room_says_so_and_works_with_room(home: House, small_disk: Path) -> None:
    home.data = small_disk / "data"
    ballast = fill(small_disk)
    server = home.start()
    assert server.process.wait(LIMIT_S) == 1
    server.end()
    told = [line for line in server.logged.splitlines() if line.startswith("lanline: ")]
    assert len(told) == 1, server.logged
    ballast.unlink()
    assert home.serve().first_invite is not None
