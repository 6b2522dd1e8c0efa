"""Watches a broadcast over a link, and comes back by itself when the link or the publisher was gone for a while.

How the publisher is called, and whether its key is the right one, is decided by whoever hands `call` in.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from lanline.client.video.codecs import from_wire
from lanline.client.video.timeline import Timeline
from lanline.crypto.watchproof import watch_proof
from lanline.errors import AddressUnavailable, CloseCode, LinkError, MalformedPacket
from lanline.media.api import Codec, EncodedFrame
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessageReceived
from lanline.proto.media.frame import Frame
from lanline.proto.media.viewer import (
    BroadcastEnded,
    FrameArrived,
    PictureStood,
    StreamOffered,
    Viewer,
    ViewerEvent,
    ViewerStatistics,
    WatchRefused,
)
from lanline.transport.connection import Connection
from lanline.transport.driver import Driver
from lanline.wire.video import Offer, Subscribe

Call = Callable[[], Awaitable[Connection]]
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 1.0
"""Of a publisher that was there: a viewer is to be back soon after it, or the network, is."""
_MOST_WAITING_FRAMES = 128
_STILL_FOR_S = 1.5
_RECORDED_EVERY_US = 1_000_000


class WatchEnd(msgspec.Struct, frozen=True):
    """Why there will be no more: the publisher said so, or turned this viewer away."""

    reason: str
    is_refusal: bool


class VideoViewer:
    """Frames wait for `take`; when nobody takes them, the oldest go."""

    def __init__(
        self,
        call: Call,
        wants: Subscribe | None = None,
        *,
        secret: bytes = b"",
        make_core: Callable[[Subscribe], Viewer] = Viewer,
    ) -> None:
        """`secret` is that of the watch link."""
        self._call = call
        self._secret = secret
        self.wants = wants or Subscribe()
        self._make_core = make_core
        self._session: _Session | None = None
        self._frames: deque[EncodedFrame] = deque(maxlen=_MOST_WAITING_FRAMES)
        self._has_news = asyncio.Event()
        self._timeline = Timeline()
        self._past = ViewerStatistics()
        self._last: EncodedFrame | None = None
        self._stood_at = float("-inf")
        self.offer: Offer | None = None
        self.end: WatchEnd | None = None
        self.calls = 0
        """How often the publisher was called, for statistics."""

    # The life of it.

    async def run(self) -> None:
        """Until the broadcast ends, this viewer is refused, or the task is cancelled."""
        pause_s = _FIRST_PAUSE_S
        while self.end is None:
            self.calls += 1
            try:
                connection = await self._call()
            except (LinkError, AddressUnavailable):
                await asyncio.sleep(pause_s)
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
                continue
            proven = msgspec.structs.replace(self.wants, proof=watch_proof(self._secret, connection.binding))
            session = self._session = _Session(connection, self._make_core(proven), self._on_event)
            try:
                closed = await session.wait_closed()
            finally:
                self._finish(session)
            if session.was_offered:
                pause_s = _FIRST_PAUSE_S
            if closed.code is CloseCode.IDENTITY_REJECTED:
                raise LinkError(closed.reason)
            if self.end is None:
                await asyncio.sleep(pause_s)

    def _finish(self, session: _Session) -> None:
        session.close()
        self._past = _sum(self._past, session.statistics)
        self._session = None

    def _on_event(self, event: ViewerEvent) -> None:
        match event:
            case FrameArrived(frame):
                encoded = self._encoded(frame)
                self._frames.append(encoded)
                if encoded.codec.is_video:
                    self._last, self._stood_at = encoded, float("-inf")
            case PictureStood(captured_at_us):
                self._stand(captured_at_us)
            case StreamOffered(offer):
                self.offer = offer
            case WatchRefused(reason):
                self.end = WatchEnd(reason, is_refusal=True)
            case BroadcastEnded():
                self.end = WatchEnd("The broadcast has ended.", is_refusal=False)
        self._has_news.set()
        if self.end is not None and self._session is not None:
            self._session.hang_up()

    def _stand(self, captured_at_us: int) -> None:
        """A file is given the same frame once more from time to time, where that stands alone: it has to last as long
        as what it shows.
        """
        now = asyncio.get_running_loop().time()
        self._stood_at = now
        last = self._last
        if last is None or not (self.wants.records and last.codec.is_intra_only):
            return
        at_us = self._timeline.unwrap(captured_at_us, now)
        if at_us - last.captured_at_us >= _RECORDED_EVERY_US:
            self._last = dataclasses.replace(last, captured_at_us=at_us)
            self._frames.append(self._last)

    def _encoded(self, frame: Frame) -> EncodedFrame:
        codec = from_wire(frame.codec)
        width = height = 0
        if codec is not Codec.OPUS and self.offer is not None and frame.rung < len(self.offer.rungs):
            rung = self.offer.rungs[frame.rung]
            width, height = rung.width, rung.height
        captured_at_us = self._timeline.unwrap(frame.captured_at_us, asyncio.get_running_loop().time())
        return EncodedFrame(codec, frame.is_key, captured_at_us, frame.payload, width, height)

    # What is asked of it.

    async def take(self, timeout_s: float) -> list[EncodedFrame]:
        """What has come and was not taken yet, in order; nothing when nothing came for so long, or at the end."""
        if not self._frames and self.end is None:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._wait_for_frames()
            except TimeoutError:
                return []
        frames = list(self._frames)
        self._frames.clear()
        return frames

    async def _wait_for_frames(self) -> None:
        while not self._frames and self.end is None:
            self._has_news.clear()
            await self._has_news.wait()

    @property
    def is_offered(self) -> bool:
        """There is a link, and the publisher has said over it what there is."""
        return self._session is not None and self._session.was_offered

    @property
    def is_still(self) -> bool:
        """Nothing comes because nothing changes: the publisher has just said so."""
        return asyncio.get_running_loop().time() - self._stood_at < _STILL_FOR_S

    @property
    def round_trip_s(self) -> float | None:
        return None if self._session is None else self._session.round_trip_s

    def want(self, wants: Subscribe) -> None:
        """Another size or rate, from now on."""
        self.wants = wants
        if self._session is not None:
            self._session.want(wants)

    def request_key(self) -> None:
        """The picture cannot be decoded, and a key frame would heal it."""
        if self._session is not None:
            self._session.request_key()

    @property
    def statistics(self) -> ViewerStatistics:
        """Over all links that there were."""
        return self._past if self._session is None else _sum(self._past, self._session.statistics)


class _Session:
    """One link to the publisher, with the state machine that lives as long as it."""

    def __init__(
        self,
        connection: Connection,
        core: Viewer,
        on_event: Callable[[ViewerEvent], None],
    ) -> None:
        self._connection = connection
        self._core = core
        self._on_event = on_event
        self._closed: asyncio.Future[LinkClosed] = asyncio.get_running_loop().create_future()
        self._stream_ids: set[bytes] = set()
        self._driver = Driver(self._core, deliver=self._deliver, transmit=self._transmit)
        self.was_offered = False
        connection.set_handler(self._on_link_event)
        self._driver.turn(self._core.subscribe)

    @property
    def statistics(self) -> ViewerStatistics:
        return self._core.statistics

    @property
    def round_trip_s(self) -> float:
        return self._core.round_trip_s

    async def wait_closed(self) -> LinkClosed:
        return await self._closed

    def want(self, wants: Subscribe) -> None:
        self._driver.turn(lambda now: self._core.subscribe(now, wants))

    def request_key(self) -> None:
        self._driver.turn(self._core.request_key)

    def _on_link_event(self, event: LinkEvent) -> None:
        if isinstance(event, MessageReceived):
            self._driver.turn(partial(self._receive, event.payload))
        elif isinstance(event, LinkClosed) and not self._closed.done():
            self._closed.set_result(event)

    def _receive(self, payload: bytes, now: float) -> None:
        try:
            self._core.receive_message(payload, now)
        except MalformedPacket as problem:
            self._connection.close(CloseCode.PROTOCOL_VIOLATION, str(problem))

    def _receive_packet(self, packet: bytes) -> None:
        self._driver.turn(partial(self._core.receive_packet, packet))

    def _deliver(self) -> bool:
        had_any = False
        while (event := self._core.next_event()) is not None:
            had_any = True
            if isinstance(event, StreamOffered):
                self.was_offered = True
                self._open_streams()
            self._on_event(event)
        return had_any

    def _open_streams(self) -> None:
        for stream_id in set(self._core.stream_ids) - self._stream_ids:
            self._connection.receive_stream(stream_id, self._receive_packet)
            self._stream_ids.add(stream_id)

    def _transmit(self, _now: float) -> None:
        for channel, payload in self._core.messages_to_send():
            _say(self._connection, channel, payload)

    def hang_up(self) -> None:
        self._connection.close()

    def close(self) -> None:
        self._driver.stop()
        for stream_id in self._stream_ids:
            self._connection.stop_stream(stream_id)
        self._connection.close()


def _say(connection: Connection, channel: Channel, payload: bytes) -> None:
    try:
        connection.send_nowait(channel, payload)
    except LinkError:
        # It is closing; that it is closed will be told.
        return


def _sum(past: ViewerStatistics, present: ViewerStatistics) -> ViewerStatistics:
    return ViewerStatistics(
        frames=past.frames + present.frames,
        received_bytes=past.received_bytes + present.received_bytes,
        asked_for=past.asked_for + present.asked_for,
        lost_before_repair=past.lost_before_repair + present.lost_before_repair,
        lost_after_repair=past.lost_after_repair + present.lost_after_repair,
        chunks=past.chunks + present.chunks,
        queue_s=present.queue_s,
        rung=present.rung,
    )
