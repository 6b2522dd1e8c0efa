"""Fuzz every parser of remote input, one after the other: `make fuzz SECONDS=600`, or `fuzz/run.py --only frames`.

What each fuzzer has learned stays in fuzz/corpus/NAME, and a later run starts from there.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
NAMES = sorted(path.stem for path in (HERE / "targets").glob("[!_]*.py"))
_LONGEST_INPUT_BYTES = 4096
_SLOWEST_INPUT_S = 10


def fuzz(name: str, seconds: int) -> bool:
    corpus, crashes = CORPUS / name, CORPUS / f"{name}.crashes"
    corpus.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(exist_ok=True)
    before = set(crashes.iterdir())
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={_LONGEST_INPUT_BYTES}",
        f"-timeout={_SLOWEST_INPUT_S}",
        f"-artifact_prefix={crashes}/",
        "-verbosity=0",
        "-print_final_stats=1",
    ]
    worker = [sys.executable, str(HERE / "worker.py"), name]
    done = subprocess.run([*worker, str(corpus), *options], text=True, capture_output=True, check=False)  # noqa: S603 -- our own script
    if done.returncode == 0:
        runs = next((line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line), "?")
        print(f"{name}: nothing found in {runs} inputs, {seconds} s", flush=True)
        return True
    print(done.stdout + done.stderr)
    print(f"{name}: FAILED")
    for path in sorted(set(crashes.iterdir()) - before):
        print(f"  the input: {path}")
        print(f"  to replay: {' '.join(worker)} {path}")
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="shared by all fuzzers that run")
    parser.add_argument("--only", choices=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)}")
    arguments = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("Fuzzing needs atheris, which has builds for Linux only: `make fuzz` installs it there.", file=sys.stderr)
        return 1
    names = [arguments.only] if arguments.only else NAMES
    seconds = max(1, arguments.seconds // len(names))
    failed = [name for name in names if not fuzz(name, seconds)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
