"""Films on demand: over narrow, changing and lossy ways, next to FFmpeg playing HLS; and what chat notices of them."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import filmrows
from chatcrowds.lanline import keys_path
from chatservers import Place
from chatservers.lanline import prepared, serving_prepared
from child import child
from filmfiles import RATES_KBIT, SIZES, make_films, make_hls
from impairment import Impairment
from lanline.crypto.identity import Identity
from network import Network, ip_network, why_no_ip_network
from section import Options, Section, percentile, table

NAME = "films"
SECONDS, QUICK_SECONDS = 48, 20
DELAY_S = 0.02
QUEUE_BYTES = 64 * 1024
INTERVAL_S = 0.02
LTE_MBIT = (
    5.1,
    3.9,
    2.8,
    4.4,
    7.5,
    9.2,
    6.0,
    3.1,
    1.6,
    1.1,
    2.2,
    4.8,
    8.3,
    10.5,
    7.7,
    4.0,
    2.5,
    1.9,
    3.6,
    6.6,
    9.8,
    8.1,
    5.2,
    2.7,
)
"""One each two seconds: made up once, like those of a telephone on the road; no recording."""
LIMIT_S = 240.0


@dataclass(frozen=True, slots=True)
class Way:
    title: str
    impairment: Impairment
    steps: Sequence[tuple[float, float]] = ()
    """From when on how many Mbit/s."""
    takes: int = 1


def ways(seconds: float) -> list[Way]:
    narrow = Impairment(DELAY_S, rate_bps=8e6, queue_bytes=QUEUE_BYTES)
    lossy = Impairment(DELAY_S, loss=0.05, rate_bps=8e6, queue_bytes=QUEUE_BYTES)
    third = seconds / 3
    return [
        Way("8 to 2 to 8 Mbit/s", narrow, ((third, 2.0), (2 * third, 8.0))),
        Way("LTE", narrow, tuple((2.0 * number, rate) for number, rate in enumerate(LTE_MBIT))),
        Way("8 Mbit/s, 5 % loss", lossy, takes=3),  # much hangs on which packets are lost
    ]


FIGURES = ("start_s", "stalled_s", "mean_lines", "switches")
CHAT, START, STEP, CROWD = "chat meanwhile", "first picture", "sound and picture", "200 viewers"
ROWS = (*(way.title for way in ways(SECONDS)), CHAT, START, STEP, CROWD)
"""What can be measured apart, each within five minutes."""


async def measure(options: Options) -> Section:
    seconds = QUICK_SECONDS if options.quick else SECONDS
    missing = why_no_ip_network() or (None if shutil.which("ffmpeg") else "needs ffmpeg")
    if missing:
        return Section(NAME, "Films", missing, (), {})
    earlier = {} if options.earlier is None else json.loads(options.earlier.read_text(encoding="utf-8"))
    figures: dict[str, Any] = {"played": {}, "asked": {}, "own": {}}
    figures |= earlier.get(NAME, {}).get("figures") or {}
    rows = options.rows or ROWS

    def section() -> Section:
        images = ("benchmarks-films.svg",) if figures["played"] else ()
        return Section(NAME, "Films", _setting(seconds), _tables(figures), figures, images=images)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        narrow = [way for way in ways(seconds) if way.title in rows]
        if narrow or CHAT in rows:
            data = prepared(folder, 2)
            make_films(data / "videos", seconds)
            make_hls(data / "videos", folder / "hls")
        for way in narrow:
            figures["played"][way.title] = await _played(way, folder, data, options.seed)
            options.keep(section())
        if CHAT in rows:
            for title in ("UDP", "WebSocket"):
                figures["asked"][title] = await _asked(folder, data, title == "WebSocket", options)
                options.keep(section())
    for row, measured in ((START, filmrows.started), (STEP, filmrows.stepped), (CROWD, filmrows.crowded)):
        if row in rows:
            figures["own"][row] = await measured(options)
            options.keep(section())
    return section()


def _tables(figures: dict[str, Any]) -> list[str]:
    return [
        table(head, rows)
        for head, rows in (
            (
                ["start s / waiting s / mean lines / changes", "ours, UDP", "ours, WebSocket", "FFmpeg, HLS"],
                [[title, *map(_played_text, cells.values())] for title, cells in figures["played"].items()],
            ),
            (
                ["ms: p50 / p99", "idle", "a film fills the link", "p99, ratio"],
                [[title, *_asked_texts(cells)] for title, cells in figures["asked"].items()],
            ),
            (["on loopback", "measured"], [row for cells in figures["own"].values() for row in cells]),
        )
        if rows
    ]


def _setting(seconds: float) -> str:
    return (
        f"A film of {seconds} seconds at {', '.join(f'{kbit / 1e3:g}' for kbit in RATES_KBIT.values())} Mbit/s "
        f"(240p, 720p, 1440p), key frames each 2 s. Server and member in two network namespaces, "
        f"{DELAY_S * 2e3:.0f} ms round trip, a queue of {QUEUE_BYTES // 1024} KiB. LTE: rates that change each two "
        f"seconds, {min(LTE_MBIT)} to {max(LTE_MBIT)} Mbit/s, made up once, like those of a telephone on the road. "
        "With losses, the mean of three takes. Ours is the player that people "
        "use, without decoder and screen. FFmpeg reads the same film as HLS from Python's HTTP server, as fast as "
        "it comes and as far ahead as it can, in the best variant, as it has no choice by the link; what that "
        "means for a viewer is computed from when each second arrived. Mean lines counts all waiting, also for "
        "the first picture, as none; FFmpeg runs beside ours, over a network of its own. Who always takes the best and "
        "stands still for it comes off well in mean lines: from 8 to 2 to 8 Mbit/s, who never stands still cannot show "
        "more than about 1,270, whatever it knew beforehand. Chat: a small "
        f"question on the member's own link each {INTERVAL_S * 1e3:.0f} ms, alone and while the 1440p film fills "
        f"8 Mbit/s. {filmrows.SETTING} Rows are measured one by one."
    )


# Playing.


async def _played(way: Way, folder: Path, data: Path, seed: int) -> dict[str, Any]:
    """The mean of its takes."""
    takes = [await _played_once(way, folder, data, seed + number) for number in range(way.takes)]
    return {player: {name: fmean(take[player][name] for take in takes) for name in FIGURES} for player in takes[0]}


async def _played_once(way: Way, folder: Path, data: Path, seed: int) -> dict[str, Any]:
    """FFmpeg beside ours, over a network of its own."""
    hls = asyncio.create_task(_hls(way, folder / "hls", seed))
    udp = await _ours(way, folder, data, seed, websocket=False)
    websocket = await _ours(way, folder, data, seed, websocket=True)
    return {"UDP": udp, "WebSocket": websocket, "HLS": await hls}


async def _ours(way: Way, folder: Path, data: Path, seed: int, *, websocket: bool) -> dict[str, Any]:
    async with ip_network(way.impairment, seed) as network:
        place = Place(*network.listen_at, network.receiver_prefix)
        with serving_prepared(data, place):
            return await _member(network, folder, data, way, {"does": "play", "film": "bench", "websocket": websocket})


async def _member(network: Network, folder: Path, data: Path, way: Way, wanted: dict[str, Any]) -> dict[str, Any]:
    host, port = network.connect_to
    fingerprint = Identity.from_pem((data / "identity.pem").read_bytes()).fingerprint.hex()
    told = {"host": host, "port": port, "fingerprint": fingerprint, "key": str(keys_path(folder, 0))} | wanted
    async with child("filmmember.py", [json.dumps(told)], network.sender_prefix) as member:
        await member.expect("ready", LIMIT_S)
        network.begin_loss()
        steps = asyncio.create_task(_steps(network, way))
        try:
            member.tell("go")
            return await member.next_line(LIMIT_S)
        finally:
            steps.cancel()


async def _steps(network: Network, way: Way) -> None:
    began_at = time.monotonic()
    for at_s, mbit in way.steps:
        await asyncio.sleep(max(0.0, began_at + at_s - time.monotonic()))
        assert network.proxy is not None
        network.proxy.tell(f"rate={mbit}")


async def _hls(way: Way, folder: Path, seed: int) -> dict[str, Any]:
    async with ip_network(way.impairment, seed) as network:
        host, port = network.listen_at
        serve = [sys.executable, "-m", "http.server", "--bind", host, str(port), "-d", str(folder)]
        web = await asyncio.create_subprocess_exec(
            *network.receiver_prefix, *serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            await asyncio.sleep(1.0)
            network.begin_loss()
            steps = asyncio.create_task(_steps(network, way))
            arrived = await _read_by_ffmpeg(network, f"http://{host}:{port}/master.m3u8")
            steps.cancel()
        finally:
            web.kill()
            await web.wait()
    return _watched(arrived)


async def _read_by_ffmpeg(network: Network, address: str) -> list[tuple[float, float]]:
    """Until when the film was there, at each moment."""
    began_at, arrived = time.monotonic(), []
    reads = ["ffmpeg", "-v", "error", "-stats_period", "0.05", "-i", address, "-map", "0:p:2"]
    command = [*network.sender_prefix, *reads, "-c", "copy", "-f", "null", "-progress", "pipe:1", "-"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async for line in process.stdout:
        name, _, value = line.decode().strip().partition("=")
        if name == "out_time_us" and value.lstrip("-").isdecimal():
            arrived.append((time.monotonic() - began_at, int(value) / 1e6))
    await process.wait()
    return arrived


def _watched(arrived: list[tuple[float, float]]) -> dict[str, Any]:
    """As somebody would see it who begins with half a second and goes on, after each stop, with two."""
    position_s = stalled_s = 0.0
    start_s: float | None = None
    runs = False
    before_s, ends_s = 0.0, arrived[-1][1]
    for at_s, here_s in arrived:
        if runs:
            moved_s = min(at_s - before_s, here_s - position_s)
            stalled_s += at_s - before_s - moved_s
            position_s += moved_s
            runs = here_s - position_s > 0.02 or here_s >= ends_s - 0.1
        elif start_s is not None:
            stalled_s += at_s - before_s
        if not runs and here_s - position_s >= (0.5 if start_s is None else 2.0):
            runs, start_s = True, at_s if start_s is None else start_s
        before_s = at_s
    mean_lines = max(SIZES) * ends_s / (ends_s + stalled_s + (start_s or 0.0))
    return {"start_s": start_s, "stalled_s": stalled_s, "mean_lines": mean_lines, "switches": 0}


def _played_text(cell: dict[str, Any]) -> str:
    return f"{cell['start_s']:.2f} / {cell['stalled_s']:.1f} / {cell['mean_lines']:.0f} / {cell['switches']:.0f}"


# Chat meanwhile.


async def _asked(folder: Path, data: Path, websocket: bool, options: Options) -> dict[str, Any]:
    seconds = 6.0 if options.quick else 15.0
    way = Way("8 Mbit/s", Impairment(DELAY_S, rate_bps=8e6, queue_bytes=QUEUE_BYTES))
    cells: dict[str, Any] = {}
    for title, film in (("idle", None), ("film", "bench")):
        async with ip_network(way.impairment, options.seed) as network:
            with serving_prepared(data, Place(*network.listen_at, network.receiver_prefix)):
                wanted = {"does": "words", "film": film, "seconds": seconds, "interval_s": INTERVAL_S}
                told = await _member(network, folder, data, way, wanted | {"websocket": websocket})
        waited = sorted(told["waited_ms"])
        cells[title] = {
            "p50_ms": percentile(waited, 0.5), "p99_ms": percentile(waited, 0.99), "carried_mbit": told["carried_mbit"]
        }  # fmt: skip
    return cells


def _asked_texts(cells: dict[str, Any]) -> list[str]:
    texts = [f"{cell['p50_ms']:.1f} / {cell['p99_ms']:.1f}" for cell in cells.values()]
    texts[1] += f", at {cells['film']['carried_mbit']:.1f} Mbit/s"
    return [*texts, f"{cells['film']['p99_ms'] / cells['idle']['p99_ms']:.2f}"]
