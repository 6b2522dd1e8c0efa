"""Lanline's contenders in the harness, each for a moment."""

import asyncio

import pytest

from certificate import temporary_certificate
from contenders import CONTENDERS, taking_part
from fanouts import FAN_OUTS, load_fan_out
from network import loopback
from pair import Purpose, RunResult, run_pair
from workload import Workload

MESSAGES = 50
LIMIT_S = 60.0


async def run(contender: str, purpose: Purpose, workload: Workload) -> RunResult:
    with temporary_certificate() as certificate:
        async with asyncio.timeout(LIMIT_S), loopback() as way:
            return await run_pair(contender, purpose, way, workload, certificate, LIMIT_S)


@pytest.mark.parametrize("contender", ["lanline_default", "lanline_stop_and_wait"])
def test_paced_messages_arrive_with_their_latency(contender: str) -> None:
    result = asyncio.run(run(contender, "latency", Workload(MESSAGES, 200, 0.002)))
    assert (result.received, result.out_of_order, result.damaged, result.failure) == (MESSAGES, 0, 0, "")
    assert all(ns is not None and ns > 0 for ns in result.latency_ns)


@pytest.mark.parametrize("contender", ["lanline_default", "lanline_1200"])
def test_a_flood_arrives_whole_over_several_credits(contender: str) -> None:
    workload = Workload(400, 16_384)
    result = asyncio.run(run(contender, "bulk", workload))
    assert workload.total_bytes > 2 * workload.window_bytes
    assert (result.received, result.out_of_order, result.damaged, result.failure) == (400, 0, 0, "")


def test_a_run_that_is_cut_off_tells_what_arrived_and_calls_it_no_failure() -> None:
    async def cut_off(after_s: float) -> RunResult:
        workload = Workload(10**5, 200, 0.01)
        with temporary_certificate() as certificate:
            async with loopback() as way:
                return await run_pair(
                    "lanline_default", "latency", way, workload, certificate, after_s - workload.duration_s
                )

    # On a busy machine half a second may be too short for a single message.
    results = (asyncio.run(asyncio.wait_for(cut_off(after_s), LIMIT_S)) for after_s in (0.5, 3.0, 12.0))
    result = next(result for result in results if result.received)
    assert result.received < 10_000
    assert not result.failure


def test_every_lanline_row_can_be_loaded() -> None:
    lanline = [name for name in CONTENDERS if name.startswith("lanline")]
    assert taking_part(lanline, "latency") == ["lanline_default", "lanline_stop_and_wait"]
    assert taking_part(lanline, "goodput") == ["lanline_1200"]
    assert len({load_fan_out(name).TITLE for name in FAN_OUTS}) == len(FAN_OUTS)
