"""How much an address gets before it is proven, and what proves it."""

from __future__ import annotations

from lanline.proto.link.newaddress import NewAddress


def test_nothing_may_go_to_an_address_from_which_nothing_came() -> None:
    assert NewAddress(b"8 octets").allowance_bytes == 0


def test_three_times_what_came_may_go_there() -> None:
    new_address = NewAddress(b"8 octets")
    new_address.credit(100)
    new_address.allowance_bytes -= 250
    new_address.credit(10)
    assert new_address.allowance_bytes == 80


def test_only_its_own_challenge_is_asked() -> None:
    new_address = NewAddress(b"8 octets")
    assert new_address.is_asked(b"8 octets")
    assert not new_address.is_asked(b"8 OCTETS")
    assert not new_address.is_asked(b"")
