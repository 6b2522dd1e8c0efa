"""Part (a): what one delivery costs the sender's CPU when a message goes to 100 peers, singly and in batches.

As a script it measures one way to fan out, in its own process, and says the figures in one JSON line.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

from child import ChildFailed, child
from fanouts import FAN_OUTS, FanOut, load_fan_out
from section import Options, Section, table

NAME = "fanout"
PEERS = 100
MESSAGE_BYTES = 200
BATCHES = (1, 5, 20, 50)
ROUNDS = 5
ROUND_CPU_S = 0.5
QUICK_ROUND_CPU_S = 0.05
LIMIT_S = 120.0


async def measure(options: Options) -> Section:
    round_cpu_s = QUICK_ROUND_CPU_S if options.quick else ROUND_CPU_S
    results = {name: await _in_its_process(name, round_cpu_s) for name in FAN_OUTS}
    rows = [[load_fan_out(name).TITLE, *_columns(result)] for name, result in results.items()]
    return Section(
        name=NAME,
        title="CPU per delivery",
        setting=(
            f"One sender hands {MESSAGE_BYTES}-byte messages to {PEERS} peers on loopback; a batch is what is there at "
            "once for every peer. µs of the sending process's CPU time (user and system) for one message to one peer; "
            f"median of {ROUNDS} rounds of {round_cpu_s:g} s CPU each."
        ),
        tables=(table(["µs a delivery, batches of", *map(str, BATCHES)], rows),),
        figures={load_fan_out(name).TITLE: result for name, result in results.items()},
    )


async def _in_its_process(name: str, round_cpu_s: float) -> dict[str, float] | str:
    try:
        async with child("fanout.py", [name, str(round_cpu_s)]) as process:
            return await process.next_line(LIMIT_S)
    except ChildFailed as failure:
        return f"failed: {failure}"


def _columns(result: dict[str, float] | str) -> list[str]:
    if isinstance(result, str):
        return [result, *[""] * (len(BATCHES) - 1)]
    return [f"{result[str(batch)]:.2f}" for batch in BATCHES]


def cpu_us_per_delivery(fan_out: FanOut, batch: int, round_cpu_s: float) -> float:
    messages = [bytes([number]) * MESSAGE_BYTES for number in range(batch)]
    used_ns = batches = 0
    while used_ns < round_cpu_s * 1e9:
        before = time.process_time_ns()
        fan_out.send_batch(messages)
        used_ns += time.process_time_ns() - before
        batches += 1
        fan_out.settle()
    return used_ns / 1e3 / (batches * batch * PEERS)


def main() -> None:
    name, round_cpu_s = sys.argv[1], float(sys.argv[2])
    fan_out = load_fan_out(name).open_fan_out(PEERS)
    cpu_us_per_delivery(fan_out, max(BATCHES), QUICK_ROUND_CPU_S)  # caches, and sockets that have never been used
    medians = {
        batch: statistics.median(cpu_us_per_delivery(fan_out, batch, round_cpu_s) for _ in range(ROUNDS))
        for batch in BATCHES
    }
    sys.stdout.write(json.dumps(medians) + "\n")


if __name__ == "__main__":
    main()
