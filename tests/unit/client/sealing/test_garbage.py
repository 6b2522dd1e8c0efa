"""Damaged boxes, keys, words, messages, files, links and codes: what is declared is raised, and nothing else."""

from __future__ import annotations

import importlib
import random

import pytest

_EACH = {"sealedboxes": 12, "sealedwords": 60, "keyfiles": 25, "contents": 60, "sealednode": 1, "groupserver": 1}


@pytest.mark.parametrize("name", _EACH)
def test_what_is_damaged_raises_nothing_else_than_is_declared(name: str) -> None:
    target = importlib.import_module(f"targets.{name}")  # which takes a second, where the tests are only collected too
    rng = random.Random(1)
    for seed in target.seeds():
        target.fuzz_one(seed)
        for _ in range(_EACH[name]):
            damaged = bytearray(seed)
            for _ in range(rng.randint(1, 3)):
                damaged[rng.randrange(len(damaged))] = rng.choice((0, 0xC0, 0xFF, 0x22, rng.randrange(256)))
            target.fuzz_one(bytes(damaged[: rng.choice((len(damaged), rng.randrange(len(damaged) + 1)))]))
