"""Owns the entries of private rooms that members bring in full while a restored server gathers, of which an offer has
the stubs.

Nobody keeps those of others away: where all together are too much, the account goes that brings most.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

MAX_OF_ACCOUNT_BYTES, MAX_BYTES = 256 * 1024, 16 * 1024 * 1024
_ENTRY_BYTES = 200
"""What is kept of each beside its content, about."""


class FullEntries:
    def __init__(self) -> None:
        self._brought: dict[bytes, dict[bytes, bytes]] = {}
        """By account and hash."""
        self._sizes: dict[bytes, int] = {}
        self._size_bytes = 0
        self._hashes: frozenset[bytes] | None = None
        """Of all; None: to be collected anew."""

    def clear(self) -> None:
        self._brought.clear()
        self._sizes.clear()
        self._size_bytes = 0
        self._hashes = None

    def bring(self, account_id: bytes, contents: Iterable[bytes]) -> None:
        """What is too much of one account is left out."""
        self._hashes = None
        kept = self._brought.setdefault(account_id, {})
        before = size_bytes = self._sizes.get(account_id, 0)
        for content in contents:
            key, more = hashlib.sha256(content).digest(), len(content) + _ENTRY_BYTES
            if key not in kept and size_bytes + more <= MAX_OF_ACCOUNT_BYTES:
                kept[key] = content
                size_bytes += more
        self._sizes[account_id] = size_bytes
        self._size_bytes += size_bytes - before
        while self._size_bytes > MAX_BYTES:
            largest = max(self._sizes, key=lambda each: self._sizes[each])
            del self._brought[largest]
            self._size_bytes -= self._sizes.pop(largest)

    def hashes(self) -> frozenset[bytes]:
        if self._hashes is None:
            self._hashes = frozenset(each for theirs in self._brought.values() for each in theirs)
        return self._hashes

    def contents(self) -> list[bytes]:
        return [each for theirs in self._brought.values() for each in theirs.values()]
