"""The sending half of a stream against a model: all that was written arrives, however chunks are cut and lost."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lanline.proto.channels import Channel
from lanline.proto.framing import frame_message
from lanline.proto.link.sendstream import Chunk, SendStream


class SendStreamModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stream = SendStream(Channel.CHAT, 500)
        self.wire = b""
        self.ends: list[int] = []
        self.arrived: set[int] = set()
        self.in_flight: list[Chunk] = []
        self.reported = 0

    @rule(size=st.integers(0, 150))
    def write(self, size: int) -> None:
        framed = frame_message(bytes((size + each) % 251 for each in range(size)))
        assert self.stream.write(framed, 1) == len(self.ends) + 1
        self.wire += framed
        self.ends.append(len(self.wire))

    @rule(room=st.integers(1, 200))
    def take(self, room: int) -> None:
        had = self.stream.is_pending
        chunk = self.stream.take(room)
        if chunk is None:
            assert not had or not self.stream.is_pending
            return
        assert 0 < len(chunk.data) <= room
        assert chunk.data == self.wire[chunk.offset : chunk.offset + len(chunk.data)]
        assert chunk.offset + len(chunk.data) <= self.stream.limit
        self.in_flight.append(chunk)

    @rule(size=st.integers(1, 40), most=st.integers(0, 5))
    def take_run(self, size: int, most: int) -> None:
        offset, pieces = self.stream.take_run(size, most)
        assert len(pieces) <= most
        for piece in pieces:
            assert len(piece) == size
            assert piece == self.wire[offset : offset + size]
            self.in_flight.append(Chunk(self.stream, offset, piece))
            offset += size
        assert not pieces or offset <= self.stream.limit

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        chunk = self.in_flight.pop(data.draw(st.integers(0, len(self.in_flight) - 1)))
        before = self.arrived_through()
        self.arrived |= set(range(chunk.offset, chunk.offset + len(chunk.data)))
        assert self.stream.acknowledge(chunk) == (self.arrived_through() > before)
        assert self.stream.is_acked(chunk)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), is_kept=st.booleans())
    def lose(self, data: st.DataObject, is_kept: bool) -> None:
        """Given up; when kept, its acknowledgement may still come."""
        index = data.draw(st.integers(0, len(self.in_flight) - 1))
        self.stream.resend(self.in_flight[index] if is_kept else self.in_flight.pop(index))

    @rule(more=st.integers(0, 300))
    def allow(self, more: int) -> None:
        self.stream.limit += more

    def arrived_through(self) -> int:
        return next(at for at in range(len(self.wire) + 1) if at not in self.arrived)

    @rule()
    def report(self) -> None:
        complete = sum(end <= self.arrived_through() for end in self.ends)
        assert self.stream.take_delivered() == (complete if complete != self.reported else None)
        self.reported = complete

    @invariant()
    def buffers_what_is_not_settled(self) -> None:
        assert self.stream.buffered_bytes == len(self.wire) - self.arrived_through()
        assert self.stream.is_idle == (self.arrived_through() == len(self.wire))

    def teardown(self) -> None:
        """Whatever happened: once everything may go and nothing is lost any more, everything arrives."""
        self.stream.limit = len(self.wire)
        for chunk in self.in_flight:
            self.stream.resend(chunk)
        while (chunk := self.stream.take(100)) is not None:
            self.arrived |= set(range(chunk.offset, chunk.offset + len(chunk.data)))
            self.stream.acknowledge(chunk)
        assert self.stream.is_idle
        assert not self.stream.is_pending
        self.report()
        assert self.reported == len(self.ends)


TestSendStreamModel = SendStreamModel.TestCase
TestSendStreamModel.settings = settings(max_examples=100, stateful_step_count=50)


def test_small_messages_share_a_chunk() -> None:
    stream = SendStream(Channel.CHAT, 1000)
    for _ in range(5):
        stream.write(frame_message(b"word"), 1)
    chunk = stream.take(1000)
    assert chunk is not None
    assert chunk.data == frame_message(b"word") * 5


def test_small_writes_leave_in_equal_pieces_as_one_long_one_does() -> None:
    stream = SendStream(Channel.CHAT, 100_000)
    wire = b""
    for number in range(100):
        stream.write(bytes([number]) * 70, 1)
        wire += bytes([number]) * 70
    taken = b""
    for most in (3, 10, 100):
        offset, pieces = stream.take_run(200, most)
        assert offset == len(taken)
        assert {len(piece) for piece in pieces} == {200}
        taken += b"".join(pieces)
        assert len(pieces) == most or len(wire) - len(taken) <= 200
    rest = stream.take(1000)
    assert rest is not None
    assert taken + rest.data == wire
    assert not stream.has_unsent


def test_writes_that_make_no_run_are_left_as_they_are() -> None:
    stream = SendStream(Channel.CHAT, 100_000)
    stream.write(b"first", 1)
    stream.write(b"second", 1)
    begun = stream.take(2)
    assert stream.take_run(100, 5) == (0, [])
    rest = stream.take(100)
    assert begun is not None
    assert rest is not None
    assert (rest.offset, begun.data + rest.data) == (2, b"firstsecond")


def test_lost_chunk_that_arrived_after_all_is_not_sent_again() -> None:
    stream = SendStream(Channel.CHAT, 1000)
    stream.write(bytes(100), 1)
    stream.write(bytes(100), 1)
    first, second = stream.take(100), stream.take(100)
    assert first is not None
    assert second is not None
    stream.resend(first)
    stream.resend(second)
    stream.acknowledge(first)
    again = stream.take(100)
    assert again is not None
    assert again.offset == second.offset
    assert stream.take(100) is None


def test_drained_is_told_once_and_only_after_a_refusal() -> None:
    stream = SendStream(Channel.CHAT, 1000)
    stream.write(bytes(100), 1)
    assert not stream.take_drained(100)
    assert not stream.has_room(100)
    assert not stream.take_drained(100)
    chunk = stream.take(1000)
    assert chunk is not None
    stream.acknowledge(chunk)
    assert stream.take_drained(100)
    assert not stream.take_drained(100)
