"""Secrets backwards: what opens under the newer one, and nothing else does."""

from __future__ import annotations

from grouphouse.people import chance
from lanline.crypto.groups.epochs import (
    commitment_of,
    open_back,
    open_prior,
    seal_back,
    seal_prior,
    seed_commitment_of,
)
from lanline.crypto.groups.ids import digest_of

SECRET, SCOPE, EARLIER, ID = chance(1), chance(2), chance(3), chance(4)[:16]


def test_the_secret_before_opens_under_this_one_in_this_scope_only() -> None:
    sealed = seal_back(SECRET, SCOPE, ID, EARLIER)
    assert open_back(SECRET, SCOPE, ID, sealed) == EARLIER
    for wrong in ((chance(9), SCOPE, ID), (SECRET, chance(9), ID), (SECRET, SCOPE, chance(9)[:16])):
        assert open_back(*wrong, sealed) is None


def test_the_seed_before_opens_under_this_one_for_this_account_and_generation_only() -> None:
    sealed = seal_prior(SECRET, SCOPE, 2, EARLIER)
    assert open_prior(SECRET, SCOPE, 2, sealed) == EARLIER
    for wrong in ((chance(9), SCOPE, 2), (SECRET, chance(9), 2), (SECRET, SCOPE, 3)):
        assert open_prior(*wrong, sealed) is None


def test_a_commitment_is_to_the_secret_the_scope_the_height_and_the_head() -> None:
    commitments = {
        commitment_of(*each)
        for each in ((SECRET, SCOPE, 1, ID), (EARLIER, SCOPE, 1, ID), (SECRET, ID, 1, ID), (SECRET, SCOPE, 2, ID))
    } | {commitment_of(SECRET, SCOPE, 1, SCOPE)}
    assert len(commitments) == 5


def test_a_seed_is_for_one_turn_of_one_device() -> None:
    """Else a revoked device copies the turn on another branch, and one that is kept behind passes the new seed on."""
    assert seed_commitment_of(SECRET, ID) == digest_of(SECRET, ID)
    assert seed_commitment_of(SECRET, ID) != seed_commitment_of(SECRET, bytes(16))
