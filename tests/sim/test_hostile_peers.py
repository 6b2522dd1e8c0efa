"""Peers that follow every rule of form and none of order, drawn the same each time: what they cost stays bounded.

`make fuzz` looks for worse ones with the same judges.
"""

from __future__ import annotations

import random

import pytest

from targets import hostilelink, hostilesession

LINK_INPUTS = 120
SESSION_INPUTS = 6


@pytest.mark.parametrize("part", range(4))
def test_a_peer_with_keys_costs_a_bounded_amount_for_each_byte(part: int) -> None:
    for number in range(part * LINK_INPUTS // 4, (part + 1) * LINK_INPUTS // 4):
        luck = random.Random(number)
        hostilelink.fuzz_one(luck.randbytes(luck.choice((300, 1500, 4000))))


@pytest.mark.parametrize("number", range(SESSION_INPUTS))
def test_a_client_costs_a_bounded_amount_for_each_message(number: int) -> None:
    luck = random.Random(number)
    judged = hostilesession.siege(luck.randbytes(1500))
    assert judged.messages > 1
