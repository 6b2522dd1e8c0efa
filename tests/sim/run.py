"""Runs many seeds of the simulations, of the link, of the whole system and of a lying server: `make sim SEEDS=10000`.

A seed that fails is printed with the command that replays it.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sim.lies.world import World, remove_folders
from sim.scenario import Scenario
from sim.system.scenario import SystemScenario

Figures = tuple[int, ...]
Outcome = tuple[int, Figures, str]
_TELL_EVERY = 500
_TOLD_IN_FULL = "LANLINE_SIM_TRACEBACK"


def run_link_seed(seed: int) -> Outcome:
    return _run(seed, lambda: _link_figures(Scenario(seed).run()))


def run_system_seed(seed: int) -> Outcome:
    return _run(seed, lambda: SystemScenario(seed).run().figures)


def run_lies_seed(seed: int) -> Outcome:
    """Of two that follow each other one has a server that lies."""
    logging.disable(logging.CRITICAL)
    try:
        return _run(seed, lambda: _lies_figures(World(seed, lies=seed % 2 == 1).run()))
    finally:
        logging.disable(logging.NOTSET)


def _lies_figures(world: World) -> Figures:
    told = sum(count for what, count in world.figures.items() if what.startswith("lies: "))
    return world.figures["said"], told, world.figures["restores"] + world.figures["silent restores"]


def _link_figures(scenario: Scenario) -> Figures:
    return scenario.opened, scenario.failed, scenario.delivered


def _run(seed: int, work: Callable[[], Figures]) -> Outcome:
    try:
        return seed, work(), ""
    except Exception as error:  # noqa: BLE001 -- whatever goes wrong in a seed is a finding, printed with its seed
        if os.environ.get(_TOLD_IN_FULL):
            traceback.print_exc()
        return seed, (), f"{type(error).__name__}: {error}"


LINK = ("link ends opened", "ended", "messages delivered")
LIES = ("times that somebody spoke", "lies", "restores of the server")
SYSTEM = ("messages committed", "starts of the server", "starts of clients")


def report(name: str, words: tuple[str, ...], outcomes: Iterable[Outcome]) -> int:
    """Prints as they come those that fail, at last the sum; returns how many broke a promise."""
    started = time.monotonic()
    sums = [0] * len(words)
    count = broken = 0
    for seed, figures, problem in outcomes:
        count += 1
        if problem:
            broken += 1
            print(
                f"seed {seed}: {problem}\n  again: python tests/sim/run.py --{name} --first {seed} --seeds 1",
                flush=True,
            )
        for place, figure in enumerate(figures):
            sums[place] += figure
        if count % _TELL_EVERY == 0:
            print(f"{name}: {count} seeds so far", file=sys.stderr, flush=True)
    told = ", ".join(f"{figure} {word}" for figure, word in zip(sums, words, strict=True))
    elapsed_s = time.monotonic() - started
    print(f"{name}: {count} seeds in {elapsed_s:.0f} s: {told}, {broken} seeds broke a promise", flush=True)
    return broken


def _begin_worker() -> None:
    gc.freeze()  # what was imported is never garbage
    signal.signal(signal.SIGTERM, _end_worker)
    signal.signal(signal.SIGINT, _end_worker)


def _end_worker(number: int, _frame: object) -> NoReturn:
    """Whatever seed it is at: nothing of it is left."""
    remove_folders()
    os._exit(128 + number)


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


def main() -> int:
    signal.signal(signal.SIGTERM, _end)
    try:
        return _run_all()
    finally:
        remove_folders()


def _run_all() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="of each")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument("--link", action="store_true", help="only the link")
    parser.add_argument("--lies", action="store_true", help="only the server that lies")
    parser.add_argument("--system", action="store_true", help="only the whole system")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.jobs, initializer=_begin_worker) as pool:
        try:
            return 1 if _count_broken(pool, options) else 0
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _count_broken(pool: ProcessPoolExecutor, options: argparse.Namespace) -> int:
    seeds = range(options.first, options.first + options.seeds)
    is_all = not (options.link or options.system or options.lies)
    broken = 0
    if is_all or options.link:
        broken += report("link", LINK, pool.map(run_link_seed, seeds, chunksize=8))
    if is_all or options.system:
        broken += report("system", SYSTEM, pool.map(run_system_seed, seeds, chunksize=4))
    if is_all or options.lies:
        broken += report("lies", LIES, pool.map(run_lies_seed, seeds, chunksize=4))
    return broken


if __name__ == "__main__":
    sys.exit(main())
