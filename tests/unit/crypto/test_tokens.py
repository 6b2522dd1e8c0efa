"""Tokens that a host knows again without keeping anything: good for one address, one id and one minute."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lanline.crypto.tokens import PROOF_LIFETIME_S, AddressProof, ResetTokens

ADDRESS, ID = ("10.0.0.1", 1000), b"12345678"


def test_proof_is_good_for_its_address_and_id_only() -> None:
    proof = AddressProof(bytes(32))
    token = proof.make(ADDRESS, ID, 100.0)
    assert len(token) == 20
    assert proof.check(token, ADDRESS, ID, 100.0)
    assert not proof.check(token, ("10.0.0.1", 1001), ID, 100.0)
    assert not proof.check(token, ("10.0.0.11", 1000), ID, 100.0)
    assert not proof.check(token, ADDRESS, b"12345679", 100.0)
    assert not AddressProof(b"\1" * 32).check(token, ADDRESS, ID, 100.0)


def test_proof_expires_and_is_of_no_use_before_its_time() -> None:
    proof = AddressProof(bytes(32))
    token = proof.make(ADDRESS, ID, 100.0)
    assert proof.check(token, ADDRESS, ID, 100.0 + PROOF_LIFETIME_S)
    assert not proof.check(token, ADDRESS, ID, 101.0 + PROOF_LIFETIME_S)
    assert not proof.check(token, ADDRESS, ID, 99.0)


def test_clock_that_wraps_around_is_no_problem() -> None:
    proof = AddressProof(bytes(32))
    token = proof.make(ADDRESS, ID, 2**32 - 1.0)
    assert proof.check(token, ADDRESS, ID, 2**32 + 10.0)


@given(st.binary(max_size=40))
def test_made_up_token_is_refused(token: bytes) -> None:
    assert not AddressProof(bytes(32)).check(token, ADDRESS, ID, 5.0)


@given(st.integers(0, 19), st.integers(1, 255))
def test_changed_token_is_refused(position: int, mask: int) -> None:
    proof = AddressProof(bytes(32))
    token = bytearray(proof.make(ADDRESS, ID, 100.0))
    token[position] ^= mask
    assert not proof.check(bytes(token), ADDRESS, ID, 130.0)


def test_reset_token_is_the_same_after_a_restart_and_another_for_every_id_and_host() -> None:
    token = ResetTokens(bytes(32)).token_for(ID)
    assert token == ResetTokens(bytes(32)).token_for(ID)
    assert len(token) == 16
    assert token != ResetTokens(bytes(32)).token_for(b"12345679")
    assert token != ResetTokens(b"\1" * 32).token_for(ID)
