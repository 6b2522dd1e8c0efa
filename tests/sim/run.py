"""Runs many seeds of the simulation: `make sim SEEDS=10000`.

A seed that fails is printed; `--first N --seeds 1` replays it.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sim.scenario import Scenario


def run_seed(seed: int) -> tuple[int, int, int, int, str]:
    try:
        scenario = Scenario(seed).run()
    except Exception as error:  # noqa: BLE001 -- whatever goes wrong in a seed is a finding, printed with its seed
        return seed, 0, 0, 0, f"{type(error).__name__}: {error}"
    return seed, scenario.opened, scenario.failed, scenario.delivered, ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=None)
    options = parser.parse_args()
    started = time.monotonic()
    opened = failed = delivered = broken = 0
    seeds = range(options.first, options.first + options.seeds)
    with ProcessPoolExecutor(options.jobs) as pool:
        for seed, seed_opened, seed_failed, seed_delivered, problem in pool.map(run_seed, seeds, chunksize=8):
            opened += seed_opened
            failed += seed_failed
            delivered += seed_delivered
            if problem:
                broken += 1
                print(f"seed {seed}: {problem}")
    print(
        f"{options.seeds} seeds in {time.monotonic() - started:.0f} s: {opened} link ends opened, {failed} ended, "
        f"{delivered} messages delivered, {broken} seeds broke a promise"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
