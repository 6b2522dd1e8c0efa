"""Live video after an outage or a slow moment, and under loss from the first packet on: the state machines alone, in
virtual time, and real processes beside them.

A busy machine changes nothing in virtual time. Measured in parts, by `--rows`: what is left out stays as it was.
"""

from __future__ import annotations

import asyncio
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import videooutage
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
NAMES = tuple(codec.name.lower() for codec in CODECS)
LOSSES = ((0.010, 0.05), (0.010, 0.10), (0.010, 0.20), (0.040, 0.10))
SEEDS = 20
_SHOWN_S = 20.0


def _way(latency_s: float, loss: float) -> str:
    return f"{100 * loss:g} %, {1000 * latency_s:g} ms"


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


TABLES = {
    "recovered": "back after s in virtual time, median / worst",
    "recovered_really": "back after s between processes",
    "shown": "shown in virtual time, average / worst, p95",
    "shown_really": "shown between processes",
}
VIRTUAL_MOMENTS, VIRTUAL_LOSSES = "virtual moments", "virtual losses"
ROWS = (VIRTUAL_MOMENTS, VIRTUAL_LOSSES, *videooutage.MOMENTS, *(_way(*way) for way in LOSSES))
"""What can be measured apart: either table of virtual time, and each row of real processes."""


async def measure(options: Options) -> Section:
    earlier = {} if options.earlier is None else json.loads(options.earlier.read_text(encoding="utf-8"))
    known = earlier.get(NAME, {}).get("figures", {})
    figures: dict[str, dict[str, list[str]]] = {name: dict(known.get(name, {})) for name in TABLES}
    rows = options.rows or ROWS
    seeds = range(1 if options.quick else SEEDS)
    if VIRTUAL_MOMENTS in rows:
        figures["recovered"] = await asyncio.to_thread(_all_recovered, seeds)
    if VIRTUAL_LOSSES in rows:
        figures["shown"] = await asyncio.to_thread(_all_shown, seeds)
    for case in videooutage.MOMENTS:
        if case in rows:
            took = [await videooutage.back_after(case, name, options.seed) for name in NAMES]
            figures["recovered_really"][case] = [each if isinstance(each, str) else f"{each:.1f}" for each in took]
    for way in LOSSES:
        if _way(*way) in rows:
            shares = [await videooutage.shown(*way, name, options.seed) for name in NAMES]
            figures["shown_really"][_way(*way)] = [
                each if isinstance(each, str) else f"{100 * each:.1f} %" for each in shares
            ]
    return Section(
        name=NAME,
        title="Live video after an outage or a slow moment",
        setting=(
            "720p at 30 pictures a second of 2.5 Mbit/s over four sizes, 10 ms one way. In virtual time, "
            f"{SEEDS} seeds a cell; between processes, one run of each, over a proxy on this machine, "
            "where frames of the right size stand in for JPEG, and x264 encodes. After how many seconds of a good link "
            f"the full size is there again and stays; {WATCHED_S:g}, between processes {videooutage.WATCHED_S:g}, is "
            "not at all. And how many of the pictures that were captured are shown where packets are lost both ways "
            "from the first one on, the join among them, but for the first half second; in virtual time also the 95th "
            "percentile of their time on the way, without encoding and decoding."
        ),
        tables=[
            table([head, *(codec.name for codec in CODECS)], [[row, *cells] for row, cells in figures[name].items()])
            for name, head in TABLES.items()
            if figures[name]
        ],
        figures=figures,
    )


def _all_recovered(seeds: range) -> dict[str, list[str]]:
    with ProcessPoolExecutor(2) as pool:
        waits: dict[Any, Any] = {
            (case, codec): [pool.submit(_recovered, case, codec, seed) for seed in seeds]
            for case in BAD_MOMENTS
            for codec in CODECS
        }
        return {case: [_waited(waits[case, codec]) for codec in CODECS] for case in BAD_MOMENTS}


def _all_shown(seeds: range) -> dict[str, list[str]]:
    with ProcessPoolExecutor(2) as pool:
        shares: dict[Any, Any] = {
            (way, codec): [pool.submit(_shown, *way, codec, seed) for seed in seeds]
            for way in LOSSES
            for codec in CODECS
        }
        return {_way(*way): [_share(shares[way, codec]) for codec in CODECS] for way in LOSSES}


def _waited(futures: list[Any]) -> str:
    ordered = sorted(future.result() for future in futures)
    return f"{ordered[len(ordered) // 2]:.1f} / {ordered[-1]:.1f}"


def _share(futures: list[Any]) -> str:
    results = [future.result() for future in futures]
    shares = [share for share, _ in results]
    late_ms = max(late for _, late in results)
    return f"{100 * sum(shares) / len(shares):.1f} / {100 * min(shares):.1f} %, {late_ms:.0f} ms"
