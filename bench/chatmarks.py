"""What marks cost in a room of many: the server's CPU a delivery with them and without, in turns, in one run."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import sys
import tempfile
from pathlib import Path

from chatcrowd import gathered
from chatservers import Place, Serving, lanline, running
from child import Child
from section import Options, Section, table

NAME = "chatmarks"
CROWD = "lanlinereaders"
SERVER = Path(__file__).with_name("markedserver.py")
MEMBERS = 2_000
QUICK_MEMBERS = 100
INTERVAL_S = 0.25
SECONDS = 8.0
PAIRS = 8
SETTLE_S = 3.0
RUN_LIMIT_S = 60.0


async def measure(options: Options) -> Section:
    members = QUICK_MEMBERS if options.quick else MEMBERS
    with tempfile.TemporaryDirectory() as folder:
        data, place = lanline.prepared(Path(folder), members), Place()
        command = [sys.executable, str(SERVER), "serve", "--host", place.host, "--port", str(place.port)]
        with running([*command, "--data", str(data)], place) as serving:
            async with gathered(_Server(), serving, members, folder) as crowd:
                await asyncio.sleep(SETTLE_S)
                await _cpu_us(crowd, serving)
                takes = [await _pair(crowd, serving, number) for number in range(1 if options.quick else PAIRS)]
    return _section(members, takes)


class _Server:
    TITLE, CROWD = lanline.TITLE, CROWD
    why_not, serving = staticmethod(lanline.why_not), staticmethod(lanline.serving)


async def _pair(crowd: Child, serving: Serving, number: int) -> tuple[float, float]:
    """With, without; every other pair begins with the other one."""
    first = await _cpu_us(crowd, serving)
    os.kill(serving.pid, signal.SIGUSR1)
    second = await _cpu_us(crowd, serving)
    return (first, second) if number % 2 == 0 else (second, first)


async def _cpu_us(crowd: Child, serving: Serving) -> float:
    """A delivery."""
    before = serving.cpu_s()
    crowd.tell(f"pace {INTERVAL_S} {SECONDS}")
    ran = await crowd.expect("ran", RUN_LIMIT_S)
    await asyncio.sleep(SETTLE_S)  # what was read is reported, written and told
    deliveries: float = ran["deliveries"]
    return (serving.cpu_s() - before) / deliveries * 1e6


def _section(members: int, takes: list[tuple[float, float]]) -> Section:
    with_marks, without = (statistics.median(column) for column in zip(*takes, strict=True))
    ratios = sorted(one / other for one, other in takes)
    ratio = statistics.median(ratios)
    row = [f"{members:,}", f"{without:.2f}", f"{with_marks:.2f}", f"{ratio:.3f}", f"{ratios[0]:.3f} … {ratios[-1]:.3f}"]
    header = ["members", "without: CPU us a delivery", "with", "ratio", "least … most of the pairs"]
    return Section(
        name=NAME,
        title="Chat: read marks in a large room",
        setting=(
            f"{members:,} members in one room, each over a socket of its own, take turns in speaking: one message each "
            f"{INTERVAL_S:g} s for {SECONDS:g} s. Each reports what it has read a quarter of a second after the first "
            "message that it has not reported, as the client does. The server's CPU for each delivery, the writing of "
            "what was reported with it: with what tells authors that somebody has their words, and without, in turns "
            f"in one process. {len(takes)} pairs: the medians, and the median of the ratios."
        ),
        tables=(table(header, [row]),),
        figures={"members": members, "with_us": [one for one, _ in takes], "without_us": [other for _, other in takes]},
    )
