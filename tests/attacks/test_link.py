"""Attacks of strangers and onlookers on a UDP link, over real sockets; judged by what they were let do."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from attacks import challenges, handshakes, pings
from attacks.lasting import attacked
from attacks.onlooker import Onlooker
from attacks.stranger import ELSEWHERE, Address, Counts
from e2e.end import End
from lanline.client.home import Home
from lanline.client.peer import conversation
from lanline.client.peer.chat import PeerChat
from lanline.client.peer.events import Joined
from lanline.crypto.identity import Identity
from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, PeerMoved
from lanline.proto.link.preamble import Refused, Versions, encode_preamble
from lanline.proto.link.profile import LinkProfile
from lanline.transport.dialer import Dialer
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from lanline.transport.websockethost import listen

LIMIT_S = 60.0
ATTACK_S = 0.3
MBIT = 1e6
SERVER, CLIENT = Identity.generate(), Identity.generate()


class Host:
    """A server's end of links, with nothing above it."""

    def __init__(self, sock: UdpSocket, profile: LinkProfile) -> None:
        self.ends: list[End] = []
        self.most_waiting = 0
        """Frames that waited to be sent on one link, as seen at each event."""
        self.host = LinkHost(
            sock, SERVER, profile=profile, on_accept=lambda connection, _: self.ends.append(End(connection))
        )

    def look(self) -> None:
        for link in self.host._endpoint.links:
            self.most_waiting = max(self.most_waiting, len(link._outgoing.outbox._control))


@asynccontextmanager
async def serving(profile: LinkProfile | None = None) -> AsyncIterator[Host]:
    made = Host(await UdpSocket.bind("127.0.0.1", 0), profile or LinkProfile())
    try:
        async with asyncio.timeout(LIMIT_S):
            yield made
    finally:
        made.host.close()


def violations(host: Host) -> int:
    closed = [end.closed for end in host.ends]
    return sum(each is not None and each.code is CloseCode.PROTOCOL_VIOLATION for each in closed)


@pytest.mark.parametrize(("kind", "frames_each"), [(challenges, 32), (challenges, 100), (pings, 1), (pings, 1168)])
def test_frames_of_a_stranger_are_counted_and_end_the_link(kind: object, frames_each: int) -> None:
    """A server and everybody else who knows nobody yet."""

    async def scenario(seconds: float) -> tuple[int, int]:
        async with serving(LinkProfile(stranger_window_bytes=16_384)) as host:
            attack = kind.attack  # type: ignore[attr-defined]
            counts = await asyncio.to_thread(attack, host.host.address, seconds, 2 * MBIT, frames_each=frames_each)
            return counts.links, violations(host)

    # What was under way when the link was closed is not taken.
    links, ended = attacked(lambda seconds: asyncio.run(scenario(seconds)), lambda found: found[0] > 1, ATTACK_S)
    assert ended >= links - 1


def test_challenges_that_are_never_acknowledged_pile_up_nothing() -> None:
    """On a link where everybody is trusted, too."""

    async def scenario(seconds: float) -> tuple[Counts, int]:
        async with serving() as host:
            attacking = asyncio.create_task(asyncio.to_thread(challenges.attack, host.host.address, seconds, MBIT))
            while not attacking.done():
                host.look()
                await asyncio.sleep(0)
            return await attacking, host.most_waiting

    counts, most_waiting = attacked(
        lambda seconds: asyncio.run(scenario(seconds)), lambda found: found[0].frames > 1000, ATTACK_S
    )
    assert counts.links == 1, "on each new link the pile begins anew"
    assert most_waiting <= 9
    assert counts.received_bytes <= counts.sent_bytes


def test_a_stranger_who_floods_a_waiting_peer_does_not_keep_its_partner_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "_INTRODUCED_WITHIN_S", 1.0)  # the last of its links has so long

    async def scenario(seconds: float) -> int:
        ann, bob = PeerChat(Home(tmp_path / "ann"), "ann"), PeerChat(Home(tmp_path / "bob"), "bob")
        await ann.start("127.0.0.1", 0, None, 0)
        counts = await asyncio.to_thread(challenges.attack, ("127.0.0.1", ann.port), seconds, 2 * MBIT)
        await bob.start("127.0.0.1", 0, "127.0.0.1", ann.port)
        async with asyncio.timeout(LIMIT_S):
            while not isinstance(await bob.next_event(), Joined):
                pass
        await asyncio.gather(ann.close(), bob.close())
        return counts.links

    # The link of somebody who sends too much does not stay up.
    attacked(lambda seconds: asyncio.run(scenario(seconds)), lambda links: links > 1, ATTACK_S)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has all of 127.0.0.0/8")
def test_handshakes_have_a_price_and_who_is_known_pays_another() -> None:
    async def scenario(seconds: float) -> tuple[int, int]:
        async with serving() as host:
            caller = LinkHost(await UdpSocket.bind("127.0.0.1", 0), CLIENT)
            member = await caller.connect(host.host.address)
            host.ends[0].connection.trust()
            began = time.monotonic()
            attacking = asyncio.create_task(
                asyncio.to_thread(handshakes.attack, host.host.address, seconds, 10 * MBIT, source=ELSEWHERE)
            )
            came = 0
            while not attacking.done():
                (await caller.connect(host.host.address)).close()
                came += 1
                await asyncio.sleep(0.1)
            counts = await attacking
            # 50 a second of one network, and as many as in 2.5 s at once.
            assert counts.links <= 50 * (2.5 + time.monotonic() - began) + 1
            assert member.closed is None
            caller.close()
            return counts.links, came

    def is_enough(found: tuple[int, int]) -> bool:
        links, came = found
        return links >= 150 and came >= 3

    attacked(lambda seconds: asyncio.run(scenario(seconds)), is_enough, 1.5)


def forgeries(client_id: bytes) -> list[bytes]:
    return [
        encode_preamble(packet)
        for packet in (Versions(client_id, b"\7"), Refused(client_id, CloseCode.BUSY), Refused(client_id, 8))
    ]


def test_forged_versions_and_refusals_end_no_call() -> None:
    async def scenario() -> None:
        async with serving() as host:
            onlooker = Onlooker(host.host.address, forged=forgeries)
            caller = LinkHost(await UdpSocket.bind("127.0.0.1", 0), CLIENT)
            connection = await caller.connect(onlooker.address, SERVER.fingerprint)
            assert onlooker.forgeries >= 6
            connection.send_nowait(Channel.CHAT, b"through")
            await host.ends[0].wait_until(lambda: host.ends[0].received[Channel.CHAT] == [b"through"])
            caller.close()
            onlooker.close()

    asyncio.run(scenario())


def test_where_nothing_but_forgeries_comes_websocket_is_tried() -> None:
    async def scenario() -> None:
        ends: list[End] = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            onlooker = Onlooker(nobody.getsockname(), forged=forgeries, relays=False)
            host = await listen(*onlooker.address, SERVER, lambda connection, _: ends.append(End(connection)))
            with closing(Dialer(CLIENT)) as dialer:
                async with asyncio.timeout(LIMIT_S):
                    connection = await dialer.connect(*onlooker.address, SERVER.fingerprint)
            connection.close()
            await ends[0].wait_until(lambda: ends[0].closed)
            host.close()
            await host.wait_closed()
            onlooker.close()

    asyncio.run(scenario())


def test_an_onlooker_with_copies_that_come_first_does_not_become_the_path() -> None:
    async def scenario() -> None:
        async with serving() as host:
            onlooker = Onlooker(host.host.address, copies=True)
            caller = LinkHost(await UdpSocket.bind("127.0.0.1", 0), CLIENT)
            near = End(await caller.connect(onlooker.address))
            far = host.ends[0]
            true_address: Address = onlooker._back.getsockname()
            for number in range(20):
                near.connection.send_nowait(Channel.CHAT, bytes([number]))
                far.connection.send_nowait(Channel.CHAT, bytes([number]))
                await near.wait_until(lambda number=number: len(near.received[Channel.CHAT]) > number)  # type: ignore[misc]
                await far.wait_until(lambda number=number: len(far.received[Channel.CHAT]) > number)  # type: ignore[misc]
                await asyncio.sleep(0.02)
            [link] = host.host._endpoint.links
            assert onlooker.copied >= 20
            assert link.address == true_address
            for end in (near, far):
                assert not [event for event in end.events if isinstance(event, PeerMoved | LinkClosed)]
            caller.close()
            onlooker.close()

    asyncio.run(scenario())
