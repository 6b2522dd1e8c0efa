"""Whatever comes, the chain answers with a reason: nothing raises, and each item takes a height."""

from __future__ import annotations

import random

from targets import chain as target


def test_damaged_entries_of_every_kind_raise_nothing() -> None:
    rng = random.Random(1)
    for seed in target.seeds():
        target.fuzz_one(seed)
        for _ in range(60):
            damaged = bytearray(seed)
            for _ in range(rng.randint(1, 3)):
                damaged[rng.randrange(len(damaged))] = rng.choice((0, 0xC0, 0xFF, rng.randrange(256)))
            target.fuzz_one(bytes(damaged[: rng.choice((len(damaged), rng.randrange(len(damaged) + 1)))]))
