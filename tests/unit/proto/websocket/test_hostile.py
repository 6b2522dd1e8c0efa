"""Bytes that are wrong in every way, at every moment: the link closes with a code, and nothing is ever raised."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.proto.events import MessagesDelivered
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.proto.websocket.stack import MAX_STRANGER_PIECES, MAX_WAITING_PONGS, WebSocketStack
from lanline.proto.websocket.units import INITIAL_CREDIT_BYTES, MAX_UNIT_BYTES, encode_credit, encode_delivered
from unit.proto.websocket.pair import End, Pair, PuppetClient, PuppetServer, make_client, make_server


def opened_server(profile: WebSocketProfile | None = None) -> tuple[End, PuppetClient]:
    server = make_server(profile)
    puppet = PuppetClient(server)
    puppet.open()
    assert server.established is not None
    return server, puppet


def code_of(end: End) -> CloseCode | None:
    return None if end.closed is None else end.closed.code


VIOLATIONS = {
    "empty": b"",
    "one byte": b"\x00",
    "unknown kind": b"\x04\x01x",
    "unknown channel": b"\x00\x09x",
    "media as data": b"\x00\x02x",
    "chat as unreliable": b"\x02\x01x",
    "empty data": b"\x00\x01",
    "message over the limit": b"\x00\x01\xff\xff\xff\xff",
    "delivered of nothing": encode_delivered(Channel.CHAT, 1),
    "delivered zero": encode_delivered(Channel.CHAT, 0),
    "delivered for media": b"\x01\x02" + bytes(8),
    "short number": b"\x03\x01" + b"\x01" * 7,
    "long number": b"\x03\x01" + b"\x01" * 9,
    "credit taken back": encode_credit(Channel.CHAT, INITIAL_CREDIT_BYTES - 1),
    "over the unit size": b"\x00\x01" + bytes(MAX_UNIT_BYTES - 1),
}


@pytest.mark.parametrize("unit", VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_a_wrong_unit_closes_the_link_as_a_violation(unit: bytes) -> None:
    server, puppet = opened_server()
    puppet.send_unit(unit)
    assert code_of(server) is CloseCode.PROTOCOL_VIOLATION
    assert puppet.protocol.close_rcvd is not None
    assert puppet.protocol.close_rcvd.code in {4001, 1009}
    assert server.received == {}


@pytest.mark.parametrize("unit", VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_a_server_that_sends_a_wrong_unit_is_left(unit: bytes) -> None:
    client = make_client()
    puppet = PuppetServer(client)
    puppet.exchange()
    assert client.established is not None
    puppet.protocol.send_binary(unit)
    puppet.exchange()
    assert code_of(client) is CloseCode.PROTOCOL_VIOLATION


FRAMES = {
    "text": b"\x81\x81\x00\x00\x00\x00x",
    "first fragment": b"\x02\x87\x00\x00\x00\x00" + b"\x00\x01\x00\x00\x00\x01x",
    "continuation": b"\x80\x81\x00\x00\x00\x00x",
    "not masked": b"\x82\x01x",
    "reserved bit": b"\xc2\x81\x00\x00\x00\x00x",
    "unknown opcode": b"\x83\x81\x00\x00\x00\x00x",
    "long ping": b"\x89\xfe\x00\x7e\x00\x00\x00\x00" + bytes(126),
    "huge": b"\x82\xff\x7f" + b"\xff" * 7 + bytes(4),
    "close with half a code": b"\x88\x81\x00\x00\x00\x00\x03",
    "close with a reserved code": b"\x88\x82\x00\x00\x00\x00\x03\xed",
    "close that is not utf-8": b"\x88\x84\x00\x00\x00\x00\x0f\xa0\xff\xff",
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_a_wrong_frame_closes_the_link_as_a_violation(frame: bytes) -> None:
    server, puppet = opened_server()
    puppet.send_plaintext(frame)
    assert code_of(server) is CloseCode.PROTOCOL_VIOLATION


def test_messages_before_a_violation_in_the_same_record_still_count() -> None:
    server, puppet = opened_server()
    puppet.protocol.send_binary(b"\x00\x01\x00\x00\x00\x02hi")
    puppet.send_plaintext(b"".join(puppet.protocol.data_to_send()) + FRAMES["unknown opcode"])
    assert server.received == {Channel.CHAT: [b"hi"]}
    assert code_of(server) is CloseCode.PROTOCOL_VIOLATION


def test_more_than_the_credit_is_a_violation() -> None:
    server, puppet = opened_server(WebSocketProfile(receive_window_bytes=INITIAL_CREDIT_BYTES))
    server.releases = False
    message = b"\x00\x01" + (4000).to_bytes(4, "big") + bytes(4000)
    for _ in range(INITIAL_CREDIT_BYTES // 4004):
        puppet.send_unit(message)
    assert code_of(server) is None
    puppet.send_unit(message)
    assert code_of(server) is CloseCode.PROTOCOL_VIOLATION


def test_confirming_the_same_twice_is_a_violation() -> None:
    server, puppet = opened_server()
    server.link.send_message(Channel.CHAT, b"x")
    puppet.send_unit(encode_delivered(Channel.CHAT, 1))
    assert server.events[-1] == MessagesDelivered(Channel.CHAT, 1)
    puppet.send_unit(encode_delivered(Channel.CHAT, 1))
    assert code_of(server) is CloseCode.PROTOCOL_VIOLATION


@pytest.mark.parametrize(("is_open", "code"), [(True, CloseCode.RESET), (False, CloseCode.HANDSHAKE_FAILED)])
def test_tls_that_ends_without_a_goodbye_is_the_end(is_open: bool, code: CloseCode) -> None:
    server = make_server()
    puppet = PuppetClient(server)
    if is_open:
        puppet.open()
    else:
        puppet.secure()
    puppet.tls.end()
    puppet.exchange()
    assert code_of(server) is code


def test_pings_without_end_do_not_fill_the_memory() -> None:
    server, puppet = opened_server()
    for _ in range(MAX_WAITING_PONGS + 1):
        puppet.protocol.send_ping(bytes(125))
        puppet.tls.send_plaintext(b"".join(puppet.protocol.data_to_send()))
        assert server.link.bytes_to_send(0.0, room=0) == b""
        server.link.receive_bytes(puppet.tls.bytes_to_send(), 0.0)
    server.drain()
    assert code_of(server) is CloseCode.PROTOCOL_VIOLATION


EMPTY_PONG = b"\x8a\x80" + bytes(4)
STRANGERS = WebSocketProfile(stranger_window_bytes=16_384)


@pytest.mark.parametrize("in_one_record", [True, False])
def test_a_stranger_sends_a_bounded_number_of_frames(in_one_record: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 0
    receive_event = WebSocketStack._receive_event

    def count(stack: WebSocketStack, event: Any) -> Any:
        nonlocal taken
        taken += 1
        return receive_event(stack, event)

    monkeypatch.setattr(WebSocketStack, "_receive_event", count)
    server, puppet = opened_server(STRANGERS)
    frames = [EMPTY_PONG * 2000] if in_one_record else [EMPTY_PONG] * 2000
    for data in frames:
        puppet.tls.send_plaintext(data)
    puppet.exchange()
    assert code_of(server) is CloseCode.PROTOCOL_VIOLATION
    assert taken <= MAX_STRANGER_PIECES


def test_frames_behind_the_request_are_not_all_taken_apart() -> None:
    server = make_server(STRANGERS)
    puppet = PuppetClient(server)
    puppet.secure()
    puppet.protocol.send_request(puppet.protocol.connect())
    request = b"".join(puppet.protocol.data_to_send())
    received: list[int] = []
    receive = server.link._stack._protocol.receive_data
    server.link._stack._protocol.receive_data = lambda data: (received.append(len(data)), receive(data))  # type: ignore[assignment]
    puppet.send_plaintext(request + EMPTY_PONG * 2000)
    assert code_of(server) is CloseCode.PROTOCOL_VIOLATION
    assert sum(received) < 2000


def test_who_has_signed_in_sends_as_many_frames_as_they_like() -> None:
    server, puppet = opened_server(STRANGERS)
    server.link.trust()
    puppet.send_plaintext(EMPTY_PONG * 2000)
    assert code_of(server) is None


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (1000, CloseCode.DONE),
        (1001, CloseCode.GOING_AWAY),
        (1002, CloseCode.PROTOCOL_VIOLATION),
        (1011, CloseCode.RESET),
        (4005, CloseCode.BUSY),
        (4999, CloseCode.RESET),
        (3000, CloseCode.RESET),
        (None, CloseCode.RESET),
    ],
)
def test_any_close_code_is_understood(code: int | None, expected: CloseCode) -> None:
    server, puppet = opened_server()
    puppet.protocol.send_close(code)
    puppet.flush()
    assert server.closed is not None
    assert (server.closed.code, server.closed.by_peer) == (expected, True)


def _conversation(cut_at: int | None = None, flip: int | None = None, from_client: bool = True) -> tuple[Pair, int]:
    """A short talk. The stream of one side ends, or has a bit turned, at one byte; its length is returned."""
    pair = Pair()
    position = 0

    def spoil(data: bytes) -> bytes:
        nonlocal position
        start, position = position, position + len(data)
        if cut_at is not None:
            data = data[: max(0, cut_at - start)]
        if flip is not None and start <= flip < start + len(data):
            data = data[: flip - start] + bytes((data[flip - start] ^ 0x20,)) + data[flip - start + 1 :]
        return data

    for round_number in range(6):
        for source, target in (pair.ends, pair.ends[::-1]):
            if round_number == 3 and source.closed is None:
                source.link.send_message(Channel.CHAT, b"hello")
                source.link.send_message(Channel.BULK, bytes(2000))
            data = source.link.bytes_to_send(pair.now)
            if (source is pair.client) is from_client:
                data = spoil(data)
            target.link.receive_bytes(data, pair.now)
            target.drain()
            if source.link.has_ended_output:
                target.link.receive_eof(pair.now)
                target.drain()
    return pair, position


@cache
def _length(from_client: bool) -> int:
    pair, length = _conversation(from_client=from_client)
    assert pair.client.received[Channel.CHAT] == pair.server.received[Channel.CHAT] == [b"hello"]
    return length


def _only_whole_messages(end: End) -> bool:
    return end.received[Channel.CHAT] in ([], [b"hello"]) and end.received[Channel.BULK] in ([], [bytes(2000)])


@pytest.mark.parametrize("from_client", [True, False])
def test_the_end_of_the_stream_at_any_byte_closes_both_sides(from_client: bool) -> None:
    length = _length(from_client)
    for cut_at in [*range(0, length, 37), length]:
        pair, _ = _conversation(cut_at=cut_at, from_client=from_client)
        for end in pair.ends:
            end.link.receive_eof(pair.now)
            end.drain()
            assert code_of(end) in {CloseCode.HANDSHAKE_FAILED, CloseCode.RESET}
            assert end.link.is_closed
            assert _only_whole_messages(end)


@pytest.mark.parametrize("from_client", [True, False])
def test_a_turned_bit_is_never_taken_for_truth(from_client: bool) -> None:
    length = _length(from_client)
    chosen = random.Random(3).sample(range(length), 250)
    for flip in chosen:
        pair, _ = _conversation(flip=flip, from_client=from_client)
        assert all(_only_whole_messages(end) for end in pair.ends)
        victim = pair.server if from_client else pair.client
        # A bit of a record's length may leave the victim waiting for the rest: that ends with the stream.
        victim.link.receive_eof(pair.now)
        victim.drain()
        assert victim.closed is not None


@settings(max_examples=150, deadline=None)
@given(
    pieces=st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=5),
    prefix=st.sampled_from([b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"]),
)
def test_garbage_before_the_handshake_only_closes(pieces: list[bytes], prefix: bytes) -> None:
    for end in (make_server(), make_client()):
        end.link.bytes_to_send(0.0)
        for piece in [prefix + pieces[0], *pieces[1:]]:
            end.link.receive_bytes(piece, 0.0)
        end.link.receive_eof(0.0)
        end.drain()
        assert code_of(end) is CloseCode.HANDSHAKE_FAILED


@settings(max_examples=100, deadline=None)
@given(opening=st.binary(min_size=1, max_size=400), as_request=st.booleans())
def test_garbage_instead_of_the_opening_only_closes(opening: bytes, as_request: bool) -> None:
    server = make_server()
    puppet = PuppetClient(server)
    puppet.secure()
    puppet.send_plaintext((b"GET / HTTP/1.1\r\n" if as_request else b"") + opening + b"\r\n\r\n")
    server.link.receive_eof(0.0)
    server.drain()
    assert code_of(server) in {CloseCode.HANDSHAKE_FAILED, CloseCode.INCOMPATIBLE_VERSION}

    client = make_client()
    speaker = PuppetServer(client)
    data = client.link.bytes_to_send(0.0)
    speaker.tls.receive_bytes(data)
    client.link.receive_bytes(speaker.tls.bytes_to_send(), 0.0)
    speaker.tls.receive_bytes(client.link.bytes_to_send(0.0))
    speaker.tls.send_plaintext((b"HTTP/1.1 101 Switching\r\n" if as_request else b"") + opening + b"\r\n\r\n")
    client.link.receive_bytes(speaker.tls.bytes_to_send(), 0.0)
    client.link.receive_eof(0.0)
    client.drain()
    assert code_of(client) in {CloseCode.HANDSHAKE_FAILED, CloseCode.INCOMPATIBLE_VERSION}


ALLOWED_HEADS = {0x82, 0x88, 0x89, 0x8A}
"""A whole binary message, a goodbye, a ping, a pong."""
MASKED = 0x80


def begins_with_a_wrong_frame(data: bytes) -> bool:
    """Which is there as a whole, and short."""
    if len(data) < 2 or (size := data[1] & ~MASKED) >= 126 or len(data) < 6 + size:
        return False
    return data[0] not in ALLOWED_HEADS or not data[1] & MASKED


@settings(max_examples=150, deadline=None)
@given(frames=st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=4))
def test_garbage_frames_only_close(frames: list[bytes]) -> None:
    server, puppet = opened_server()
    for frame in frames:
        puppet.send_plaintext(frame)
    code_before_the_end = code_of(server)
    server.link.receive_eof(0.0)
    server.drain()
    if begins_with_a_wrong_frame(b"".join(frames)):
        assert code_before_the_end is CloseCode.PROTOCOL_VIOLATION
    assert code_before_the_end in {None, CloseCode.PROTOCOL_VIOLATION, CloseCode.DONE}
    # An end without a goodbye; and nothing that comes later changes what was told.
    assert code_of(server) is (code_before_the_end or CloseCode.RESET)


@settings(max_examples=150, deadline=None)
@given(units=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.binary(max_size=40)), min_size=1, max_size=8))
def test_garbage_units_only_close(units: list[tuple[int, int, bytes]]) -> None:
    server, puppet = opened_server()
    server.link.send_message(Channel.CHAT, b"x")
    for kind, channel, body in units:
        if server.closed is None:
            puppet.send_unit(bytes((kind, channel)) + body)
    assert code_of(server) in {None, CloseCode.PROTOCOL_VIOLATION}
