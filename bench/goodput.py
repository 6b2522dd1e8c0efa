"""How much of a narrow link a bulk transfer fills while the network loses packets at random.

Random loss is no congestion: what halves its window for every lost packet leaves a radio link idle.
"""

from __future__ import annotations

import statistics

from certificate import Certificate, temporary_certificate
from child import ChildFailed
from contenders import datagram_of, load_contender, taking_part, title_of, why_not_installed
from impairment import Impairment
from network import ip_network, udp_network, why_no_ip_network
from pair import run_pair
from section import Options, Section, table
from workload import Workload

NAME = "goodput"
MESSAGE_BYTES = 16_384
RATE_BPS = 50e6
DELAY_S = 0.01
LOSSES = (0.0, 0.01, 0.05)
SECONDS = 5.0
QUICK_SECONDS = 2.0
RUNS = 2

Goodputs = list[float] | str
"""Mbit/s of each run, or why there are none."""


async def measure(options: Options) -> Section:
    seconds, runs = (QUICK_SECONDS, 1) if options.quick else (SECONDS, RUNS)
    results: dict[str, dict[float, Goodputs]] = {}
    with temporary_certificate() as certificate:
        for contender in taking_part(options.contenders, NAME):
            seeds = range(options.seed, options.seed + runs)
            results[contender] = {
                loss: await _goodputs(contender, loss, seconds, seeds, certificate, all_ip=options.all_ip)
                for loss in LOSSES
            }
    rows = [[title_of(c), datagram_of(c), *map(_text, cells.values())] for c, cells in results.items()]
    return Section(
        name=NAME,
        title="Bulk throughput under loss",
        setting=(
            f"{MESSAGE_BYTES:,}-byte messages as fast as they go for {seconds:g} s through the proxy: "
            f"{RATE_BPS / 1e6:g} Mbit/s each way with a queue of {Impairment().queue_bytes // 1024} KiB, "
            f"{DELAY_S * 2e3:.0f} ms round trip, the given share of packets lost at random in each direction. Mbit/s "
            f"of messages that reached the receiver's application, the mean of {runs} with the slowest and the fastest "
            "behind it. A perfect protocol would reach about 47 without loss and 45 at 5 %. UDP goes by way of "
            "loopback, TCP between two network namespaces with an MTU of 1500, under the system's congestion control "
            "(below)."
        ),
        tables=(table(["Mbit/s", "datagram", *(f"{loss:.0%} lost" for loss in LOSSES)], rows),),
        figures={
            title_of(contender): {f"{loss:g}": cell for loss, cell in cells.items()}
            for contender, cells in results.items()
        },
    )


async def _goodputs(
    contender: str, loss: float, seconds: float, seeds: range, certificate: Certificate, *, all_ip: bool
) -> Goodputs:
    if missing := why_not_installed(contender):
        return missing
    network = udp_network
    if all_ip or load_contender(contender).CARRIER == "ip":
        network = ip_network
        if missing := why_no_ip_network():
            return missing
    # More than the link could carry in the time, so that nobody comes to the end of it.
    workload = Workload(round(2 * seconds * RATE_BPS / 8 / MESSAGE_BYTES), MESSAGE_BYTES)
    found: list[float] = []
    try:
        for seed in seeds:
            async with network(Impairment(DELAY_S, loss, rate_bps=RATE_BPS), seed) as way:
                run = await run_pair(contender, "bulk", way, workload, certificate, seconds)
            if run.failure or run.out_of_order or run.damaged:
                return f"failed: {run.failure or 'messages out of order or damaged'}"
            found.append(run.received * MESSAGE_BYTES * 8 / 1e6 / seconds)
    except (ChildFailed, OSError) as failure:
        return f"failed: {failure}"
    return found


def _text(goodputs: Goodputs) -> str:
    if isinstance(goodputs, str):
        return goodputs
    spread = f" ({min(goodputs):.1f} to {max(goodputs):.1f})" if len(goodputs) > 1 else ""
    return f"{statistics.fmean(goodputs):.1f}{spread}"
