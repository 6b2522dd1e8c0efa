"""One fuzzer in its own process: `fuzz/worker.py NAME CORPUS [libFuzzer options]`; `NAME FILE` replays one input."""

from __future__ import annotations

import importlib
import sys
from hashlib import sha256
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parent))


def main() -> None:
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["lanline"]):
        target = importlib.import_module(f"targets.{name}")
    corpus = Path(sys.argv[1])
    if corpus.is_dir():
        for seed in target.seeds():
            (corpus / sha256(seed).hexdigest()[:16]).write_bytes(seed)
    atheris.Setup(sys.argv, target.fuzz_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
