"""Many seeds of the worlds of sealing: `python tests/sim/sealing/run.py --seeds 10000 --only group --fault reuse`.

With a fault it prints after how many seeds that is found, and how often.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sim.sealing import clients, forks, group, outboxes, restores
from sim.sealing.group import PromiseBroken

_MODULES = {"group": group, "forks": forks, "restores": restores, "outboxes": outboxes}
MODELS = list(_MODULES)
"""Over the rules alone. The last one is the client itself, on the server itself."""
_MODULES["clients"] = clients
WORLDS: dict[str, Callable[[int, str], Any]] = {name: module.World for name, module in _MODULES.items()}
FAULTS: dict[str, tuple[str, ...]] = {name: module.FAULTS for name, module in _MODULES.items()}
Outcome = tuple[int, Counter[str], str]


def run_seed(name: str, seed: int, fault: str = "") -> Outcome:
    world = WORLDS[name](seed, fault)
    try:
        world.run()
    except PromiseBroken as broken:
        return seed, world.figures, str(broken)
    return seed, world.figures, ""


def first_broken(name: str, fault: str, seeds: Iterable[int]) -> int | None:
    return next((seed for seed in seeds if run_seed(name, seed, fault)[2]), None)


def _run(name: str, fault: str, seed: int) -> Outcome:
    return run_seed(name, seed, fault)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="of each")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument("--only", choices=list(WORLDS))
    parser.add_argument("--fault", default="", help=f"one of {FAULTS}")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    broken = 0
    with ProcessPoolExecutor(options.jobs) as pool:
        for name in [options.only] if options.only else MODELS:
            started, figures, found = time.monotonic(), Counter[str](), 0
            for seed, counted, problem in pool.map(partial(_run, name, options.fault), seeds, chunksize=8):
                figures.update(counted)
                found += bool(problem)
                if problem and found <= 5:
                    print(f"{name}, seed {seed}: {problem}", flush=True)
            told = ", ".join(f"{count} {word}" for word, count in sorted(figures.items()))
            print(f"{name}: {len(seeds)} seeds in {time.monotonic() - started:.0f} s: {told}, {found} broke a promise")
            broken += found
    return 1 if broken and not options.fault else 0


if __name__ == "__main__":
    sys.exit(main())
