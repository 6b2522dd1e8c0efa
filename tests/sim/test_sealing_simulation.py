"""The rules of sealing, searched at random; and each fault that is known, switched on, so that the search finds it."""

from __future__ import annotations

import pytest

from sim.sealing import forks, group
from sim.sealing.run import FAULTS, MODELS, first_broken, run_seed

SEEDS_IN_CI = 40
CLIENT_SEEDS_IN_CI = 8
MOST_SEEDS_FOR_A_FAULT = 400
SOON_FOUND_FROM = {
    ("forks", "copy"): 50,
    ("forks", "unopened"): 133,
    ("group", "back"): 101,
    ("group", "demote"): 16,
    ("group", "leave"): 30,
    ("outboxes", "two_senders"): 339,
    ("restores", "forget"): 280,
}
"""Where the search begins for what it finds seldom."""


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("block", range(SEEDS_IN_CI // 40))
def test_keys_model_nobody_who_may_cannot_and_nobody_who_may_not_can(name: str, block: int) -> None:
    problems = [run_seed(name, seed) for seed in range(block * 40, block * 40 + 40)]
    assert [f"seed {seed}: {problem}" for seed, _, problem in problems if problem] == []


@pytest.mark.parametrize("block", range(CLIENT_SEEDS_IN_CI // 8))
def test_real_clients_nobody_who_may_cannot_and_nobody_who_may_not_can(block: int) -> None:
    problems = [run_seed("clients", seed) for seed in range(block * 8, block * 8 + 8)]
    assert [f"seed {seed}: {problem}" for seed, _, problem in problems if problem] == []


@pytest.mark.parametrize(("name", "fault"), [(name, fault) for name, faults in FAULTS.items() for fault in faults])
def test_the_model_finds_each_known_fault(name: str, fault: str) -> None:
    first = SOON_FOUND_FROM.get((name, fault), 0)
    assert first_broken(name, fault, range(first, first + MOST_SEEDS_FOR_A_FAULT)) is not None


def test_the_worlds_are_busy() -> None:
    """A search in which nothing happens finds nothing."""
    for world in (group.World, forks.World):
        runs = [world(seed).run() for seed in range(30)]
        assert all(sum(each.figures[what] for each in runs) > 60 for what in ("entries", "epochs", "messages"))
