"""Owns who is live in which log, and the encoding of entries: once for a log, and the same bytes to everybody."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

import msgspec
from msgspec.structs import astuple

from lanline.core.changes import Appended
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


class _Live(Generic[F]):
    """The followers of one log who have been sent all of it."""

    __slots__ = ("head", "sends")

    def __init__(self, head: int) -> None:
        self.head = head
        self.sends: dict[F, Send] = {}


class Followers(Generic[F]):
    def __init__(self) -> None:
        self._live: dict[LogId, _Live[F]] = {}
        self.deliveries = 0

    def add(self, log: LogId, head: int, follower: F, send: Send) -> None:
        """It has been sent all up to the head, and gets the next at once."""
        live = self._live.get(log)
        if live is None:
            live = self._live[log] = _Live(head)
        live.sends[follower] = send

    def drop(self, log: LogId, follower: F) -> None:
        live = self._live.get(log)
        if live is not None:
            live.sends.pop(follower, None)
            if not live.sends:
                del self._live[log]

    def has(self, log: LogId, follower: F) -> bool:
        live = self._live.get(log)
        return live is not None and follower in live.sends

    def head(self, log: LogId) -> int:
        """How far those have been sent the log who are live in it."""
        return self._live[log].head

    def publish(self, change: Appended) -> tuple[int, list[F]]:
        """Who is live no more, and how far they have been sent: their links took nothing, or they have missed something
        that is in the store only.
        """
        log, entries = change.log, change.entries
        live = self._live.get(log)
        if live is None or change.head <= live.head:
            return 0, []
        before, live.head = live.head, change.head
        if not entries or entries[0].sequence != before + 1:
            del self._live[log]
            return before, list(live.sends)
        stragglers = self._send(live, encode_chunk(log, entries))
        self.deliveries += (len(live.sends) - len(stragglers)) * len(entries)
        for follower in stragglers:
            self.drop(log, follower)
        return before, stragglers

    @staticmethod
    def _send(live: _Live[F], chunk: Chunk) -> list[F]:
        framed, count = chunk.framed, chunk.count
        stragglers: list[F] = []
        for follower, send in live.sends.items():
            try:
                send(Channel.CHAT, framed, count)
            except Exception as problem:  # noqa: BLE001 -- one follower's trouble is no other's
                if not isinstance(problem, LinkError):
                    _LOG.exception("A follower could not be sent what is new.")
                stragglers.append(follower)
        return stragglers


def encode_chunk(log: LogId, entries: Sequence[Entry]) -> Chunk:
    payloads = [encode_message(Entries(log, piece)) for piece in _pieces(as_log_entries(entries))]
    return Chunk(frame_messages(payloads), len(payloads), entries[-1].sequence)


def _pieces(entries: tuple[LogEntry, ...]) -> Iterable[tuple[LogEntry, ...]]:
    if sum(len(entry.content) for entry in entries) + _ENTRY_COST_BYTES * len(entries) <= CHUNK_BYTES:
        yield entries
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
    return tuple([LogEntry(*astuple(each)[1:]) for each in entries])  # of all of an entry but its log
