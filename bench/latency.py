"""Part (c): how long a message takes from one application to the other while the network loses packets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from certificate import Certificate, temporary_certificate
from child import ChildFailed
from contenders import load_contender, taking_part, title_of, why_not_installed
from impairment import Impairment
from network import ip_network, udp_network, why_no_ip_network
from pair import RunResult, run_pair
from section import Options, Section, percentile, table
from workload import Workload

NAME = "latency"
MESSAGE_BYTES = 200
INTERVAL_S = 0.01
DELAY_S = 0.01
GRACE_S = 8.0
QUICK_GRACE_S = 3.0

CONDITIONS = {
    "no loss": Impairment(DELAY_S),
    "1 %": Impairment(DELAY_S, 0.01),
    "5 %": Impairment(DELAY_S, 0.05),
    "10 %": Impairment(DELAY_S, 0.10),
    "20 %": Impairment(DELAY_S, 0.20),
    "30 %": Impairment(DELAY_S, 0.30),
    "5 % in bursts of 4": Impairment(DELAY_S, 0.05, burst=4.0),
}
QUICK_CONDITIONS = ("no loss", "5 %", "5 % in bursts of 4")


@dataclass(frozen=True, slots=True)
class Cell:
    """One contender under one condition. What never arrived counts as infinitely late in every percentile."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    sent: int
    undelivered: int
    out_of_order: int
    wire_bytes_per_message: float
    wire_packets_per_message: float
    lost_packets: int
    failure: str

    @classmethod
    def of(cls, runs: Sequence[RunResult]) -> Cell:
        ordered = sorted(math.inf if ns is None else ns / 1e6 for run in runs for ns in run.latency_ns)
        sent = len(ordered)
        return cls(
            p50_ms=percentile(ordered, 0.50),
            p99_ms=percentile(ordered, 0.99),
            max_ms=ordered[-1],
            sent=sent,
            undelivered=sent - sum(run.received for run in runs),
            out_of_order=sum(run.out_of_order + run.damaged for run in runs),
            wire_bytes_per_message=sum(run.wire.size_bytes for run in runs) / sent,
            wire_packets_per_message=sum(run.wire.packets for run in runs) / sent,
            lost_packets=sum(run.wire.lost_packets for run in runs),
            failure=", ".join(sorted({run.failure for run in runs if run.failure})),
        )

    @property
    def text(self) -> str:
        text = f"{_ms(self.p50_ms)} / {_ms(self.p99_ms)} / {_ms(self.max_ms)}"
        if self.undelivered:
            text += f"; {self.undelivered} of {self.sent} missing"
        if self.out_of_order:
            text += f"; {self.out_of_order} WRONG"
        return f"{text} ({self.failure})" if self.failure else text


def _ms(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:.1f}" if value < 100 else f"{value:.0f}"


async def measure(options: Options) -> Section:
    conditions = {name: CONDITIONS[name] for name in (QUICK_CONDITIONS if options.quick else CONDITIONS)}
    with temporary_certificate() as certificate:
        results = {
            contender: {
                name: await _cell(contender, impairment, options, certificate)
                for name, impairment in conditions.items()
            }
            for contender in taking_part(options.contenders, NAME)
        }
    latencies = [[title_of(c), *(_text(cell) for cell in cells.values())] for c, cells in results.items()]
    wire = [[title_of(c), *(_wire_text(cell) for cell in cells.values())] for c, cells in results.items()]
    return Section(
        name=NAME,
        title="Delivery latency under loss",
        setting=_setting(options),
        tables=(
            table(["ms: p50 / p99 / max", *conditions], latencies),
            table(["bytes on the wire a message", *conditions], wire),
        ),
        figures={
            "interval_s": INTERVAL_S,
            "seconds": options.seconds,
            "runs": options.runs,
            "seed": options.seed,
            "results": {
                title_of(c): {name: _data(cell) for name, cell in cells.items()} for c, cells in results.items()
            },
        },
        images=("benchmarks-latency.svg",),
    )


async def _cell(contender: str, impairment: Impairment, options: Options, certificate: Certificate) -> Cell | str:
    """The figures, or why there are none."""
    if missing := why_not_installed(contender):
        return missing
    network = udp_network
    if options.all_ip or load_contender(contender).CARRIER == "ip":
        network = ip_network
        if missing := why_no_ip_network():
            return missing
    workload = Workload(round(options.seconds / INTERVAL_S), MESSAGE_BYTES, INTERVAL_S)
    grace_s = QUICK_GRACE_S if options.quick else GRACE_S
    try:
        runs: list[RunResult] = []
        for seed in range(options.seed, options.seed + options.runs):
            async with network(impairment, seed) as way:
                runs.append(await run_pair(contender, "latency", way, workload, certificate, grace_s))
        return Cell.of(runs)
    except (ChildFailed, OSError) as failure:
        return f"failed: {failure}"


def _setting(options: Options) -> str:
    messages = options.runs * round(options.seconds / INTERVAL_S)
    grace_s = QUICK_GRACE_S if options.quick else GRACE_S
    way = "All go" if options.all_ip else "UDP goes through the proxy by way of loopback, TCP"
    return (
        f"{MESSAGE_BYTES}-byte messages, {1 / INTERVAL_S:.0f} a second, {options.runs} x {options.seconds:g} s "
        f"({messages} in each cell), reliable and in order, {DELAY_S * 2e3:.0f} ms round trip. The given share of "
        "packets is lost in each direction, acknowledgements too, from the end of the handshake on; bursts are counted "
        "in packets, and pass also while a sender is silent. Sender, proxy and receiver are processes of their "
        f"own. {way} between two network namespaces whose packets the same proxy moves with the same loss model. Time "
        "counts from the moment at which a message was due at the sender to the receiver's callback. A message that "
        f"had not arrived {grace_s:g} s after the last was due is missing, and counts as infinitely late. Bytes on the "
        "wire are those of both directions, repeats and acknowledgements included, with IP and UDP or TCP headers, "
        "without the handshake. On a link that loses packets Lanline repeats its latest unacknowledged messages in the "
        "room that a thin stream leaves in each of its packets: that costs bytes and not packets, and is why its "
        "latency grows so little."
    )


def _text(cell: Cell | str) -> str:
    return cell if isinstance(cell, str) else cell.text


def _wire_text(cell: Cell | str) -> str:
    return "" if isinstance(cell, str) else f"{cell.wire_bytes_per_message:.0f}"


def _data(cell: Cell | str) -> dict[str, object]:
    if isinstance(cell, str):
        return {"failure": cell}
    # JSON knows no infinity.
    return {name: None if value == math.inf else value for name, value in asdict(cell).items()}
