import math

from latency import Cell
from network import WireCount
from pair import RunResult


def run_with(latency_ns: list[int | None], failure: str = "") -> RunResult:
    return RunResult(
        received=sum(ns is not None for ns in latency_ns),
        out_of_order=0,
        damaged=0,
        elapsed_s=1.0,
        sender_cpu_s=0.1,
        receiver_cpu_s=0.1,
        latency_ns=latency_ns,
        wire=WireCount(packets=200, size_bytes=30_000, lost_packets=10),
        failure=failure,
    )


def test_cell_tells_percentiles_in_milliseconds() -> None:
    cell = Cell.of([run_with([number * 1_000_000 for number in range(100, 0, -1)])])
    assert (cell.p50_ms, cell.p99_ms, cell.max_ms) == (50.0, 99.0, 100.0)
    assert cell.text == "50.0 / 99.0 / 100"
    assert cell.wire_bytes_per_message == 300


def test_missing_messages_count_as_infinitely_late() -> None:
    cell = Cell.of([run_with([10_000_000] * 90 + [None] * 10)])
    assert cell.undelivered == 10
    assert math.isinf(cell.p99_ms)
    assert cell.text == "10.0 / never / never; 10 of 100 missing"


def test_failed_link_is_named_in_the_cell() -> None:
    assert Cell.of([run_with([10_000_000, None], "peer given up")]).text.endswith("(peer given up)")


def test_runs_are_pooled() -> None:
    cell = Cell.of([run_with([10_000_000] * 100), run_with([50_000_000] * 100)])
    assert (cell.sent, cell.p50_ms, cell.p99_ms) == (200, 10.0, 50.0)
    assert cell.lost_packets == 20
