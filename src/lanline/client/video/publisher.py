"""Sends live video to whoever calls, each at the rung that its link carries. What frames show is not known here.

A connection is a viewer from its first Subscribe on, until its link is closed.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Protocol, cast

from lanline.client.video.codecs import to_wire
from lanline.errors import CloseCode, LinkError, MalformedPacket
from lanline.media.api import EncodedFrame
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessageReceived
from lanline.proto.media.assignment import KeyFrameNeeded, RungsWanted
from lanline.proto.media.frame import Frame
from lanline.proto.media.publisher import Publisher, ViewerJoined, ViewerLeft
from lanline.transport.connection import Connection
from lanline.transport.datagrams import Address
from lanline.transport.driver import Driver

_FAREWELL_S = 5.0
"""Who does not watch, or not any more, has so long to read why, and to hang up."""
_PICTURES_UNDER_WAY = 32
"""Rungs of one picture are not encoded at the same moment; within so many pictures they find each other."""


class Encoding(Protocol):
    """What the publisher asks of whoever encodes."""

    def want(self, rungs: frozenset[int]) -> None:
        """Encode these from now on, and no others."""

    def request_key(self, rung: int) -> None: ...


class VideoPublisher:
    def __init__(
        self, core: Publisher, encoding: Encoding | None = None, on_viewers: Callable[[int], None] | None = None
    ) -> None:
        """`on_viewers` is told how many there are, whenever that changes."""
        self._core = core
        self._encoding = encoding
        self._on_viewers = on_viewers
        self._frame_ids: OrderedDict[int, int] = OrderedDict()
        self._next_frame_id = 0
        self._next_audio_id = 0
        self._driver = Driver(self._core, deliver=self._deliver, transmit=self._transmit)

    @property
    def wanted_rungs(self) -> frozenset[int]:
        return self._core.wanted_rungs

    @property
    def viewer_count(self) -> int:
        return len(self._core.viewers)

    def viewer_figures(self) -> list[tuple[bytes, int | None, float]]:
        """Of each viewer: its fingerprint, the rung that it is sent, and how much it loses."""
        figures = []
        for viewer in self._core.viewers:
            subscription = self._core.subscription(viewer)
            if subscription is not None:
                fingerprint = cast("Connection", viewer).peer_fingerprint
                figures.append((fingerprint, subscription.rung, subscription.choice.loss))
        return figures

    # Viewers.

    def accept(self, connection: Connection, _address: Address) -> None:
        """An `on_accept` of a listener that lets everybody in."""
        connection.set_handler(partial(self._on_event, connection))

    def let_in(self, connection: Connection, subscribe: bytes) -> None:
        """It has shown that it may watch, by this message."""
        connection.set_handler(partial(self._on_event, connection))
        self._driver.turn(partial(self._receive, connection, subscribe))

    def _on_event(self, connection: Connection, event: LinkEvent) -> None:
        if isinstance(event, MessageReceived):
            self._driver.turn(partial(self._receive, connection, event.payload))
        elif isinstance(event, LinkClosed):
            self._driver.turn(lambda _now: self._core.remove_viewer(connection))

    def _receive(self, connection: Connection, payload: bytes, now: float) -> None:
        try:
            self._core.receive_message(connection, payload, now)
        except MalformedPacket as problem:
            connection.close(CloseCode.PROTOCOL_VIOLATION, str(problem))
            return
        if self._core.subscription(connection) is None:
            connection.set_handler(_ignore)
            asyncio.get_running_loop().call_later(_FAREWELL_S, connection.close)

    # Frames.

    def publish(self, rung: int, encoded: EncodedFrame) -> None:
        """Raises MessageTooLarge. Frames of one picture on several rungs are known by the time of its capture."""
        frame = _frame(encoded, self._id_of(encoded.captured_at_us), rung)
        self._driver.turn(partial(self._core.publish, frame))

    def stand(self, rung: int, captured_at_us: int) -> None:
        """What was captured then is no other picture than the last that was published on this rung."""
        self._driver.turn(partial(self._core.stand, rung, captured_at_us))

    def publish_audio(self, encoded: EncodedFrame) -> None:
        frame = _frame(encoded, self._next_audio_id, 0)
        self._next_audio_id += 1
        self._driver.turn(partial(self._core.publish_audio, frame))

    def _id_of(self, captured_at_us: int) -> int:
        frame_id = self._frame_ids.get(captured_at_us)
        if frame_id is None:
            frame_id = self._frame_ids[captured_at_us] = self._next_frame_id
            self._next_frame_id += 1
            if len(self._frame_ids) > _PICTURES_UNDER_WAY:
                self._frame_ids.popitem(last=False)
        return frame_id

    # The drain.

    def _deliver(self) -> bool:
        had_any = False
        while (event := self._core.next_event()) is not None:
            had_any = True
            match event:
                case RungsWanted(rungs) if self._encoding is not None:
                    self._encoding.want(rungs)
                case KeyFrameNeeded(rung) if self._encoding is not None:
                    self._encoding.request_key(rung)
                case ViewerJoined() | ViewerLeft() if self._on_viewers is not None:
                    self._on_viewers(self.viewer_count)
        return had_any

    def _transmit(self, now: float) -> None:
        for viewer, channel, payload in self._core.messages_to_send():
            _say(cast(Connection, viewer), channel, payload)
        for packets, viewers in self._core.bursts_to_send(now):
            for connection in cast(list[Connection], viewers):
                connection.send_stream(packets)

    def close(self) -> None:
        """Tell the viewers that this is the end; their links are closed by whoever opened them."""
        self._driver.turn(lambda _now: self._core.close())
        self._driver.stop()


def _ignore(_: LinkEvent) -> None:
    """It is no viewer, and its link ends soon."""


def _say(connection: Connection, channel: Channel, payload: bytes) -> None:
    try:
        connection.send_nowait(channel, payload)
    except LinkError:
        # It is closing, or so slow that it hears nothing: its silence will be noticed.
        return


def _frame(encoded: EncodedFrame, frame_id: int, rung: int) -> Frame:
    codec = to_wire(encoded.codec)
    return Frame(frame_id, codec, encoded.is_key, encoded.captured_at_us, encoded.payload, rung)
