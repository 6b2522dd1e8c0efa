"""Compares this checkout with another one, in turns in one run: `python bench/before.py ../before --rounds 5`.

The other checkout has its own environment (`make .venv/.bench` in it) and runs its own copy of the same measurements,
so each server is spoken to by the client of its time. What is told is the median of each figure, and their ratio.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from section import table

PARTS = ("chat", "chatcatchup", "chatmembers", "start")
HERE = Path(__file__).resolve().parent.parent
LIMIT_S = 600.0
_ONE = """
import asyncio, importlib, json, sys
from section import Options
part = importlib.import_module(sys.argv[1])
if hasattr(part, "SERVERS"):
    part.SERVERS = ("lanline",)
options = Options(contenders=(), seconds=0, runs=1, quick=sys.argv[2] == "quick", all_ip=False, seed=1)
print(json.dumps(asyncio.run(part.measure(options)).figures))
"""


def figures_of(checkout: Path, part: str, *, quick: bool) -> dict[str, float]:
    words = [checkout / ".venv/bin/python", "-c", _ONE, part, "quick" if quick else "whole"]
    run = subprocess.run(
        words, cwd=checkout / "bench", check=True, timeout=LIMIT_S, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    return dict(_leaves(json.loads(run.stdout.splitlines()[-1]), part))


def _leaves(figures: object, name: str) -> list[tuple[str, float]]:
    """Each figure under the path that leads to it; several takes of one thing are one figure, their median."""
    if isinstance(figures, dict):
        return [leaf for key, below in figures.items() for leaf in _leaves(below, f"{name} {key}")]
    if isinstance(figures, list) and figures and isinstance(figures[0], dict):
        return [leaf for place, below in enumerate(figures) for leaf in _leaves(below, f"{name} {place}")]
    if isinstance(figures, list):
        return [(name, statistics.median(figures))]
    return [(name, float(figures))] if isinstance(figures, int | float) else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("before", type=Path, help="the folder of the other checkout")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=PARTS, help="one part; may be given again")
    parser.add_argument("--quick", action="store_true", help="each part in its quick form")
    options = parser.parse_args()
    takes: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for number in range(options.rounds):
        for part in options.only or PARTS:
            for place in (0, 1) if number % 2 == 0 else (1, 0):
                checkout = (options.before.resolve(), HERE)[place]
                for name, figure in figures_of(checkout, part, quick=options.quick).items():
                    takes[name][place].append(figure)
    rows = []
    for name, (before, now) in sorted(takes.items()):
        if before and now and statistics.median(before):
            medians = statistics.median(before), statistics.median(now)
            rows.append([name, f"{medians[0]:.3f}", f"{medians[1]:.3f}", f"{medians[1] / medians[0]:.3f}"])
    print(table(["figure", "before", "now", "ratio"], rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
