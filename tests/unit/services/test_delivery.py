from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import SendBufferFull
from lanline.model.logs import LogId
from lanline.proto.channels import Channel
from lanline.proto.framing import MessageParser
from lanline.services.delivery import CHUNK_BYTES, Feeds, encode_chunk
from lanline.wire.chat.entries import Entries, LogEntry
from lanline.wire.chat.limits import MAX_MESSAGE_BYTES
from lanline.wire.chat.messages import decode_server_message

LOG = LogId(7)


def entry(sequence: int, size_bytes: int = 10) -> LogEntry:
    return LogEntry(sequence, sequence.to_bytes(16, "big"), 1, 1, 5, "plain", b"x" * size_bytes)


@given(st.lists(st.integers(1, 128 * 1024), min_size=1, max_size=12))
def test_entries_are_cut_into_messages_of_bounded_size(sizes: list[int]) -> None:
    entries = [entry(sequence, size) for sequence, size in enumerate(sizes, 1)]
    chunk = encode_chunk(LOG, entries)
    payloads = MessageParser(MAX_MESSAGE_BYTES).feed(chunk.framed)
    assert len(payloads) == chunk.count
    assert max(map(len, payloads)) <= CHUNK_BYTES + 100
    messages = [decode_server_message(payload) for payload in payloads]
    assert [each for message in messages if isinstance(message, Entries) for each in message.entries] == entries
    assert chunk.last == len(entries)


def test_followers_of_a_log_get_the_same_bytes_and_others_nothing() -> None:
    feeds: Feeds[str] = Feeds()
    got: list[tuple[str, Channel, bytes, int]] = []

    def send(name: str) -> object:
        return lambda *what: got.append((name, *what))

    feeds.add(LOG, "ann", send("ann"))  # type: ignore[arg-type]
    feeds.add(LOG, "bob", send("bob"))  # type: ignore[arg-type]
    feeds.add(LogId(8), "cyd", send("cyd"))  # type: ignore[arg-type]
    assert feeds.publish(LOG, [entry(1), entry(2)]) == []
    assert [name for name, *_ in got] == ["ann", "bob"]
    assert got[0][2] is got[1][2]
    assert feeds.deliveries == 4


@pytest.mark.parametrize("problem", [SendBufferFull("full"), RuntimeError("a bug")])
def test_who_takes_nothing_is_live_no_more(problem: Exception) -> None:
    feeds: Feeds[str] = Feeds()
    got: list[bytes] = []

    def fail(*_: object) -> int:
        raise problem

    feeds.add(LOG, "slow", fail)
    feeds.add(LOG, "ann", lambda channel, framed, count: got.append(framed) or 1)  # type: ignore[func-returns-value]
    assert feeds.publish(LOG, [entry(1)]) == ["slow"]
    assert feeds.publish(LOG, [entry(2)]) == []
    assert len(got) == 2


def test_a_log_that_nobody_follows_costs_no_encoding() -> None:
    feeds: Feeds[str] = Feeds()
    feeds.add(LOG, "ann", lambda *_: 1)
    feeds.drop(LOG, "ann")
    feeds.drop(LOG, "nobody")
    assert feeds.publish(LOG, []) == []
    assert feeds.take_all(LOG) == []
