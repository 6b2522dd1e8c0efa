"""The bookkeeping of a fan-out, on links that a test answers for."""

import asyncio

import pytest

from child import ChildFailed
from fanouts.lanline_links import LanlineFanOut
from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessagesDelivered
from lanline.transport.connection import EventHandler

LIMIT_S = 60.0


class StandIn:
    """A link whose peer acknowledges when the test says so."""

    handler: EventHandler

    def __init__(self) -> None:
        self.batches = 0
        self.written = 0

    def set_handler(self, handler: EventHandler) -> None:
        self.handler = handler

    def send_framed_nowait(self, channel: Channel, framed: bytes, count: int) -> int:
        del channel, framed
        self.batches += 1
        self.written += count
        return self.written

    def acknowledge_all(self) -> None:
        self.handler(MessagesDelivered(Channel.CHAT, self.written))


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_no_more_batches_are_under_way_than_allowed_and_the_slowest_peer_counts() -> None:
    async def run() -> None:
        quick, slow = links = [StandIn(), StandIn()]
        sending = asyncio.ensure_future(LanlineFanOut(links, 2).cpu_s([b"a", b"b", b"c"], 5))
        await turns()
        assert (quick.batches, slow.batches) == (2, 2)
        quick.acknowledge_all()
        await turns()
        assert quick.batches == 2
        slow.handler(MessagesDelivered(Channel.CHAT, 3))
        await turns()
        assert slow.batches == 3
        while not sending.done():
            quick.acknowledge_all()
            slow.acknowledge_all()
            await turns()
        assert quick.batches == slow.batches == 5

    asyncio.run(asyncio.wait_for(run(), LIMIT_S))


def test_a_run_ends_with_its_last_acknowledgement_and_the_next_begins_anew() -> None:
    async def run() -> None:
        link = StandIn()
        fan_out = LanlineFanOut([link], 8)
        for size in (1, 4):
            sending = asyncio.ensure_future(fan_out.cpu_s([b"x"] * size, 3))
            await turns()
            assert not sending.done()
            link.handler(MessagesDelivered(Channel.CHAT, link.written - 1))
            await turns()
            assert not sending.done()
            link.acknowledge_all()
            assert await sending >= 0

    asyncio.run(asyncio.wait_for(run(), LIMIT_S))


def test_a_link_that_fails_ends_the_run() -> None:
    async def run() -> None:
        link = StandIn()
        sending = asyncio.ensure_future(LanlineFanOut([link], 1).cpu_s([b"x"], 3))
        await turns()
        closed: LinkEvent = LinkClosed(CloseCode.UNREACHABLE, "gone", by_peer=False)
        link.handler(closed)
        with pytest.raises(ChildFailed, match="gone"):
            await sending

    asyncio.run(asyncio.wait_for(run(), LIMIT_S))
