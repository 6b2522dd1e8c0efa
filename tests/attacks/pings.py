"""Packets full of PING frames: a byte each."""

from __future__ import annotations

from attacks.stranger import Address, Counts, flood
from lanline.proto.link.frames import ENCODED_PING

IN_ONE_PACKET = 1168


def attack(address: Address, stop_after_s: float, bits_per_s: float, *, frames_each: int = IN_ONE_PACKET) -> Counts:
    return flood(address, stop_after_s, bits_per_s, lambda: ENCODED_PING * frames_each, frames_each)
