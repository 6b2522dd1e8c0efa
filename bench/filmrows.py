"""Films on loopback: how soon the first picture is there, sound against picture, and what many viewers cost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from chatcrowds.lanline import keys_path
from chatservers import Place, Serving
from chatservers.lanline import prepared, serving_prepared
from child import Child, child
from filmfiles import make_films
from lanline.crypto.identity import Identity
from network import loopback
from process import cpu_s_of, resident_bytes_of
from section import Options

Rows = list[list[str]]
LIMIT_S = 120.0
VIEWERS, QUICK_VIEWERS = 200, 20
WATCHED_S = 24.0
LOOK_S = 0.25
SECONDS = 44.0
SETTING = (
    "On loopback: from the wish to the first decoded picture, and after a seek, the median of seven, over a link that "
    "stands, beside FFmpeg's libraries in the same process, which read the same file from the disk; sound against "
    "picture in a film of flashes and beeps, where each begins to be shown and heard, over a pause, three seeks and "
    f"ten changes of quality; and {VIEWERS} members, all on UDP before it begins, who watch the 240p of one film for "
    f"{WATCHED_S:g} s, one beginning 50 ms after the other, beside a program that only sends as many bytes out of "
    "memory over as many of the same links, in messages of 16 KiB: at the times at which players ask for them, and as "
    "fast as it goes."
)


async def started(_: Options) -> Rows:
    cells = []
    with tempfile.TemporaryDirectory() as name:
        async with _served(Path(name), 2) as (_, told):
            for lines in (1440, None):
                path = Path(name) / "data" / "videos" / "bench_1440p.mp4"
                wanted = told | {"does": "start", "lines": lines, "path": str(path)}
                cells.append((lines, await _asked("filmviewer.py", wanted)))
    rows = []
    for lines, cell in cells:
        for what, title in (("first", "first picture"), ("seek", "after a seek")):
            other = cell[f"ffmpeg_{what}"]
            by = f"FFmpeg, 1440p {other * 1e3:.0f}, ratio {cell[what] / other:.2f}"
            quality = f"{lines}p" if lines else "in the quality that it chooses"
            rows.append([f"{title}, ms, {quality}", f"{cell[what] * 1e3:.0f}; {by}"])
    return rows


async def stepped(_: Options) -> Rows:
    with tempfile.TemporaryDirectory() as name:
        async with _served(Path(name), 2, flashes=True) as (_, told):
            cell = await _asked("filmviewer.py", told | {"does": "step"})
    what = f"{cell['p50_ms']:.0f} / {cell['most_ms']:.0f}, of {cell['flashes']} flashes"
    return [["sound against picture, ms, p50 / worst", what]]


async def crowded(options: Options) -> Rows:
    viewers = QUICK_VIEWERS if options.quick else VIEWERS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with _served(folder, viewers) as (server, told):
            keys = [str(keys_path(folder, number)) for number in range(viewers)]
            wanted = told | {"does": "watch", "keys": keys, "lines": 240, "seconds": WATCHED_S}
            film = await _crowd(wanted, server.pid)
    copied = [await _copied(viewers, film["size_bytes"], lasts_s) for lasts_s in (SECONDS, None)]
    cost, paced, least = (1e3 * each["cpu_s"] / (each["size_bytes"] / 1e6) for each in (film, *copied))
    grew_mb = film["grew_bytes"] / viewers / 1e6
    carried = f"{film['size_bytes'] / 1e6:.0f} MB, {film['stalled_s']:.1f} s of waiting at the worst"
    return [
        [f"server's CPU for {viewers} viewers, ms a MB", f"{cost:.1f}; {carried}"],
        ["a plain copy of as many bytes, when the players ask, ms a MB", f"{paced:.1f}; ratio {cost / paced:.2f}"],
        ["the same as fast as it goes, ms a MB", f"{least:.1f}; ratio {cost / least:.2f}"],
        ["server's memory a viewer, MB, at the most", f"{grew_mb:.2f}"],
    ]


async def _copied(links: int, size_bytes: int, lasts_s: float | None) -> dict[str, Any]:
    async with child("filmcrowd.py", [json.dumps({"does": "serve"})]) as plain:
        listening = await plain.expect("listening", LIMIT_S)
        wanted = {"does": "copy", "host": "127.0.0.1", "port": listening["port"], "links": links}
        wanted |= {"fingerprint": listening["fingerprint"], "bytes_each": round(size_bytes / links)}
        return await _crowd(wanted | {"lasts_s": lasts_s}, plain.pid)


async def _crowd(wanted: dict[str, Any], pid: int) -> dict[str, Any]:
    async with child("filmcrowd.py", [json.dumps(wanted)]) as crowd:
        await crowd.expect("ready", LIMIT_S)
        before_s, before_bytes = cpu_s_of(pid), resident_bytes_of(pid)
        crowd.tell("go")
        watched = asyncio.create_task(crowd.expect("watched", LIMIT_S))
        most_bytes = before_bytes
        while not (await asyncio.wait({watched}, timeout=LOOK_S))[0]:
            most_bytes = max(most_bytes, resident_bytes_of(pid))
        told = await watched | {"cpu_s": cpu_s_of(pid) - before_s, "grew_bytes": most_bytes - before_bytes}
        crowd.tell("enough")
        return told


async def _asked(script: str, wanted: dict[str, Any]) -> dict[str, Any]:
    member: Child
    async with child(script, [json.dumps(wanted)]) as member:
        await member.expect("ready", LIMIT_S)
        member.tell("go")
        return await member.next_line(LIMIT_S)


@contextlib.asynccontextmanager
async def _served(
    folder: Path, members: int, *, flashes: bool = False
) -> AsyncIterator[tuple[Serving, dict[str, Any]]]:
    """The server of a film, and what a member has to know of it."""
    data = prepared(folder, members)
    make_films(data / "videos", SECONDS, flashes=flashes)
    async with loopback() as network:
        host, port = network.listen_at
        with serving_prepared(data, Place(host, port)) as server:
            fingerprint = Identity.from_pem((data / "identity.pem").read_bytes()).fingerprint.hex()
            yield server, {"host": host, "port": port, "fingerprint": fingerprint, "key": str(keys_path(folder, 0))}
