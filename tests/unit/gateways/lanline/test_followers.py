from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.core.changes import Appended
from lanline.errors import SendBufferFull
from lanline.gateways.lanline.followers import CHUNK_BYTES, Followers, as_log_entries, encode_chunk
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import Entry, LogId
from lanline.proto.channels import Channel
from lanline.proto.framing import MessageParser
from lanline.wire.chat.entries import Entries
from lanline.wire.chat.limits import MAX_MESSAGE_BYTES
from lanline.wire.chat.messages import decode_server_message

LOG = LogId(7)


def entry(sequence: int, size_bytes: int = 10) -> Entry:
    entry_id = sequence.to_bytes(16, "big")
    return Entry(LOG, sequence, entry_id, AccountId(1), DeviceId(1), 5, "plain", b"x" * size_bytes)


def appended(*sequences: int) -> Appended:
    return Appended(LOG, sequences[-1], [entry(sequence) for sequence in sequences])


@given(st.lists(st.integers(1, 128 * 1024), min_size=1, max_size=12))
def test_entries_are_cut_into_messages_of_bounded_size(sizes: list[int]) -> None:
    entries = [entry(sequence, size) for sequence, size in enumerate(sizes, 1)]
    chunk = encode_chunk(LOG, entries)
    payloads = MessageParser(MAX_MESSAGE_BYTES).feed(chunk.framed)
    assert len(payloads) == chunk.count
    assert max(map(len, payloads)) <= CHUNK_BYTES + 100
    messages = [decode_server_message(payload) for payload in payloads]
    assert [each for message in messages if isinstance(message, Entries) for each in message.entries] == list(
        as_log_entries(entries)
    )
    assert chunk.last == len(entries)


def test_followers_of_a_log_get_the_same_bytes_and_others_nothing() -> None:
    followers: Followers[str] = Followers()
    got: list[tuple[str, Channel, bytes, int]] = []

    def send(name: str) -> object:
        return lambda *what: got.append((name, *what))

    followers.add(LOG, 0, "ann", send("ann"))  # type: ignore[arg-type]
    followers.add(LOG, 0, "bob", send("bob"))  # type: ignore[arg-type]
    followers.add(LogId(8), 0, "cyd", send("cyd"))  # type: ignore[arg-type]
    assert followers.publish(appended(1, 2)) == (0, [])
    assert [name for name, *_ in got] == ["ann", "bob"]
    assert got[0][2] is got[1][2]
    assert followers.deliveries == 4


@pytest.mark.parametrize("problem", [SendBufferFull("full"), RuntimeError("a bug")])
def test_who_takes_nothing_is_live_no_more(problem: Exception) -> None:
    followers: Followers[str] = Followers()
    got: list[bytes] = []

    def fail(*_: object) -> int:
        raise problem

    followers.add(LOG, 4, "slow", fail)
    followers.add(LOG, 4, "ann", lambda channel, framed, count: got.append(framed) or 1)  # type: ignore[func-returns-value]
    assert followers.publish(appended(5)) == (4, ["slow"])
    assert followers.publish(appended(6)) == (5, [])
    assert len(got) == 2


@pytest.mark.parametrize("change", [appended(7, 8), Appended(LOG, 8, ())], ids=["a gap", "only a head"])
def test_who_has_missed_something_is_live_no_more_and_the_others_neither(change: Appended) -> None:
    followers: Followers[str] = Followers()
    got: list[bytes] = []
    followers.add(LOG, 5, "ann", lambda channel, framed, count: got.append(framed) or 1)  # type: ignore[func-returns-value]
    assert followers.publish(change) == (5, ["ann"])
    assert followers.publish(appended(9)) == (0, [])
    assert got == []


def test_what_followers_have_already_is_not_told_again() -> None:
    followers: Followers[str] = Followers()
    got: list[bytes] = []
    followers.add(LOG, 5, "ann", lambda channel, framed, count: got.append(framed) or 1)  # type: ignore[func-returns-value]
    assert followers.publish(Appended(LOG, 3, ())) == (0, [])
    assert followers.publish(appended(6)) == (5, [])
    assert len(got) == 1


def test_a_log_that_nobody_follows_costs_no_encoding() -> None:
    followers: Followers[str] = Followers()
    followers.add(LOG, 0, "ann", lambda *_: 1 // 0)
    followers.drop(LOG, "ann")
    followers.drop(LOG, "nobody")
    assert followers.publish(appended(1)) == (0, [])
