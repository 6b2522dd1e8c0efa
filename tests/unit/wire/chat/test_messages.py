"""Every message between client and server survives the wire, and nothing else gets through."""

from __future__ import annotations

import contextlib
import typing
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from lanline.errors import ProtocolViolation, RefusalCode
from lanline.model.blobs import MAX_BLOB_BYTES
from lanline.model.logs import MAX_SEALED_BYTES
from lanline.wire.chat import admin, answers, blobs, conversations, directory, entries, signin
from lanline.wire.chat.limits import MAX_MESSAGE_BYTES
from lanline.wire.chat.messages import (
    ClientMessage,
    ServerMessage,
    decode_client_message,
    decode_server_message,
    encode_message,
)

CLIENT_KINDS: tuple[type, ...] = typing.get_args(ClientMessage)
SERVER_KINDS: tuple[type, ...] = typing.get_args(ServerMessage)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Whatever the type of a field allows; large things small."""
    return _of(msgspec.inspect.type_info(kind))


def _of(info: Any) -> st.SearchStrategy[Any]:
    return _STRATEGIES[type(info)](info)


def _integers(info: Any) -> st.SearchStrategy[int]:
    return st.integers(-(2**63) if info.ge is None else info.ge, 2**63 - 1 if info.le is None else info.le)


def _binaries(info: Any) -> st.SearchStrategy[bytes]:
    least = info.min_length or 0
    return st.binary(min_size=least, max_size=max(least, min(info.max_length or 50, 50)))


_STRATEGIES: dict[type, Callable[[Any], st.SearchStrategy[Any]]] = {
    inspect.IntType: _integers,
    inspect.StrType: lambda info: (
        st.text(max_size=min(info.max_length or 50, 50))
        if info.pattern is None
        else st.from_regex(info.pattern, fullmatch=True)
    ),
    inspect.BytesType: _binaries,
    inspect.BoolType: lambda info: st.booleans(),
    inspect.FloatType: lambda info: st.floats(allow_nan=False),
    inspect.NoneType: lambda info: st.none(),
    inspect.EnumType: lambda info: st.sampled_from(list(info.cls)),
    inspect.VarTupleType: lambda info: st.lists(
        _of(info.item_type), min_size=info.min_length or 0, max_size=max(4, info.min_length or 0)
    ).map(tuple),
    inspect.DictType: lambda info: st.dictionaries(_of(info.key_type), _of(info.value_type), max_size=4),
    inspect.UnionType: lambda info: st.one_of(*map(_of, info.types)),
    inspect.StructType: lambda info: st.builds(info.cls, **{field.name: _of(field.type) for field in info.fields}),
}


CLIENT_MESSAGES = st.one_of(*map(values, CLIENT_KINDS))
SERVER_MESSAGES = st.one_of(*map(values, SERVER_KINDS))


@given(CLIENT_MESSAGES)
def test_what_a_client_says_survives_the_wire(message: ClientMessage) -> None:
    assert decode_client_message(encode_message(message)) == message


@given(SERVER_MESSAGES)
def test_what_a_server_says_survives_the_wire(message: ServerMessage) -> None:
    assert decode_server_message(encode_message(message)) == message


@given(st.binary())
def test_garbage_raises_nothing_undocumented(data: bytes) -> None:
    for decode in (decode_client_message, decode_server_message):
        with contextlib.suppress(ProtocolViolation):
            decode(data)


@given(st.one_of(CLIENT_MESSAGES, SERVER_MESSAGES), st.data())
def test_a_damaged_message_raises_nothing_undocumented(message: Any, data: st.DataObject) -> None:
    encoded = bytearray(encode_message(message))
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= data.draw(st.integers(1, 255))
    for decode in (decode_client_message, decode_server_message):
        with contextlib.suppress(ProtocolViolation):
            decode(bytes(encoded))


@pytest.mark.parametrize(
    "data", [b"", b"\x91" * 100_000, b"\x93\x07\x01\xa1\xff", b"\x92\x02\x01\x00", b"\x91\xcc\xff"]
)
def test_nesting_truncation_and_bad_characters_are_violations(data: bytes) -> None:
    for decode in (decode_client_message, decode_server_message):
        with pytest.raises(ProtocolViolation):
            decode(data)


def raw(*fields: object) -> bytes:
    return msgspec.msgpack.encode(fields)


@pytest.mark.parametrize(
    "data",
    [
        raw(1, [1] * 33, "x"),
        raw(1, [1], "x" * 257),
        raw(2, 0),
        raw(2, -1),
        raw(2, 2**63),
        raw(3, 1, "ann", "x" * 1025, "laptop"),
        raw(3, 1, "ann", "password", "laptop", bytes(65)),
        raw(10, 1, 1, "x" * 2049),
        raw(11, 1, 1, "ajar"),
        raw(13, 1, 1, 1, 4),
        raw(19, 1, 1, bytes(33), "plain", b"x"),
        raw(19, 1, 1, bytes(16), "plain", bytes(MAX_SEALED_BYTES + 1)),
        raw(19, 1, -1, bytes(16), "plain", b"x"),
        raw(22, 1, 1, 5, 0),
        raw(22, 1, 1, 5, 1001),
        raw(23, [[1, 1, 1]] * 1001),
        raw(24, 1, bytes(MAX_BLOB_BYTES + 1)),
        raw(25, 1, bytes(31)),
        raw(26, 1, 0),
        raw(26, 1, 1, 0),
        raw(28, 1, bytes(33)),
    ],
)
def test_a_field_beyond_its_bounds_is_a_violation(data: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        decode_client_message(data)


def test_numbers_of_messages_are_given_once_and_stay() -> None:
    """They are the protocol: one may be added, and none changed."""
    numbers = {kind.__name__: kind.__struct_config__.tag for kind in (*CLIENT_KINDS, *SERVER_KINDS)}  # type: ignore[attr-defined]
    assert len(set(numbers.values())) == len(numbers)
    asked = [numbers[kind.__name__] for kind in CLIENT_KINDS]
    assert sorted(asked)[:60] == list(range(1, 61))
    assert all(number < 64 or number >= 128 for number in asked)
    assert all(numbers[kind.__name__] >= 64 for kind in SERVER_KINDS)
    assert (numbers["Append"], numbers["Committed"], numbers["Entries"], numbers["Refused"]) == (19, 77, 78, 90)


def test_the_largest_messages_fit_a_link() -> None:
    append = entries.Append(2**63 - 1, 2**63 - 1, bytes(16), "x" * 32, bytes(MAX_SEALED_BYTES))
    blob = blobs.PutBlob(1, bytes(MAX_BLOB_BYTES))
    cursor = entries.LogCursor(2**63 - 1, 2**63 - 1, 2**63 - 1)
    for message in (append, blob, entries.Advance((cursor,) * 1000)):
        assert len(encode_message(message)) <= MAX_MESSAGE_BYTES


def test_a_code_that_is_not_known_counts_as_a_problem_of_the_server() -> None:
    assert answers.Refused(1, 12, "slow").known_code is RefusalCode.SLOW_DOWN
    assert answers.Refused(1, 999, "new").known_code is RefusalCode.SERVER_PROBLEM


def test_a_later_version_may_add_fields_at_the_end() -> None:
    assert decode_client_message(raw(2, 7, False, "new")) == signin.SignIn(7)
    assert decode_server_message(raw(91, 7, "new")) == answers.Done(7)
    person = directory.Person(1, "ann", is_online=True, address="", seen_ms=0)
    assert decode_server_message(
        raw(67, [[1, "ann", True, "", 0, False, False, False, "new"]], True)
    ) == directory.People((person,), is_last=True)


def test_neither_side_takes_the_messages_of_its_own() -> None:
    for kind in (admin.AskStatus(1), conversations.ListRooms(1)):
        with pytest.raises(ProtocolViolation):
            decode_server_message(encode_message(kind))
    with pytest.raises(ProtocolViolation):
        decode_client_message(encode_message(answers.Done(1)))
