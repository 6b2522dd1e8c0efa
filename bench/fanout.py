"""Part (a): what one delivery costs the sender's CPU when a message goes to 100 peers, singly and in batches.

As a script it measures one way to fan out, in its own process, and says the figures in one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys

import uvloop

from child import ChildFailed, child
from fanouts import FAN_OUTS, FanOut, load_fan_out
from section import Options, Section, table

NAME = "fanout"
PEERS = 100
MESSAGE_BYTES = 200
BATCHES = (1, 5, 20, 50)
ROUNDS = 5
ROUND_CPU_S = 0.25
QUICK_ROUND_CPU_S = 0.05
BATCHES_AT_ONCE = 40
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
            f"median of {ROUNDS} rounds of {round_cpu_s:g} s CPU each. Lanline's peers are {PEERS} links at as many "
            "addresses in another process; a batch is framed once and goes out on the chat channel, and the figure "
            "holds framing, sealing, sending, and the receipt of every acknowledgement. With 8 batches under way to "
            "each peer one acknowledgement serves several. With 2, single messages are acknowledged two by two after "
            "the delay for acknowledgements, four times as often, and the sender sleeps in between and finds its "
            "caches cold: what a quiet room costs. On loopback a link with much to send finds that 65,000-byte "
            "datagrams pass, so a batch of 50 leaves as one; the last row forbids that."
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


async def cpu_us_per_delivery(fan_out: FanOut, batch: int, round_cpu_s: float) -> float:
    messages = [bytes([number]) * MESSAGE_BYTES for number in range(batch)]
    used_s, batches = 0.0, 0
    while used_s < round_cpu_s:
        used_s += await fan_out.cpu_s(messages, BATCHES_AT_ONCE)
        batches += BATCHES_AT_ONCE
    return used_s * 1e6 / (batches * batch * PEERS)


async def _medians(name: str, round_cpu_s: float) -> dict[int, float]:
    async with load_fan_out(name).open_fan_out(PEERS) as fan_out:
        # Caches, and sockets that have never been used.
        await cpu_us_per_delivery(fan_out, max(BATCHES), QUICK_ROUND_CPU_S)
        return {
            batch: statistics.median([await cpu_us_per_delivery(fan_out, batch, round_cpu_s) for _ in range(ROUNDS)])
            for batch in BATCHES
        }


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(_medians(sys.argv[1], float(sys.argv[2])))))


if __name__ == "__main__":
    main()
