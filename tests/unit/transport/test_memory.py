"""Datagrams within a process."""

from __future__ import annotations

import asyncio

import pytest

from lanline.errors import AddressUnavailable
from lanline.transport.memory import MemoryNetwork

HERE, THERE = ("memory", 1), ("memory", 2)


def test_a_burst_arrives_later_with_its_source_and_rings_once() -> None:
    async def scenario() -> None:
        network = MemoryNetwork()
        here, there = network.bind(HERE), network.bind(THERE)
        rings: list[int] = []
        there.start(lambda: rings.append(1))
        here.send(THERE, [b"one", b"two"])
        here.send(THERE, [b"three"])
        assert rings == []
        await asyncio.sleep(0)
        assert rings == [1]
        assert there.receive() == [(b"one", HERE), (b"two", HERE), (b"three", HERE)]
        assert there.receive() == []
        here.send(THERE, [b"four"])
        await asyncio.sleep(0)
        assert rings == [1, 1]

    asyncio.run(scenario())


def test_an_address_is_bound_once_until_it_is_closed() -> None:
    async def scenario() -> None:
        network = MemoryNetwork()
        here = network.bind(HERE)
        with pytest.raises(AddressUnavailable, match="Port 1 on memory is taken"):
            network.bind(HERE)
        here.close()
        network.bind(HERE)

    asyncio.run(scenario())


def test_what_is_sent_to_nobody_or_to_who_has_left_is_lost() -> None:
    async def scenario() -> None:
        network = MemoryNetwork()
        here, there = network.bind(HERE), network.bind(THERE)
        rings: list[int] = []
        there.start(lambda: rings.append(1))
        here.send(("memory", 3), [b"nobody"])
        here.send(THERE, [b"too late"])
        there.close()
        here.send(THERE, [b"gone"])
        await asyncio.sleep(0)
        assert rings == []
        there.close()

    asyncio.run(scenario())
