"""Numbers of 32 bits that wrap around: which of two is the later one (RFC 1982)."""

from __future__ import annotations

MODULUS = 1 << 32
_HALF = 1 << 31


def distance(earlier: int, later: int) -> int:
    """How far `later` is ahead; negative when it is behind."""
    return ((later - earlier + _HALF) % MODULUS) - _HALF


def following(number: int) -> int:
    return (number + 1) % MODULUS
