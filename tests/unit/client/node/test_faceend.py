"""The node's end of the way to one face, with a transport that the test fills and empties."""

from __future__ import annotations

import asyncio
from typing import Any

from lanline.client.node.faceend import FaceEnd
from lanline.client.node.greeting import decoder
from lanline.client.node.protocol import (
    Answer,
    AnyCommand,
    Changed,
    Done,
    Follow,
    Frames,
    Hello,
    ListRooms,
    Request,
    Result,
    encode,
)
from lanline.client.view.values import NodeState
from lanline.client.view.view import Snapshot


class Owner:
    program = "0.1.0"

    def is_allowed(self, _transport: Any) -> bool:
        return True

    def on_face_came(self, _face: FaceEnd) -> None: ...

    def on_face_left(self, _face: FaceEnd) -> None: ...

    def on_follows(self) -> None: ...

    async def result_of(self, _command: AnyCommand) -> Result:
        return Done()

    def snapshot(self) -> Snapshot:
        return Snapshot(1, "me", "", "", False, NodeState.OFFLINE, "", 0, None, None, (), (), (), (), ())


class Transport:
    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def taken(self) -> list[Any]:
        values = [decoder.decode(each) for each in Frames().receive_bytes(self.written)]
        self.written = b""
        return values


def test_no_answer_comes_before_the_changes_that_happened_before_it() -> None:
    async def work() -> None:
        face, transport = FaceEnd(Owner()), Transport()
        face.connection_made(transport)  # type: ignore[arg-type]
        face.data_received(encode(Hello(1, "0.1.0")) + encode(Request(1, Follow())))
        await asyncio.sleep(0)
        transport.taken()
        face.pause_writing()
        face.send_change(b"a change that it will miss")
        face.data_received(encode(Request(2, ListRooms())))
        await asyncio.sleep(0)
        assert transport.taken() == []
        face.resume_writing()
        missed, answer = transport.taken()
        assert isinstance(missed, Changed)
        assert isinstance(missed.change, Snapshot)
        assert answer == Answer(2, Done())

    asyncio.run(work())
