"""A peer's new address until it is proven: how much may go there, and what has to come back from it."""

from __future__ import annotations

_AMPLIFICATION = 3


class NewAddress:
    """An acknowledgement would be no proof: packet numbers can be guessed, the challenge cannot (RFC 9000, 8.2)."""

    __slots__ = ("_challenge", "allowance_bytes")

    def __init__(self, challenge: bytes) -> None:
        self._challenge = challenge
        self.allowance_bytes = 0

    def credit(self, received_bytes: int) -> None:
        """No more than three times what came from there (RFC 9000, 8)."""
        self.allowance_bytes += _AMPLIFICATION * received_bytes

    def is_asked(self, challenge: bytes) -> bool:
        """Whether this challenge, or the response that repeats it, is of this address."""
        return challenge == self._challenge
