"""Ids that a sender chooses: the time in front, so that an index over them grows at its end, then chance."""

from __future__ import annotations

from collections.abc import Callable

Entropy = Callable[[int], bytes]
"""So many random bytes: `os.urandom`, or a simulation's seeded source."""

_TIME_BYTES = 6
_CHANCE_BYTES = 10


def new_entry_id(now_ms: int, entropy: Entropy) -> bytes:
    """A clock that jumps makes ids that sort oddly, and no id twice."""
    return (now_ms & 0xFFFF_FFFF_FFFF).to_bytes(_TIME_BYTES, "big") + entropy(_CHANCE_BYTES)
