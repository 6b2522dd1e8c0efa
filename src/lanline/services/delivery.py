"""Entries as followers get them: encoded once for a log, framed once, and the same bytes to everybody who is live."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

import msgspec

from lanline.errors import LinkError
from lanline.model.logs import Entry, LogId
from lanline.proto.channels import Channel
from lanline.proto.framing import frame_messages
from lanline.wire.chat.entries import Entries, LogEntry
from lanline.wire.chat.messages import encode_message

CHUNK_BYTES = 256 * 1024
_ENTRY_COST_BYTES = 64
"""What an entry takes on the wire besides its content, about."""

_LOG = logging.getLogger(__name__)
F = TypeVar("F")
Send = Callable[[Channel, bytes, int], int]


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """Entries that follow each other, ready for any link."""

    framed: bytes
    count: int
    last: int


class Feeds(Generic[F]):
    """Who is live in which log: has all there is, and gets the next at once."""

    def __init__(self) -> None:
        self._live: dict[LogId, dict[F, Send]] = {}
        self.deliveries = 0

    def add(self, log: LogId, follower: F, send: Send) -> None:
        self._live.setdefault(log, {})[follower] = send

    def drop(self, log: LogId, follower: F) -> None:
        live = self._live.get(log)
        if live is not None:
            live.pop(follower, None)
            if not live:
                del self._live[log]

    def publish(self, log: LogId, entries: Sequence[LogEntry]) -> list[F]:
        """Whose link took nothing: they are no longer live, and read on from where they were."""
        live = self._live.get(log)
        if not live:
            return []
        chunk = encode_chunk(log, entries)
        framed, count = chunk.framed, chunk.count
        stragglers: list[F] = []
        for follower, send in live.items():
            try:
                send(Channel.CHAT, framed, count)
            except Exception as problem:  # noqa: BLE001 -- one follower's trouble is no other's
                if not isinstance(problem, LinkError):
                    _LOG.exception("A follower could not be sent what is new.")
                stragglers.append(follower)
        self.deliveries += (len(live) - len(stragglers)) * len(entries)
        for follower in stragglers:
            self.drop(log, follower)
        return stragglers

    def take_all(self, log: LogId) -> list[F]:
        """Nobody is live any more."""
        return list(self._live.pop(log, {}))


def encode_chunk(log: LogId, entries: Sequence[LogEntry]) -> Chunk:
    payloads = [encode_message(Entries(log, piece)) for piece in _pieces(entries)]
    return Chunk(frame_messages(payloads), len(payloads), entries[-1].sequence)


def _pieces(entries: Sequence[LogEntry]) -> Iterable[tuple[LogEntry, ...]]:
    if sum(len(entry.content) for entry in entries) + _ENTRY_COST_BYTES * len(entries) <= CHUNK_BYTES:
        yield tuple(entries)
        return
    piece: list[LogEntry] = []
    size = 0
    for entry in entries:
        size += len(entry.content) + _ENTRY_COST_BYTES
        if piece and size > CHUNK_BYTES:
            yield tuple(piece)
            piece, size = [], len(entry.content) + _ENTRY_COST_BYTES
        piece.append(entry)
    yield tuple(piece)


def as_log_entries(entries: Iterable[Entry]) -> tuple[LogEntry, ...]:
    return tuple(
        LogEntry(entry.sequence, entry.entry_id, entry.account, entry.device, entry.time_ms, entry.suite, entry.content)
        for entry in entries
    )
