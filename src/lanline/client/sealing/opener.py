"""Owns the program that opens words while the client goes on: what it is asked, and what it answers.

It has no home, no chain and no network: only the keys of the runs that it is given over a pipe, until it has answered.
"""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Sequence
from typing import IO

import msgspec

from lanline.client.sealing.ahead import Ahead, RunWords
from lanline.crypto.groups.ids import log_link_of
from lanline.crypto.groups.said import Run
from lanline.errors import MalformedPacket
from lanline.wire.sealing.said import SAID_SUITE, Words, split_said

_SIZE_BYTES = 4


class AskedRun(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one author has said in one run under one epoch, in the order of the places."""

    key: bytes
    said_as: bytes
    sign_key: bytes
    entries: list[tuple[int, int, bytes, bytes]]
    """The place, the time, the id and the content of each."""


class FoundRun(msgspec.Struct, frozen=True, array_like=True, gc=False):
    opened: list[int]
    """Which of them; of each of these:"""
    words: list[Words]
    digests: list[bytes]
    signatures: list[bytes]
    stretches: list[tuple[int, int]]
    """Of those that have opened: where each unbroken stretch begins, and before which it ends."""
    signed: list[bytes]
    """Digests of others that are vouched for."""
    links: list[bytes]
    """Of all of them: what the hash over their log goes on with."""


_asked: msgspec.msgpack.Decoder[list[AskedRun]] = msgspec.msgpack.Decoder(list[AskedRun])
_found: msgspec.msgpack.Decoder[list[FoundRun]] = msgspec.msgpack.Decoder(list[FoundRun])


def encode_asked(runs: Sequence[AskedRun]) -> bytes:
    return msgspec.msgpack.encode(runs)


def decode_found(data: bytes) -> list[FoundRun]:
    return _found.decode(data)


def open_all(asked: bytes) -> bytes:
    return msgspec.msgpack.encode([_opened(each) for each in _asked.decode(asked)])


def _opened(asked: AskedRun) -> FoundRun:
    content = asked.entries[0][3]
    run = Run.with_key(asked.key, asked.said_as, split_said(content)[0]._replace(nonce=b""))
    run_words, numbers = RunWords(content, "", asked.sign_key), list[int]()
    opened = run_words.opened
    for number, (_, _, entry_id, content) in enumerate(asked.entries):
        try:
            opened.append(run.open(entry_id, content))
        except MalformedPacket:
            continue
        numbers.append(number)
    run_words.places += range(len(opened))
    ahead = Ahead()
    for _ in ahead.vouch([run_words]):
        pass
    return FoundRun(
        numbers,
        [each.words for each in opened],
        [each.digest for each in opened],
        [each.signature for each in opened],
        [(each.places[0], each.places[-1] + 1) for each in ahead.all_stretches],
        list(ahead.signed_alone),
        [log_link_of(at, entry_id, time_ms, SAID_SUITE, content) for at, time_ms, entry_id, content in asked.entries],
    )


def read_piece(source: IO[bytes]) -> bytes:
    """Empty: nothing more will come. Raises EOFError when it ends in the middle."""
    size = int.from_bytes(source.read(_SIZE_BYTES), "big")
    piece = source.read(size)
    if len(piece) < size:
        raise EOFError
    return piece


def write_piece(sink: IO[bytes], piece: bytes) -> None:
    sink.write(len(piece).to_bytes(_SIZE_BYTES, "big") + piece)
    sink.flush()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the client
    gc.disable()  # nothing here goes in circles
    while asked := read_piece(sys.stdin.buffer):
        write_piece(sys.stdout.buffer, open_all(asked))


if __name__ == "__main__":
    main()
