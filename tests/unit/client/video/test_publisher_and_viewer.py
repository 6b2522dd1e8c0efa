"""Live video over links: who is sent what, and what happens when one of the two goes away."""

from __future__ import annotations

import asyncio

import pytest

from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed
from lanline.transport.linkhost import LinkHost
from lanline.wire.video import Subscribe
from unit.client.video.stage import JPEG, LADDER, PUBLISHER_ADDRESS, VIEWER, Stage, frame, run


def test_what_is_published_is_seen() -> None:
    async def scenario(stage: Stage) -> None:
        viewer = stage.add_viewer()
        await stage.publish_until(lambda: viewer.statistics.frames >= 5)
        frames = await viewer.take(1.0)
        first = int.from_bytes(frames[0].payload[:4], "big")
        assert [seen.payload for seen in frames] == [frame(first + index).payload for index in range(len(frames))]
        assert (frames[0].width, frames[0].height) == (640, 480)
        assert frames[1].captured_at_us - frames[0].captured_at_us == 20_000

    run(scenario)


def test_nothing_is_wanted_of_the_encoders_while_nobody_watches() -> None:
    async def scenario(stage: Stage) -> None:
        assert stage.publisher.wanted_rungs == frozenset()
        viewer = stage.add_viewer()
        await stage.publish_until(lambda: viewer.statistics.frames >= 1)
        stage.tasks.pop().cancel()
        await stage.publish_until(lambda: not stage.publisher.wanted_rungs)
        assert stage.requests.rungs == [frozenset({0}), frozenset()]
        assert stage.counts == [1, 0]

    run(scenario)


def test_each_viewer_gets_the_rung_it_wants_and_only_those_are_encoded() -> None:
    async def scenario(stage: Stage) -> None:
        small = stage.add_viewer(0, Subscribe(max_height=240))
        await stage.publish_until(lambda: small.statistics.frames >= 2, rungs=(0, 1))
        assert stage.publisher.wanted_rungs == {0}
        large = stage.add_viewer(1)
        await stage.publish_until(lambda: large.statistics.frames >= 2, rungs=(0, 1))
        assert stage.publisher.wanted_rungs == {0, 1}
        assert (small.statistics.rung, large.statistics.rung) == (0, 1)

    run(scenario, LADDER)


def test_a_publisher_that_was_killed_and_started_again_is_watched_again() -> None:
    async def scenario(stage: Stage) -> None:
        viewer = stage.add_viewer()
        await stage.publish_until(lambda: viewer.statistics.frames >= 3)
        stage.kill_publisher()
        stage.open_publisher()
        seen = viewer.statistics.frames
        await stage.publish_until(lambda: viewer.statistics.frames >= seen + 3)
        assert viewer.calls >= 2

    run(scenario)


def test_the_end_of_a_broadcast_is_the_end_of_watching() -> None:
    async def scenario(stage: Stage) -> None:
        viewer = stage.add_viewer()
        await stage.publish_until(lambda: viewer.statistics.frames >= 1)
        stage.publisher.close()
        await stage.tasks[0]
        assert viewer.end is not None
        assert not viewer.end.is_refusal
        await viewer.take(1.0)
        assert await viewer.take(1.0) == []

    run(scenario)


def test_a_viewer_too_many_is_told_so_and_does_not_call_again() -> None:
    async def scenario(stage: Stage) -> None:
        stage.kill_publisher()
        stage.open_publisher(max_viewers=1)
        first = stage.add_viewer(0)
        await stage.publish_until(lambda: first.statistics.frames >= 1)
        second = stage.add_viewer(1)
        await stage.tasks[1]
        assert second.end is not None
        assert second.end.is_refusal
        assert "Try again later" in second.end.reason

    run(scenario)


def test_a_viewer_that_speaks_nonsense_is_hung_up_on() -> None:
    async def scenario(stage: Stage) -> None:
        host = LinkHost(stage.network.bind(("memory", 7)), VIEWER)
        connection = await host.connect(PUBLISHER_ADDRESS)
        connection.send_nowait(Channel.CONTROL, b"\xff nonsense")
        closed = await connection.wait_closed()
        assert closed.code is CloseCode.PROTOCOL_VIOLATION
        host.close()

    run(scenario)


def test_packets_of_a_stream_that_come_from_elsewhere_are_not_taken() -> None:
    async def scenario(stage: Stage) -> None:
        viewer = stage.add_viewer()
        await stage.publish_until(lambda: viewer.statistics.frames >= 1)
        captured: list[bytes] = []
        original = stage.network.carry

        def carry(source: tuple[str, int], destination: tuple[str, int], datagrams: list[bytes]) -> None:
            captured.extend(datagrams)
            original(("elsewhere", 9), destination, datagrams)

        stage.network.carry = carry  # type: ignore[method-assign]
        while any(sock._arrived for sock in stage.network._sockets.values()):  # noqa: ASYNC110 -- no event tells of it
            await asyncio.sleep(0)
        seen = viewer.statistics.received_bytes
        for number in range(10, 20):
            stage.publisher.publish(0, frame(number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert captured
        assert viewer.statistics.received_bytes == seen

    run(scenario)


@pytest.mark.parametrize("plans", [JPEG, LADDER])
def test_a_publisher_without_viewers_sends_nothing(plans: tuple[object, ...]) -> None:
    async def scenario(stage: Stage) -> None:
        sent: list[bytes] = []
        stage.network.carry = lambda _source, _destination, datagrams: sent.extend(datagrams)  # type: ignore[method-assign]
        for number in range(5):
            stage.publisher.publish(0, frame(number))
        await asyncio.sleep(0)
        assert sent == []

    run(scenario, plans)  # type: ignore[arg-type]


def test_a_viewer_that_hung_up_is_forgotten() -> None:
    async def scenario(stage: Stage) -> None:
        viewer = stage.add_viewer()
        await stage.publish_until(lambda: viewer.statistics.frames >= 1)
        stage.hosts[0].close("good night")
        await stage.publish_until(lambda: stage.publisher.viewer_count == 0)

    run(scenario)


def test_a_link_that_closes_during_a_burst_hurts_nobody() -> None:
    async def scenario(stage: Stage) -> None:
        viewer = stage.add_viewer()
        await stage.publish_until(lambda: viewer.statistics.frames >= 1)
        connection = next(iter(stage.publisher._core.viewers))
        connection.close()  # type: ignore[attr-defined]
        stage.publisher.publish(0, frame(100))
        assert isinstance(connection.closed, LinkClosed)  # type: ignore[attr-defined]
        await stage.publish_until(lambda: viewer.calls >= 2, first=101)

    run(scenario)
