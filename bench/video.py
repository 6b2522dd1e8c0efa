"""Live video over a bad network: frames shown, latency by painted number, what the protection costs, a narrowing link.

Each cell is a sender and a receiver in processes of their own, with the proxy in between.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from child import Child, ChildFailed, child
from impairment import Impairment
from network import Network, udp_network
from section import Options, Section, percentile, table
from videofanout import cost_of
from videofeed import FPS
from videoffmpeg import receiver, sender, why_no_ffmpeg

NAME = "video"
LIMIT_S = 20.0
DELAY_S = 0.010
WARM_UP_FRAMES = 15
"""What is shown of the first half second depends on who was ready first. A receiver that needs longer is waited for."""
LAST_FRAMES = 6
OWN_MODES = {
    "plain format": "plain",
    "parity 20 %": "fec",
    "repeats on request": "nack",
    "both": "both",
    "adaptive (default)": "adaptive",
}
FFMPEG_MODES = {"FFmpeg, H.264 in MPEG-TS": "udp", "FFmpeg, H.264 in RTP": "rtp"}
LOSSES = {
    "0 %": Impairment(delay_s=DELAY_S),
    "1 %": Impairment(delay_s=DELAY_S, loss=0.01),
    "2 %": Impairment(delay_s=DELAY_S, loss=0.02),
    "5 %": Impairment(delay_s=DELAY_S, loss=0.05),
    "10 %": Impairment(delay_s=DELAY_S, loss=0.10),
    "20 %": Impairment(delay_s=DELAY_S, loss=0.20),
    "5 % in bursts of 4": Impairment(delay_s=DELAY_S, loss=0.05, burst=4.0),
}
QUICK_LOSSES = ("0 %", "5 %", "5 % in bursts of 4")
VIEWERS, QUICK_VIEWERS = (1, 100, 300, 1000), (1, 100)
WIDE_MBIT, NARROW_MBIT = 8.0, 2.0
LADDER_MODES = {"frames that stand alone, as JPEG": "ladder-jpeg", "H.264": "ladder-h264"}
PHASE_S, QUICK_PHASE_S = 10.0, 5.0
NARROW_RUNG = 1
"""The greatest of the ladder that 2 Mbit/s carry."""


@dataclass(frozen=True, slots=True)
class Cell:
    shown_share: float
    p50_ms: float
    p95_ms: float
    wire_bytes: int
    frames: int

    @property
    def text(self) -> str:
        if not self.frames:
            return "nothing was shown"
        return f"{self.shown_share * 100:.1f} %, {self.p50_ms:.0f} / {self.p95_ms:.0f}"


async def measure(options: Options) -> Section:
    losses = {name: loss for name, loss in LOSSES.items() if not options.quick or name in QUICK_LOSSES}
    seconds = 3.0 if options.quick else max(6.0, options.seconds)
    cells = {
        title: {name: await _cell(title, loss, seconds, options.seed) for name, loss in losses.items()}
        for title in (*OWN_MODES, *FFMPEG_MODES)
    }
    phase_s = QUICK_PHASE_S if options.quick else PHASE_S
    ladder = {title: await _ladder(mode, phase_s, options.seed) for title, mode in LADDER_MODES.items()}
    costs = {viewers: await _cost(viewers) for viewers in (QUICK_VIEWERS if options.quick else VIEWERS)}
    return Section(
        name=NAME,
        title="Live video under loss",
        setting=_setting(seconds),
        tables=[_shown_table(cells), _bytes_table(cells), _ladder_table(ladder), _cost_table(costs)],
        figures={
            "cells": {title: {name: _figures(cell) for name, cell in row.items()} for title, row in cells.items()},
            "ladder": ladder,
            "sender_us": costs,
        },
        images=("benchmarks-video.svg",),
    )


def _setting(seconds: float) -> str:
    return (
        f"720p at {FPS:g} pictures a second, JPEG of about 28 packets a picture, 10 ms one way, losses in both "
        "directions once the receiver has joined (for joins under loss see "
        "*Live video after an outage or a slow moment*), "
        f"{seconds:g} s a cell. A cell says how many of the captured pictures were shown, the median and "
        "the 95th percentile of the time from capture to the decoded picture, in ms, by the number painted into it; "
        "encoding and decoding are part of it. FFmpeg encodes H.264 at 3 Mbit/s with a key frame a second, for the "
        "lowest delay that it offers; a damaged picture counts as shown when its number can be read. The second table "
        "has the bytes on the wire in both directions, next to the plain format without loss. In the third a link of 8 "
        "Mbit/s with a queue of 64 KiB narrows to 2 and widens again; the rungs take 0.4, 1.1, 2.6 and 5.5 Mbit/s: in "
        "place of JPEG are frames of just that size, x264 encodes and is told to keep to it. The last has the "
        "publisher's CPU time, user and system, for one picture of nine packets to one viewer, the viewers' reports "
        "and the link's own traffic included."
    )


async def _cell(title: str, loss: Impairment, seconds: float, seed: int) -> Cell | str:
    if title in FFMPEG_MODES and (reason := why_no_ffmpeg()) is not None:
        return reason
    try:
        async with udp_network(loss, seed) as network:
            if title in FFMPEG_MODES:
                return await _ffmpeg_cell(FFMPEG_MODES[title], network, seconds)
            return await _own_cell(OWN_MODES[title], network, seconds)
    except ChildFailed as failed:
        return f"failed: {failed}"


async def _own_cell(mode: str, network: Network, seconds: float) -> Cell:
    port, through = network.listen_at[1], network.connect_to[1]
    async with child("videosender.py", [mode, "--port", str(port), "--seconds", str(seconds)]) as sending:
        await sending.expect("ready", LIMIT_S)
        async with child("videoreceiver.py", [mode, "--port", str(through)]) as receiving:
            await receiving.expect("ready", LIMIT_S)
            return await _run(network, sending, receiving, seconds)


async def _ffmpeg_cell(carrier: str, network: Network, seconds: float) -> Cell:
    with tempfile.TemporaryDirectory() as folder:
        receives = receiver(carrier, network.listen_at[1], Path(folder))
        sends = sender(carrier, network.connect_to[1])
        async with child("videoreceiver.py", ["ffmpeg", "--ffmpeg", json.dumps(receives)]) as receiving:
            await receiving.expect("ready", LIMIT_S)
            await asyncio.sleep(0.5)  # until it listens; it does not say when
            async with child(
                "videosender.py", ["ffmpeg", "--seconds", str(seconds), "--ffmpeg", json.dumps(sends)]
            ) as sending:
                await sending.expect("ready", LIMIT_S)
                return await _run(network, sending, receiving, seconds)


async def _run(network: Network, sending: Child, receiving: Child, seconds: float) -> Cell:
    network.begin_loss()
    before = await network.wire_count()
    sending.tell("begin")
    sent = await sending.expect("sent", seconds + LIMIT_S)
    await asyncio.sleep(0.5)  # what is under way arrives, or will not
    wire = (await network.wire_count()).since(before)
    receiving.tell("end")
    received = await receiving.expect("received", LIMIT_S)
    return _evaluate(sent["captured"], received["shown"], wire.size_bytes)


def _evaluate(captured: dict[str, int], shown: dict[str, int], wire_bytes: int) -> Cell:
    first = max(WARM_UP_FRAMES, min(map(int, shown), default=0))
    counted = list(captured)[first:-LAST_FRAMES]
    latencies = sorted((shown[number] - captured[number]) / 1e3 for number in counted if number in shown)
    if not latencies:
        return Cell(0.0, 0.0, 0.0, wire_bytes, 0)
    share = len(latencies) / len(counted)
    return Cell(share, percentile(latencies, 0.5), percentile(latencies, 0.95), wire_bytes, len(latencies))


async def _ladder(mode: str, phase_s: float, seed: int) -> dict[str, float] | str:
    impairment = Impairment(delay_s=DELAY_S, rate_bps=WIDE_MBIT * 1e6, queue_bytes=64 * 1024)
    seconds = 3 * phase_s
    try:
        async with udp_network(impairment, seed) as network:
            port, through = network.listen_at[1], network.connect_to[1]
            async with child("videosender.py", [mode, "--port", str(port), "--seconds", str(seconds)]) as sending:
                await sending.expect("ready", LIMIT_S)
                async with child("videoreceiver.py", ["ladder", "--port", str(through)]) as receiving:
                    await receiving.expect("ready", LIMIT_S)
                    return await _narrow_and_widen(network, sending, receiving, phase_s)
    except ChildFailed as failed:
        return f"failed: {failed}"


async def _narrow_and_widen(network: Network, sending: Child, receiving: Child, phase_s: float) -> dict[str, float]:
    assert network.proxy is not None
    sending.tell("begin")
    loop = asyncio.get_running_loop()
    changed_at: list[float] = []
    for rate in (NARROW_MBIT, WIDE_MBIT):
        await asyncio.sleep(phase_s)
        network.proxy.tell(f"rate={rate:g}")
        changed_at.append(loop.time() * 1e6)
    await sending.expect("sent", phase_s + LIMIT_S)
    receiving.tell("end")
    received = await receiving.expect("received", LIMIT_S)
    rungs = [(at, rung) for at, rung in received["rungs"]]
    narrowed, widened = changed_at
    times = [at for at, _ in rungs]
    freezes = [later - earlier for earlier, later in pairwise(times) if later > narrowed]
    before = [rung for at, rung in rungs if at < narrowed]
    top = before[-1] if before else -1
    return {
        "top_rung": top,
        "down_s": _first(rungs, narrowed, lambda rung: rung <= NARROW_RUNG),
        "longest_freeze_s": max(freezes, default=0.0) / 1e6,
        "up_s": _first(rungs, widened, lambda rung: rung >= top),
    }


def _first(rungs: list[tuple[int, int]], after: float, fits: Callable[[int], bool]) -> float:
    """Seconds until a rung that fits was shown; infinity when none was."""
    return min(((at - after) / 1e6 for at, rung in rungs if at >= after and fits(rung)), default=float("inf"))


async def _cost(viewers: int) -> float | str:
    try:
        return await cost_of(viewers)
    except ChildFailed as failed:
        return f"failed: {failed}"


def _figures(cell: Cell | str) -> dict[str, float] | str:
    return cell if isinstance(cell, str) else asdict(cell)


def _shown_table(cells: dict[str, dict[str, Cell | str]]) -> str:
    names = list(next(iter(cells.values())))
    rows = [
        [title, *(cell if isinstance(cell, str) else cell.text for cell in row.values())]
        for title, row in cells.items()
    ]
    return table(["shown, p50 / p95 ms, at a loss of", *names], rows)


def _bytes_table(cells: dict[str, dict[str, Cell | str]]) -> str:
    names = list(next(iter(cells.values())))
    plain = cells["plain format"]["0 %"]
    least = 0 if isinstance(plain, str) else plain.wire_bytes
    rows = [
        [
            title,
            *(
                "" if isinstance(cell, str) or not least else f"{cell.wire_bytes / least * 100 - 100:+.0f} %"
                for cell in row.values()
            ),
        ]
        for title, row in cells.items()
        if title in OWN_MODES
    ]
    return table(["bytes beyond the plain format, at a loss of", *names], rows)


def _ladder_table(ladder: dict[str, dict[str, float] | str]) -> str:
    head = ["8 -> 2 -> 8 Mbit/s", "at the right rate within s", "longest freeze s", "back up within s"]
    keys = ("down_s", "longest_freeze_s", "up_s")
    rows = [
        [title, figures] if isinstance(figures, str) else [title, *(f"{figures[key]:.2f}" for key in keys)]
        for title, figures in ladder.items()
    ]
    return table(head, rows)


def _cost_table(costs: dict[int, float | str]) -> str:
    head = ["viewers", *(f"{viewers:,}" for viewers in costs)]
    return table(
        head,
        [["µs a picture and viewer", *(cost if isinstance(cost, str) else f"{cost:.1f}" for cost in costs.values())]],
    )
