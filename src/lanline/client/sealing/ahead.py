"""Owns what is found of words before they are judged, a few at a time: so a long catch-up never holds up anybody else.

It does not depend on what else is known by the time they are judged: that they open under a key, as said by an account
in a room, and that their device has signed them.
"""

from __future__ import annotations

from collections.abc import Iterator

from lanline.crypto.groups.said import Opened, vouched

_VOUCHED_AT_ONCE = 50
_CHECKS_AT_ONCE = 16
"""Of signatures: about 2 ms."""


class Ahead:
    """Of one conversation."""

    def __init__(self) -> None:
        self.ready: dict[int, Opened] = {}
        """By their places."""
        self.runs: list[tuple[bytes, list[Opened]]] = []
        """The key that signs, and what it has to have signed, in the order of the places."""
        self.signed: set[bytes] = set()
        """The digests of what is vouched for."""

    def vouch(self) -> Iterator[None]:
        """Goes on at each step."""
        checks, sign_key = 0, b""

        def counted(_device_id: bytes) -> bytes:
            nonlocal checks
            checks += 1
            return sign_key

        for of_run, opened in self.runs:
            sign_key, later = of_run, None
            for end in range(len(opened), 0, -_VOUCHED_AT_ONCE):
                some = opened[max(0, end - _VOUCHED_AT_ONCE) : end]
                stand = vouched(counted, some, later)
                signed = [each for each, stands in zip(some, stand, strict=True) if stands]
                self.signed.update([each.digest for each in signed])
                later = signed[0].words.prev if signed else later
                if checks >= _CHECKS_AT_ONCE:
                    checks = 0
                    yield
