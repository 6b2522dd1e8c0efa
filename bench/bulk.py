"""Part (b): how fast two processes on loopback can push bytes through a reliable link, and what it costs them."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from certificate import Certificate, temporary_certificate
from child import ChildFailed
from contenders import datagram_of, taking_part, title_of, why_not_installed
from network import loopback
from pair import RunResult, run_pair
from section import Options, Section, table
from workload import Workload

NAME = "bulk"
MESSAGE_BYTES = (1_000, 16_384, 65_536)
"""One that fits a packet, and one that has to be cut up."""
TOTAL_BYTES = 100_000_000
QUICK_TOTAL_BYTES = 10_000_000
RUNS = 3
LIMIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Rate:
    goodput_mb_s: float
    sender_cpu_s_per_gb: float
    receiver_cpu_s_per_gb: float

    @classmethod
    def of(cls, run: RunResult, workload: Workload) -> Rate:
        gigabytes = run.received * workload.size_bytes / 1e9
        return cls(gigabytes * 1e3 / run.elapsed_s, run.sender_cpu_s / gigabytes, run.receiver_cpu_s / gigabytes)

    @property
    def text(self) -> list[str]:
        return [f"{self.goodput_mb_s:.0f}", f"{self.sender_cpu_s_per_gb:.2f}", f"{self.receiver_cpu_s_per_gb:.2f}"]


async def measure(options: Options) -> Section:
    total = QUICK_TOTAL_BYTES if options.quick else TOTAL_BYTES
    runs = 1 if options.quick else RUNS
    rows: list[list[str]] = []
    figures: list[dict[str, object]] = []
    with temporary_certificate() as certificate:
        for size in MESSAGE_BYTES:
            workload = Workload(total // size, size)
            for contender in taking_part(options.contenders, NAME):
                rate = await _rate(contender, workload, certificate, runs)
                rows.append([title_of(contender), datagram_of(contender), str(size), *_columns(rate)])
                figures.append({"contender": title_of(contender), "message_bytes": size, **_data(rate)})
    return Section(
        name=NAME,
        title="Bulk throughput",
        setting=(
            f"Two processes on loopback, no proxy; {total / 1e6:.0f} MB of messages as fast as they go, reliable and "
            f"in order, at most {workload.window_bytes // 2**20} MiB on their way (the receiver gives credit: some of "
            f"these libraries have send queues without a bound), for at most {LIMIT_S:g} s. The median of {runs}. "
            "TCP's work is done by the kernel and by OpenSSL, ENet's by C; each runs as its Python binding is used. "
            "Every one sends datagrams of the size that it chooses by itself; loopback lets 65,000 bytes pass, the "
            "internet about 1200, so the row with 1200 is what a path through it may expect. CPU is user and system "
            "time of the process."
        ),
        tables=(table(["", "datagram", "message B", "MB/s", "sender CPU s/GB", "receiver CPU s/GB"], rows),),
        figures=figures,
    )


async def _rate(contender: str, workload: Workload, certificate: Certificate, runs: int) -> Rate | str:
    """The run with the median goodput, or why there is none."""
    if missing := why_not_installed(contender):
        return missing
    try:
        rates = [await _one_run(contender, workload, certificate) for _ in range(runs)]
    except (ChildFailed, OSError) as failure:
        return f"failed: {failure}"
    median = statistics.median_low(rate.goodput_mb_s for rate in rates)
    return next(rate for rate in rates if rate.goodput_mb_s == median)


async def _one_run(contender: str, workload: Workload, certificate: Certificate) -> Rate:
    async with loopback() as way:
        run = await run_pair(contender, "bulk", way, workload, certificate, LIMIT_S)
    if run.failure or not run.received:
        raise ChildFailed(run.failure or f"nothing arrived within {LIMIT_S:g} s")
    if run.out_of_order or run.damaged:
        raise ChildFailed(f"{run.out_of_order} messages out of order, {run.damaged} damaged")
    return Rate.of(run, workload)


def _columns(rate: Rate | str) -> list[str]:
    return [rate, "", ""] if isinstance(rate, str) else rate.text


def _data(rate: Rate | str) -> dict[str, object]:
    if isinstance(rate, str):
        return {"failure": rate}
    return {
        "goodput_mb_s": rate.goodput_mb_s,
        "sender_cpu_s_per_gb": rate.sender_cpu_s_per_gb,
        "receiver_cpu_s_per_gb": rate.receiver_cpu_s_per_gb,
    }
