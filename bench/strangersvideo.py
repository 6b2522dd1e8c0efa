"""What strangers cost `lanline video serve` and its viewer: pictures that are seen, CPU and memory.

The server is the program itself; as a script this file is the viewer or the attacker, `strangersvideo.py '{…}'`.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import process
from chatservers import Place, Serving
from child import Child, ChildFailed, Line, child
from lanline.client.home import Home
from lanline.client.video.sealedwatch import Origin, SealedWatch
from lanline.model.watchlinks import WatchLink
from lanline.proto.media.plain import PlainReassembler
from parent import commands, say
from process import cpu_s_of, cpu_s_of_machine, pin_to
from section import Options, Section, percentile, table
from strangers import (
    BITS_PER_S,
    GIVEN_BACK_WITHIN_S,
    LIMIT_S,
    MOST_CPU,
    MOST_GROWN_BYTES,
    MOST_KEPT_BYTES,
    QUICK_SECONDS,
    QUIET_S,
    SAMPLE_S,
    SECONDS,
    SERVER_CORE,
    WARM_UP_S,
    _attack,
)

NAME = "strangersvideo"
FPS = 20
LEAST_PICTURES = 0.9
"""Of those seen in quiet."""
HELLO_EVERY_S = 1.0
WHAT_WAITED_S = 0.3
"""Pictures that came while nobody took any are none of the next run's."""

ATTACKS = {
    "HELLO flood": ("sealed", "preamble_floods:initial_flood"),
    "handshakes of one elsewhere": ("sealed", "handshakes:attack"),
    "links that say nothing": ("sealed", "videoattackers:hold_links"),
    "watching without the secret": ("sealed", "videoattackers:watch_uninvited"),
    "beginnings of large messages": ("sealed", "videoattackers:fill_memory"),
    "challenges": ("sealed", "challenges:attack"),
    "a viewer who lies": ("sealed", "videoattackers:flood_requests"),
    "an onlooker who copies packets": ("sealed", "onlooker:copy_packets"),
    "hellos that are not repeated": ("plain", "videoattackers:say_hello_once"),
    "hellos of a crowd": ("plain", "videoattackers:hello_crowd"),
}
"""Each with the format that the server speaks."""


@dataclass(frozen=True, slots=True)
class Effect:
    attack: str
    kind: str
    quiet_pictures_per_s: float
    pictures_per_s: float
    gap_p99_ms: float
    """Between one picture and the next, as the viewer saw them."""
    mbit_per_s: float
    quiet_cpu: float
    cpu: float
    others_cpu: float
    grown_bytes: float
    kept_bytes: float
    seconds: float
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def failures(self) -> list[str]:
        found = {
            "pictures": self.pictures_per_s < LEAST_PICTURES * self.quiet_pictures_per_s,
            "CPU": self.cpu - self.quiet_cpu > MOST_CPU,
            "memory": self.grown_bytes > MOST_GROWN_BYTES,
            "given back": self.kept_bytes > MOST_KEPT_BYTES,
            "path": self.counts.get("lured_packets", 0) > self.counts.get("copied_packets", 0),
        }
        return [name for name, failed in found.items() if failed]

    @property
    def row(self) -> list[str]:
        return [
            self.attack,
            self.kind,
            f"{self.mbit_per_s:.1f}",
            f"{self.quiet_pictures_per_s:.1f} / {self.pictures_per_s:.1f}",
            f"{self.gap_p99_ms:.0f}",
            f"{100 * self.quiet_cpu:.0f} / {100 * self.cpu:.0f}",
            f"{100 * self.others_cpu:.0f}",
            f"{self.grown_bytes / 1e6:.0f} / {self.kept_bytes / 1e6:.0f}",
            "yes" if not self.failures else f"no: {', '.join(self.failures)}",
        ]


HEADER = [
    "attack",
    "format",
    "Mbit/s sent",
    "pictures a second: quiet / under",
    "p99 ms between two",
    "CPU %: quiet / under",
    "others' CPU %",
    "MB grown / kept",
    "holds",
]


async def measure(options: Options) -> Section:
    seconds = options.attack_seconds or (QUICK_SECONDS if options.quick else SECONDS)
    wanted = [name for name in options.attacks or ATTACKS if name in ATTACKS]
    effects: list[Effect] = _earlier(options.earlier, seconds, wanted)
    failed: list[str] = []
    for name in wanted:
        try:
            effects.append(effect := await _effect(name, seconds))
            print(" | ".join(effect.row), file=sys.stderr, flush=True)
        except ChildFailed as failure:
            failed.append(f"{name}: {failure}")
            print(failed[-1], file=sys.stderr, flush=True)
    effects.sort(key=lambda effect: list(ATTACKS).index(effect.attack))
    rows = [
        *(effect.row for effect in effects),
        *([each, *[""] * (len(HEADER) - 2), "not measured"] for each in failed),
    ]
    return Section(
        name=NAME,
        title="Attacks by strangers on a video server",
        setting=_setting(seconds),
        tables=(table(HEADER, rows),),
        figures=[{**asdict(effect), "failures": effect.failures} for effect in effects],
    )


def _earlier(figures: Path | None, seconds: float, but: Sequence[str]) -> list[Effect]:
    """Rows that were measured before, for as long each, and not again now."""
    if figures is None or not figures.exists():
        return []
    known = json.loads(figures.read_text(encoding="utf-8")).get(NAME, {"figures": []})["figures"]
    effects = [Effect(**{name: value for name, value in figure.items() if name != "failures"}) for figure in known]
    return [each for each in effects if each.seconds == seconds and each.attack in ATTACKS and each.attack not in but]


def _setting(seconds: float) -> str:
    return (
        f"One attacker on loopback sends up to {BITS_PER_S / 1e6:g} Mbit/s for {seconds:g} s at `lanline video serve "
        f"--source test --size 320x240 --fps {FPS}`, which has a core of its own; one viewer and the attacker share "
        "the other, the attacker at the lowest priority. The viewer who lies has the watch link. The onlooker relays "
        "the viewer's packets both ways, and sends a copy of each first, from elsewhere; it has become the path when "
        "more comes there than one answer for each copy. Others' CPU is what programs that are no part of this used "
        "meanwhile, of two cores. Every row has to hold: "
        f"{100 * LEAST_PICTURES:g} % of the pictures that were seen in quiet, {100 * MOST_CPU:g} % of a core above "
        f"the quiet server, {MOST_GROWN_BYTES / 1e6:g} MB of which no more than {MOST_KEPT_BYTES / 1e6:g} MB are kept "
        f"after {GIVEN_BACK_WITHIN_S:g} s."
    )


async def _effect(name: str, seconds: float) -> Effect:
    kind, path = ATTACKS[name]
    with tempfile.TemporaryDirectory() as folder:
        async with _serving(Path(folder), kind) as (serving, link):
            spec = {"attack": path, "host": "127.0.0.1", "port": serving.place.port, "seconds": seconds, "link": link}
            return await _with_attacker(name, serving, folder, spec, seconds)


@asynccontextmanager
async def _serving(folder: Path, kind: str) -> AsyncIterator[tuple[Serving, str]]:
    place = Place()
    words = ["video", "serve", "--source", "test", "--size", "320x240", "--fps", str(FPS), "--host", "127.0.0.1"]
    words += ["--port", str(place.port), "--home", str(folder / "server"), *(["--plain"] if kind == "plain" else [])]
    running = await asyncio.create_subprocess_exec(
        "taskset", "-c", str(SERVER_CORE), sys.executable, "-m", "lanline", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        assert running.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            said = ""
            while not re.search(r"lanline-video://\S+(?=')" if kind == "sealed" else r"Serving", said):
                line = (await running.stdout.readline()).decode()
                if not line:
                    raise ChildFailed(f"the server ended: {said}")
                said += line
        found = re.search(r"lanline-video://\S+(?=')", said)
        yield Serving(running.pid, place), found.group(0) if found else ""
    finally:
        running.terminate()
        await running.communicate()


async def _with_attacker(name: str, serving: Serving, folder: str, spec: dict[str, Any], seconds: float) -> Effect:
    viewer_spec = {"view": spec["link"], "port": serving.place.port, "folder": folder}
    async with child("strangersvideo.py", [json.dumps(viewer_spec)]) as viewer:
        await viewer.expect("ready", LIMIT_S)
        await _run(viewer, WARM_UP_S)
        before_s = serving.cpu_s()
        quiet = await _run(viewer, QUIET_S)
        quiet_cpu = (serving.cpu_s() - before_s) / QUIET_S
        async with child("strangersvideo.py", [json.dumps(spec)]) as attacker:
            began = await attacker.expect("attacking", LIMIT_S)
            if "port" in began:  # the viewer's packets come by the attacker
                viewer.tell(f"move {began['port']}")
                await viewer.expect("ready", LIMIT_S)
            attacker.tell("begin")
            return await _attacked(name, serving, viewer, attacker, (quiet, quiet_cpu), seconds)


async def _attacked(
    name: str, serving: Serving, viewer: Child, attacker: Child, quiet: tuple[Line, float], seconds: float
) -> Effect:
    resident = most = serving.resident_bytes()
    server_s, machine_s, begun_at = serving.cpu_s(), cpu_s_of_machine(), time.monotonic()
    ours_s = process.cpu_s() + cpu_s_of(viewer.pid) + cpu_s_of(attacker.pid)
    ran = asyncio.ensure_future(_run(viewer, seconds))
    ended = asyncio.ensure_future(attacker.expect("result", seconds + LIMIT_S))
    while not ended.done():
        await asyncio.wait([ended], timeout=SAMPLE_S)
        most = max(most, serving.resident_bytes())
    took_s = time.monotonic() - begun_at
    used_s = serving.cpu_s() - server_s
    ours_s = process.cpu_s() + cpu_s_of(viewer.pid) + cpu_s_of(attacker.pid) - ours_s
    others_s = cpu_s_of_machine() - machine_s - used_s - ours_s
    counts, under = (await ended)["counts"], await ran
    limit = time.monotonic() + GIVEN_BACK_WITHIN_S
    while (kept := serving.resident_bytes() - resident) > MOST_KEPT_BYTES and time.monotonic() < limit:  # noqa: ASYNC110 -- of another process
        await asyncio.sleep(SAMPLE_S)
    return Effect(
        attack=name,
        kind=ATTACKS[name][0],
        quiet_pictures_per_s=len(quiet[0]["at_s"]) / QUIET_S,
        pictures_per_s=len(under["at_s"]) / seconds,
        gap_p99_ms=_gap_p99_ms(under["at_s"]),
        mbit_per_s=counts.get("sent_bytes", 0) * 8 / took_s / 1e6,
        quiet_cpu=quiet[1],
        cpu=used_s / took_s,
        others_cpu=max(0.0, others_s) / took_s,
        grown_bytes=most - resident,
        kept_bytes=max(0.0, kept),
        seconds=seconds,
        counts=counts,
    )


def _gap_p99_ms(at_s: list[float]) -> float:
    gaps = sorted(1000 * (after - before) for before, after in pairwise(at_s))
    return percentile(gaps, 0.99) if gaps else float("inf")


async def _run(viewer: Child, seconds: float) -> Line:
    viewer.tell(f"run {seconds}")
    return await viewer.expect("ran", seconds + LIMIT_S)


# The viewer.


class SealedViewer:
    def __init__(self, link: str, folder: str) -> None:
        self._link = WatchLink.parse(link)
        self._home = Home(Path(folder) / "viewer")
        self._watch: SealedWatch | None = None

    async def move(self, port: int) -> None:
        if self._watch is not None:
            self._watch.close()
        link = WatchLink(self._link.host, port, self._link.fingerprint, self._link.secret)
        self._watch = SealedWatch(self._home, link, Origin.GIVEN, wants_sound=False)
        await self._watch.start(None, 0)

    async def take(self) -> int:
        assert self._watch is not None
        return len(await self._watch.take(0.1))


class PlainViewer:
    def __init__(self, port: int) -> None:
        self._address = "127.0.0.1", port
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self._reassembler = PlainReassembler()
        self._hello_at = 0.0

    async def move(self, port: int) -> None:
        pass

    async def take(self) -> int:
        return await asyncio.to_thread(self._receive)

    def _receive(self) -> int:
        now = time.monotonic()
        if now >= self._hello_at:
            self._hello_at = now + HELLO_EVERY_S
            self._socket.sendto(b"hello", self._address)
        try:
            return int(self._reassembler.receive_datagram(self._socket.recv(65_536)) is not None)
        except TimeoutError:
            return 0


async def _view(spec: dict[str, Any]) -> None:
    viewer = SealedViewer(spec["view"], spec["folder"]) if spec["view"] else PlainViewer(spec["port"])
    lines = await commands()
    await viewer.move(spec["port"])
    while not await viewer.take():
        pass
    say(event="ready")
    while words := (await lines.readline()).split():
        if words[0] == b"move":
            await viewer.move(int(words[1]))
            while not await viewer.take():
                pass
            say(event="ready")
            continue
        not_yet = time.monotonic() + WHAT_WAITED_S
        while time.monotonic() < not_yet:
            await viewer.take()
        at_s: list[float] = []
        until = time.monotonic() + float(words[1])
        while time.monotonic() < until:
            at_s += [time.monotonic()] * await viewer.take()
        say(event="ran", at_s=at_s)


# The attacker.


async def _attack_when_told(spec: dict[str, Any]) -> None:
    address, seconds = (spec["host"], spec["port"]), spec["seconds"]
    attack = _attack(spec["attack"])
    lines = await commands()
    if inspect.iscoroutinefunction(attack):  # it has a port of its own, and is there before it is told to begin
        counts = await attack(address, seconds, lambda port: say(event="attacking", port=port), lines.readline)
    else:
        say(event="attacking")
        await lines.readline()
        secret = {"secret": WatchLink.parse(spec["link"]).secret} if spec["attack"].endswith("flood_requests") else {}
        counts = await asyncio.to_thread(attack, address, seconds, BITS_PER_S, **secret)
    say(event="result", counts=dict(counts) if isinstance(counts, Mapping) else asdict(counts))


def main() -> None:
    spec = json.loads(sys.argv[1])
    pin_to(SERVER_CORE + 1)
    if "view" in spec:
        asyncio.run(_view(spec))
    else:
        os.nice(19)
        asyncio.run(_attack_when_told(spec))


if __name__ == "__main__":
    main()
