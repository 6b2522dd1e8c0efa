"""A stream of messages, cut anyhow, in any order and with overlaps; and chunks that contradict each other."""

from __future__ import annotations

from lanline.errors import ProtocolViolation
from lanline.proto.framing import MessageParser
from lanline.proto.link.receivestream import ReceiveStream
from targets._peers import pieces

_WINDOW_BYTES = 2000
_MOST_BYTES = 1000


def fuzz_one(data: bytes) -> None:
    half = len(data) // 2
    _in_any_order(data[:half], data[half:])
    _in_contradiction(data)


def _in_any_order(wire: bytes, cuts: bytes) -> None:
    """What comes out is what one piece would have given, up to the first gap."""
    receiver = ReceiveStream(10**6, _MOST_BYTES, 10**6)
    received: list[bytes] = []
    try:
        for position in range(0, len(cuts) - 2, 3):
            offset = int.from_bytes(cuts[position : position + 2], "big") % (len(wire) + 1)
            chunk = wire[offset : offset + cuts[position + 2]]
            if chunk:
                received += receiver.receive(offset, chunk)
        if wire:
            received += receiver.receive(0, wire)
    except ProtocolViolation:
        return
    assert received == MessageParser(_MOST_BYTES).feed(wire)


def _in_contradiction(data: bytes) -> None:
    receiver = ReceiveStream(_WINDOW_BYTES, _MOST_BYTES, _WINDOW_BYTES)
    held = 0
    try:
        for what, content in pieces(data):
            if content[2:]:
                for message in receiver.receive(int.from_bytes(content[:2], "big"), content[2:]):
                    held += len(message)
            if what & 1:
                receiver.release(held)
                held = 0
            receiver.take_limit()
            assert held <= 2 * _WINDOW_BYTES + _MOST_BYTES
            assert sum(map(len, (receiver._pending or {}).values())) <= 2 * _WINDOW_BYTES + _MOST_BYTES  # noqa: SLF001 -- what memory it takes
    except ProtocolViolation:
        return


def seeds() -> list[bytes]:
    wire = b"\0\0\0\4text\0\0\0\0\0\0\0\1x"
    return [wire + b"\0\0\4\0\4\4\0\2\5\0\1\7\0\0\2", b"\1\0\5\0\0ab\0\0\0\5\0\4xyz\0"]
