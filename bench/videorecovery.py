"""Live video after a bad moment, and under loss from the first packet on: the state machines alone, in virtual time.

A busy machine changes nothing in it. `video` measures real processes.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from section import Options, Section, table

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from lanline.proto.media.outgoingstream import StreamPlan
from lanline.testing.conditions import BernoulliLoss, Conditions
from lanline.wire.video import StreamCodec
from sim.broadcast import Broadcast, percentile
from sim.test_media_recovery import DIP, GOOD, JITTER, OUT, WATCHED_S, back_after

NAME = "videorecovery"
CODECS = (StreamCodec.JPEG, StreamCodec.H264)
BAD_MOMENTS = {
    "outage of 0.1 s": (OUT, 0.1, GOOD),
    "outage of 0.5 s": (OUT, 0.5, GOOD),
    "outage of 2 s": (OUT, 2.0, GOOD),
    "outage of 6 s": (OUT, 6.0, GOOD),
    "outage of 60 s": (OUT, 60.0, GOOD),
    "0.3 Mbit/s for 1 s": (DIP, 1.0, GOOD),
    "0.3 Mbit/s for 20 s": (DIP, 20.0, GOOD),
    "from 10 ms to 100 ± 40 ms": (GOOD, 0.0, JITTER),
}
LOSSES = ((0.010, 0.05), (0.010, 0.10), (0.010, 0.20), (0.040, 0.10))
_SHOWN_S = 20.0


def _recovered(case: str, codec: StreamCodec, seed: int) -> float:
    bad, bad_s, good = BAD_MOMENTS[case]
    return back_after(codec, seed, bad, bad_s, good)


def _shown(latency_s: float, loss: float, codec: StreamCodec, seed: int) -> tuple[float, float]:
    """The share of the pictures, and the 95th percentile of their time on the way in ms."""
    conditions = Conditions(latency_s=latency_s, loss=BernoulliLoss(loss))
    broadcast = Broadcast(seed, conditions, plans=[StreamPlan(codec, 1280, 720, 2_500_000)])
    broadcast.run(_SHOWN_S)
    late_ms = percentile(broadcast.latencies(0.5, _SHOWN_S - 1), 0.95) * 1000
    return broadcast.share_shown(0.5, _SHOWN_S - 1), late_ms


async def measure(options: Options) -> Section:
    seeds = range(1 if options.quick else 4 * options.runs)
    recovered, shown = await asyncio.to_thread(_measured, seeds)
    return Section(
        name=NAME,
        title="Live video after a bad moment",
        setting=(
            f"In virtual time, {len(seeds)} seeds a cell, 720p at 30 pictures a second of 2.5 Mbit/s over four sizes, "
            "10 ms one way. The first table: after how many seconds of a good link the full size is there again and "
            f"stays, the median and the worst; {WATCHED_S:g} is not at all. The second: how many of the pictures that "
            "were captured are shown where packets are lost both ways from the first one on, on average and at worst, "
            "and the 95th percentile of their time on the way, without encoding and decoding."
        ),
        tables=[
            table(["back after s, median / worst", *(codec.name for codec in CODECS)], recovered),
            table(["shown, average / worst, p95", *(codec.name for codec in CODECS)], shown),
        ],
        figures={"recovered": recovered, "shown": shown},
    )


def _measured(seeds: range) -> tuple[list[list[str]], list[list[str]]]:
    with ProcessPoolExecutor(2) as pool:
        waits: dict[Any, Any] = {
            (case, codec): [pool.submit(_recovered, case, codec, seed) for seed in seeds]
            for case in BAD_MOMENTS
            for codec in CODECS
        }
        shares: dict[Any, Any] = {
            (way, codec): [pool.submit(_shown, *way, codec, seed) for seed in seeds]
            for way in LOSSES
            for codec in CODECS
        }
        recovered = [[case, *(_waited(waits[case, codec]) for codec in CODECS)] for case in BAD_MOMENTS]
        shown = [
            [
                f"{100 * loss:g} %, {1000 * latency_s:g} ms",
                *(_share(shares[(latency_s, loss), codec]) for codec in CODECS),
            ]
            for latency_s, loss in LOSSES
        ]
    return recovered, shown


def _waited(futures: list[Any]) -> str:
    ordered = sorted(future.result() for future in futures)
    return f"{ordered[len(ordered) // 2]:.1f} / {ordered[-1]:.1f}"


def _share(futures: list[Any]) -> str:
    results = [future.result() for future in futures]
    shares = [share for share, _ in results]
    late_ms = max(late for _, late in results)
    return f"{100 * sum(shares) / len(shares):.1f} / {100 * min(shares):.1f} %, {late_ms:.0f} ms"
