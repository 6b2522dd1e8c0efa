"""Runs the benchmark and writes its tables: `make bench`, or `python bench/run.py --only latency --quick`.

A part is a module with a NAME and `async def measure(options) -> Section`, listed in PARTS.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import blockedudp
import bulk
import chat
import chatcatchup
import chatloss
import chatmarks
import chatmembers
import fanout
import films
import flood
import goodput
import handshakes
import idle
import largegroup
import latency
import newdevice
import sealing
import start
import strangers
import strangersvideo
import video
import videolatency
import videoquality
import videorecovery
from conditions import conditions
from contenders import CONTENDERS
from plot import plot_films, plot_latency, plot_video
from report import commands_before, section_text, write_document, write_figures
from section import Options, Section

PARTS: dict[str, Callable[[Options], Coroutine[Any, Any, Section]]] = {
    fanout.NAME: fanout.measure,
    bulk.NAME: bulk.measure,
    latency.NAME: latency.measure,
    goodput.NAME: goodput.measure,
    idle.NAME: idle.measure,
    handshakes.NAME: handshakes.measure,
    flood.NAME: flood.measure,
    chat.NAME: chat.measure,
    chatmembers.NAME: chatmembers.measure,
    chatmarks.NAME: chatmarks.measure,
    chatcatchup.NAME: chatcatchup.measure,
    chatloss.NAME: chatloss.measure,
    start.NAME: start.measure,
    blockedudp.NAME: blockedudp.measure,
    largegroup.NAME: largegroup.measure,
    newdevice.NAME: newdevice.measure,
    sealing.NAME: sealing.measure,
    video.NAME: video.measure,
    videolatency.NAME: videolatency.measure,
    videorecovery.NAME: videorecovery.measure,
    films.NAME: films.measure,
    videoquality.NAME: videoquality.measure,
    strangers.NAME: strangers.measure,
    strangersvideo.NAME: strangersvideo.measure,
}
IN_A_USUAL_RUN = [name for name in PARTS if name not in {strangers.NAME, strangersvideo.NAME}]
"""A minute for each attack is as long as all the rest together."""
ROWS: dict[str, Sequence[str]] = {
    videorecovery.NAME: videorecovery.ROWS,
    sealing.NAME: sealing.ROWS,
    films.NAME: films.ROWS,
    strangers.NAME: tuple(strangers.ATTACKS),
    strangersvideo.NAME: tuple(strangersvideo.ATTACKS),
}
"""What can be measured apart (`--rows`, `--attacks`)."""
FIGURES = "benchmarks.json"
DOCS = Path(__file__).parent.parent / "docs"
SECONDS = 7.5
RUNS = 2
QUICK_SECONDS = 2.0


def main(argv: Sequence[str] | None = None) -> None:
    arguments = sys.argv[1:] if argv is None else list(argv)
    wanted = _parse(arguments)
    # A hurried run is no result: it leaves the documents alone unless it is told where to write.
    folder = wanted.out or (None if wanted.quick else DOCS)
    facts = conditions(arguments)
    before: dict[str, str] = {}
    options = Options(
        contenders=wanted.contenders,
        seconds=wanted.seconds or (QUICK_SECONDS if wanted.quick else SECONDS),
        runs=wanted.runs or (1 if wanted.quick else RUNS),
        quick=wanted.quick,
        all_ip=wanted.all_ip,
        seed=wanted.seed,
        attack_seconds=wanted.seconds,
        attacks=wanted.attacks,
        rows=wanted.rows,
        earlier=folder / FIGURES if wanted.add and folder is not None else None,
        keep=lambda section: _write(section, facts, folder, before | {"": facts["command"]}),
    )
    for name in wanted.only:
        rows = ROWS.get(name, ())
        before = {} if options.earlier is None else commands_before(options.earlier, name, rows)
        section = asyncio.run(PARTS[name](options))
        measured = [row for row in wanted.rows or wanted.attacks or rows if row in rows]
        commands = before | dict.fromkeys(measured, facts["command"])
        print(section_text(section, facts, commands), end="\n\n", flush=True)
        _write(section, facts, folder, commands)


def _write(section: Section, facts: dict[str, str], folder: Path | None, commands: dict[str, str]) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_document(folder / "benchmarks.md", section, facts, commands)
    write_figures(folder / FIGURES, section, facts, commands)
    if section.name == latency.NAME:
        plot_latency(section.figures, folder / "benchmarks-latency.svg")
    if section.name == films.NAME and section.images:
        plot_films(section.figures, folder / "benchmarks-films.svg")
    if section.name == video.NAME:
        plot_video(section.figures, folder / "benchmarks-video.svg")


def _names(known: Sequence[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(";" if ";" in text or any("," in name for name in known) else ",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: choose from {', '.join(known)}")
        return names

    return parse


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure, print the tables, and write docs/benchmarks.*")
    parser.add_argument("--only", type=_names(tuple(PARTS)), default=IN_A_USUAL_RUN, help=",".join(PARTS))
    parser.add_argument("--contenders", type=_names(CONTENDERS), default=CONTENDERS, help=",".join(CONTENDERS))
    parser.add_argument("--seconds", type=float, help=f"length of one latency run (default {SECONDS:g}), or attack")
    parser.add_argument(
        "--attacks",
        type=_names((*strangers.ATTACKS, *strangersvideo.ATTACKS)),
        default=(),
        help="of strangers: names of rows of its table",
    )
    parser.add_argument(
        "--rows",
        type=_names((*videorecovery.ROWS, *sealing.ROWS, *films.ROWS)),
        default=(),
        help="of videorecovery, sealing and films: rows of their tables, by ;",
    )
    parser.add_argument(
        "--add",
        action="store_true",
        help="of strangers, videorecovery, sealing and films: keep rows measured before",
    )
    parser.add_argument("--runs", type=int, help=f"latency runs in one cell, each with its own seed (default {RUNS})")
    parser.add_argument(
        "--quick", action="store_true", help="a look at everything in about four minutes; writes no documents"
    )
    parser.add_argument("--all-ip", action="store_true", help="UDP, too, through the network namespaces")
    parser.add_argument("--seed", type=int, default=1, help="of the losses; the runs count up from it")
    parser.add_argument("--out", type=Path, help="folder for the documents instead of docs/")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
