"""How fast a member reads what was said while it was away: off the wire, and into its own history on the disk."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from chatcrowds import MESSAGE_BYTES
from chatcrowds.lanline import keys_path
from chatservers import Place, Serving
from chatservers.lanline import prepared, serving_prepared
from lanline.client.chat.client import HISTORY_FILE, ChatClient
from lanline.client.pin import KnownServer, write_pin
from lanline.client.sealing.opener import open_all
from lanline.client.view.events import CaughtUp, EntriesReceived, NodeEvent
from lanline.crypto.identity import Identity
from lanline.ids import new_entry_id
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import LogId, NewEntry
from lanline.proto.channels import Channel
from lanline.proto.events import LinkEvent, MessageReceived
from lanline.storage.sqlite.engine import SqliteEngine
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from lanline.wire.chat.conversations import Conversations
from lanline.wire.chat.entries import Entries, Follow
from lanline.wire.chat.messages import decode_server_message, encode_message
from lanline.wire.chat.signin import VERSIONS, Hello, SignIn
from process import cpu_s, cpu_s_of_children
from section import Options, Section, table

NAME = "chatcatchup"
BEHIND = 100_000
QUICK_BEHIND = 20_000
APPENDS_AT_ONCE = 1_000
LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Reading:
    messages_per_s: float
    server_cpu_us: float
    client_cpu_us: float
    server_grown_mb: float


async def measure(options: Options) -> Section:
    behind = QUICK_BEHIND if options.quick else BEHIND
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = prepared(folder, 2)
        home = folder / "home"
        with serving_to(home, folder, data) as serving:
            await read_with_history(home, serving, 0)
        _append(data, behind)
        with serving_to(home, folder, data) as serving:
            wire = await _read_off_the_wire(folder, serving, behind)
            history = await read_with_history(home, serving, behind)
    rows = [_row("off the wire, kept nowhere", wire), _row("into the history on the disk", history)]
    return Section(
        name=NAME,
        title=f"Chat: a member who is {behind:,} messages behind",
        setting=(
            f"{behind:,} messages of {MESSAGE_BYTES} bytes were said in a room while a member was away. It connects "
            "over loopback, signs in, and reads on from its cursor; the time counts from the call to the last message. "
            "First a bare link that decodes what comes, then the client that people use, which has each message in its "
            "database on the disk before it shows it. CPU is user and system time of each process for one message; "
            "the server's growth is that of its resident set."
        ),
        tables=(table(["", "messages/s", "server CPU µs", "client CPU µs", "server grew MB"], rows),),
        figures={"wire": asdict(wire), "history": asdict(history)},
    )


def _row(title: str, reading: Reading) -> list[str]:
    return [
        title,
        f"{reading.messages_per_s:,.0f}",
        f"{reading.server_cpu_us:.1f}",
        f"{reading.client_cpu_us:.1f}",
        f"{reading.server_grown_mb:.1f}",
    ]


@contextmanager
def serving_to(home: Path, folder: Path, data: Path) -> Iterator[Serving]:
    with serving_prepared(data, Place()) as serving:
        home.mkdir(exist_ok=True)
        (home / "identity.pem").write_bytes(keys_path(folder, 1).read_bytes())
        fingerprint = Identity.from_pem((data / "identity.pem").read_bytes()).fingerprint
        write_pin(home, KnownServer(serving.place.host, serving.place.port, fingerprint, "bench", 2, "member1"))
        yield serving


def _append(data: Path, count: int) -> None:
    engine = SqliteEngine.open(data)
    try:
        room = engine.read(lambda view: view.rooms.all()[0].log)
        for _ in range(count // APPENDS_AT_ONCE):
            entries = [_entry(room) for _ in range(APPENDS_AT_ONCE)]
            engine.transact([lambda transaction, entries=entries: transaction.logs.append(entries)])
    finally:
        engine.close()


def _entry(log: LogId) -> NewEntry:
    now_ms = int(time.time() * 1000)
    entry_id = new_entry_id(now_ms, os.urandom)
    return NewEntry(log, entry_id, AccountId(1), DeviceId(1), now_ms, "plain", os.urandom(MESSAGE_BYTES))


async def _timed(serving: Serving, behind: int, begin: Callable[[asyncio.Event], None]) -> Reading:
    has_all = asyncio.Event()
    bytes_before, server_before, client_before = serving.resident_bytes(), serving.cpu_s(), _client_cpu_s()
    began = time.monotonic()
    begin(has_all)
    await asyncio.wait_for(has_all.wait(), LIMIT_S)
    seconds = time.monotonic() - began
    count = max(1, behind)
    return Reading(
        behind / seconds,
        (serving.cpu_s() - server_before) * 1e6 / count,
        (_client_cpu_s() - client_before) * 1e6 / count,
        (serving.resident_bytes() - bytes_before) / 1e6,
    )


def _client_cpu_s() -> float:
    """With the program in which it opens the words of a long catch-up."""
    return cpu_s() + cpu_s_of_children(open_all.__module__)


async def _read_off_the_wire(folder: Path, serving: Serving, behind: int) -> Reading:
    identity = Identity.from_pem(keys_path(folder, 0).read_bytes())
    host = LinkHost(await UdpSocket.bind("127.0.0.1", 0), identity)
    connection = host.connect_nowait((serving.place.host, serving.place.port))
    missing = behind

    def begin(has_all: asyncio.Event) -> None:
        def on_event(event: LinkEvent) -> None:
            nonlocal missing
            if type(event) is not MessageReceived:
                return
            message = decode_server_message(event.payload)
            if type(message) is Conversations and message.conversations:
                (room,) = message.conversations
                connection.send_nowait(Channel.CHAT, encode_message(Follow(room.log, room.head - behind)))
            elif type(message) is Entries:
                missing -= len(message.entries)
                if not missing:
                    has_all.set()

        connection.set_handler(on_event)

    try:
        await asyncio.wait_for(connection.wait_established(), LIMIT_S)
        connection.send_nowait(Channel.CHAT, encode_message(Hello(VERSIONS, "bench")))
        connection.send_nowait(Channel.CHAT, encode_message(SignIn(1)))
        return await _timed(serving, behind, begin)
    finally:
        host.close()


async def read_with_history(home: Path, serving: Serving, behind: int) -> Reading:
    client = ChatClient.at_home(home)
    received = 0

    def begin(has_all: asyncio.Event) -> None:
        def on_event(event: NodeEvent) -> None:
            nonlocal received
            if type(event) is EntriesReceived:
                received += len(event.messages)
            elif type(event) is CaughtUp:
                has_all.set()

        client.node.subscribe(on_event)

    async def connect_and_read() -> Reading:
        reading = asyncio.create_task(_timed(serving, behind, begin))
        await asyncio.sleep(0)
        async with client:
            return await reading

    outcome = await connect_and_read()
    assert (home / HISTORY_FILE).exists()
    assert received == behind, received
    return outcome
