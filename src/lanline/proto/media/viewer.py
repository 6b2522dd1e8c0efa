"""The receiving side of live video, without I/O: from packets to frames in the order and at the time to show them.

In: stream packets, answers of the publisher, the time. Out: frames, and requests to the publisher. Whether a packet
came from where the publisher is has been looked at before.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

import msgspec

from lanline.crypto.streams import STREAM_ID_BYTES
from lanline.errors import MalformedPacket
from lanline.proto.channels import Channel
from lanline.proto.media.frame import SOUND_FRAME_S, Frame, ReceivedFrame
from lanline.proto.media.incomingstream import Awaited, IncomingStream, Turns
from lanline.proto.media.jitter import DEPENDENT, INTRA_ONLY, DelayPolicy, JitterBuffer, patience_s
from lanline.proto.media.reports import ReportWriter
from lanline.proto.media.transit import TransitTimes
from lanline.wire.video import (
    MOST_NACKED,
    MOST_RUNGS,
    Echo,
    Ended,
    KeyFrameWanted,
    Nack,
    Offer,
    Refused,
    Report,
    Still,
    StreamOffer,
    Subscribe,
    VideoRequest,
    decode_answer,
    encode_video,
)

MOST_STREAMS = MOST_RUNGS + 1
"""Those of one link. A publisher that begins anew does so over a new link."""
_FIRST_ROUND_TRIP_S = 0.1
_KEY_ASKED_APART_S = 0.25
_ECHO_WANTED_EACH_S = 5.0
"""Where there was no news for so long: to each of many viewers an answer costs the publisher as much as a frame."""
_LEAST_ROUND_TRIP_S, _LONGEST_ROUND_TRIP_S = 0.001, 10.0


class StreamOffered(msgspec.Struct, frozen=True):
    offer: Offer


class WatchRefused(msgspec.Struct, frozen=True):
    reason: str


class BroadcastEnded(msgspec.Struct, frozen=True):
    pass


class FrameArrived(msgspec.Struct, frozen=True, gc=False):
    """To be shown now, or to be heard when its time has come: sound is not held back, and may be out of order."""

    frame: Frame


class PictureStood(msgspec.Struct, frozen=True):
    """Nothing has changed since the frame that came last; `captured_at_us` is that of the newest picture."""

    captured_at_us: int


ViewerEvent = StreamOffered | WatchRefused | BroadcastEnded | FrameArrived | PictureStood


class ViewerStatistics(msgspec.Struct):
    frames: int = 0
    received_bytes: int = 0
    asked_for: int = 0
    lost_before_repair: int = 0
    lost_after_repair: int = 0
    chunks: int = 0
    queue_s: float = 0.0
    rung: int | None = None


class Viewer:
    def __init__(self, wants: Subscribe | None = None, *, repairs: bool = True) -> None:
        self._wants = wants or Subscribe()
        self._repairs = repairs
        self._streams: dict[bytes, IncomingStream] = {}
        self._audio_id = b""
        self._transit = TransitTimes()
        self._turns = Turns()
        self._reports = ReportWriter()
        self._picture = JitterBuffer()
        self._policy: DelayPolicy = INTRA_ONLY
        self._subscribed_at: float | None = None
        self.round_trip_s = _FIRST_ROUND_TRIP_S
        self._has_round_trip = False
        self._echo_wanted_at = self._news_at = -math.inf
        self._current: IncomingStream | None = None
        self._awaited: Mapping[bytes, Awaited] | None = None
        self._key_asked_at = -1.0
        self._messages: deque[tuple[Channel, bytes]] = deque()
        self._events: deque[ViewerEvent] = deque()
        self.statistics = ViewerStatistics()

    @property
    def stream_ids(self) -> list[bytes]:
        return list(self._streams)

    @property
    def _repair_takes_s(self) -> float:
        """A repair waits in the same queue as everything else."""
        return self.round_trip_s + self._transit.latest_excess_s

    @property
    def patience_s(self) -> float:
        return patience_s(self._policy, self.round_trip_s, self._transit.p95_jitter_s)

    @property
    def _sound_patience_s(self) -> float:
        """Not that of the picture: sound goes on without what came late."""
        return patience_s(INTRA_ONLY, self.round_trip_s, self._transit.p95_jitter_s)

    # Commands.

    def subscribe(self, now: float, wants: Subscribe | None = None) -> None:
        """Again with other requests at any time."""
        self._wants = wants or self._wants
        if not self._streams:
            self._subscribed_at = now
        self._request(Channel.CHAT, self._wants)

    def request_key(self, now: float) -> None:
        """What was shown cannot be decoded, or a frame is lost. Told once, until an answer could be here."""
        apart_s = max(_KEY_ASKED_APART_S, self._repair_takes_s + self.patience_s)
        if self._current is not None and now - self._key_asked_at >= apart_s:
            self._key_asked_at = now
            self._request(Channel.MEDIA, KeyFrameWanted(self._current.offer.stream_id))

    def _request(self, channel: Channel, request: VideoRequest) -> None:
        self._messages.append((channel, encode_video(request)))

    # In.

    def receive_message(self, payload: bytes, now: float) -> None:
        """Raises MalformedPacket for what is no answer."""
        self._awaited = None
        match decode_answer(payload):
            case Offer() as offer:
                self._on_offer(offer, now)
            case Echo(at_us=at_us):
                self._on_round_trip(now - at_us / 1e6)
            case Still() as still:
                self._on_still(still, now)
            case Refused(reason=reason):
                self._events.append(WatchRefused(reason))
            case Ended():
                self._events.append(BroadcastEnded())

    def _on_offer(self, offer: Offer, now: float) -> None:
        offered = {stream.stream_id for stream in (*offer.rungs, *([offer.audio] if offer.audio else []))}
        if len(offered | self._streams.keys()) > MOST_STREAMS:
            raise MalformedPacket("a publisher offers ever more streams")
        if self._subscribed_at is not None:
            # Either may have been lost on the way and sent again, which is no round trip.
            self.round_trip_s = min(_FIRST_ROUND_TRIP_S, max(_LEAST_ROUND_TRIP_S, now - self._subscribed_at))
            self._subscribed_at = None
        for rung in offer.rungs:
            self._on_stream_offer(rung, offer.fps, self._turns)
        if offer.audio is not None:
            self._audio_id = offer.audio.stream_id
            self._on_stream_offer(offer.audio, 1.0 / SOUND_FRAME_S, Turns())
        self._policy = INTRA_ONLY if all(rung.codec.is_intra_only for rung in offer.rungs) else DEPENDENT
        self._reports.start(now)
        self._events.append(StreamOffered(offer))

    def _on_still(self, still: Still, now: float) -> None:
        stream = self._streams.get(still.stream_id)
        if stream is None:
            return
        stream.note_end(still.frame_id, still.end_number, now)
        self._reports.on_still()
        self._current = stream
        self._events.append(PictureStood(still.captured_at_us))
        self._go_on(now)
        if self._picture.last_shown_id < still.frame_id and not stream.awaits_something:
            # It cannot be repaired, or was never sent to this viewer, and no later frame will stand in for it.
            self.request_key(now)

    def _on_round_trip(self, sample_s: float) -> None:
        """Of something that was sent once, and answered once."""
        if not 0 <= sample_s <= _LONGEST_ROUND_TRIP_S:
            return
        sample_s = max(_LEAST_ROUND_TRIP_S, sample_s)
        if not self._has_round_trip:
            self.round_trip_s, self._has_round_trip = sample_s, True
        else:
            self.round_trip_s += (sample_s - self.round_trip_s) / 4

    def _on_stream_offer(self, offer: StreamOffer, fps: float, turns: Turns) -> None:
        stream = self._streams.get(offer.stream_id)
        if stream is None:
            self._streams[offer.stream_id] = IncomingStream(
                offer, fps, self._transit, self._reports.add_stream(), turns
            )
        else:
            stream.renew(offer)

    def receive_packet(self, data: bytes, now: float) -> None:
        """What is not of these streams, or does not open, is dropped."""
        stream_id = data[:STREAM_ID_BYTES]
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        try:
            received, excess_s = stream.receive(data, now, self.round_trip_s)
        except MalformedPacket:
            return
        self._reports.on_packet(len(data))
        self.statistics.received_bytes += len(data)
        if excess_s is not None:
            self._reports.on_transit(excess_s, now)
        elif stream.is_repeat:
            self._reports.on_repeat()
        sample = stream.take_round_trip_sample()
        if sample is not None:
            self._on_round_trip(sample)
        if received is not None:
            self._on_complete(received, stream)
        self._go_on(now)

    def _on_complete(self, received: ReceivedFrame, stream: IncomingStream) -> None:
        if received.stream_id == self._audio_id:
            self._events.append(FrameArrived(received.frame))
            return
        self._picture.add(received)
        self._current = stream

    def handle_timer(self, now: float) -> None:
        look_at = self._reports.next_look_at
        if look_at is not None and now >= look_at:
            for report in self._reports.look(now):
                self._report(report, now)
        self._go_on(now)

    def _report(self, report: Report, now: float) -> None:
        statistics = self.statistics
        statistics.chunks += report.chunks
        statistics.lost_before_repair += report.lost_before_repair
        statistics.lost_after_repair += report.lost_after_repair
        statistics.queue_s = report.queue_us / 1e6
        if self._wants_echo(now):
            self._echo_wanted_at = now
            report = msgspec.structs.replace(report, at_us=round(now * 1e6))
        self._request(Channel.MEDIA, report)

    def _wants_echo(self, now: float) -> bool:
        if self._reports.has_news:
            self._news_at = now
        is_quiet = self._has_round_trip and now - self._news_at >= _ECHO_WANTED_EACH_S
        return not is_quiet or now - self._echo_wanted_at >= _ECHO_WANTED_EACH_S

    # From frames that are complete, or cannot become so, to what is shown and asked for.

    def _go_on(self, now: float) -> None:
        awaited: dict[bytes, Awaited] = {}
        oldest = math.inf
        for stream_id, stream in self._streams.items():
            if stream.awaits_something:
                shown_id = -1 if stream_id == self._audio_id else self._picture.last_shown_id
                awaited[stream_id] = left = stream.give_up_late(self._patience_with(stream_id), shown_id, now)
                if stream_id != self._audio_id:
                    oldest = min(oldest, left.oldest_id)
        self._show(self._picture.take(oldest))
        if self._picture.needs_key:
            self.request_key(now)
        if self._repairs:
            self._ask_for_repairs(awaited, now)
        self._awaited = awaited

    def _show(self, frames: list[ReceivedFrame]) -> None:
        for received in frames:
            self.statistics.frames += 1
            self.statistics.rung = received.frame.rung
            self._events.append(FrameArrived(received.frame))

    def _patience_with(self, stream_id: bytes) -> float:
        return self._sound_patience_s if stream_id == self._audio_id else self.patience_s

    def _ask_for_repairs(self, all_awaited: Mapping[bytes, Awaited], now: float) -> None:
        for stream_id, awaited in all_awaited.items():
            if not awaited.frames and not awaited.gaps:
                continue
            stream = self._streams[stream_id]
            numbers = stream.numbers_to_ask_for(awaited, self._repair_takes_s, now)
            self.statistics.asked_for += len(numbers)
            for start in range(0, len(numbers), MOST_NACKED):
                # Asked in vain several times, it is said twice: the request may be what was lost.
                for _ in range(2 if stream.asks_again else 1):
                    self._request(Channel.MEDIA, Nack(stream_id, numbers[start : start + MOST_NACKED]))

    # Out.

    def messages_to_send(self) -> list[tuple[Channel, bytes]]:
        messages = list(self._messages)
        self._messages.clear()
        return messages

    def next_event(self) -> ViewerEvent | None:
        return self._events.popleft() if self._events else None

    def next_deadline(self) -> float | None:
        earliest = self._reports.next_look_at
        for stream_id, awaited in self._current_awaited().items():
            if awaited.frames or awaited.gaps:
                deadline = self._streams[stream_id].next_deadline(awaited)
                earliest = deadline if earliest is None else min(earliest, deadline)
        return None if earliest == math.inf else earliest

    def _current_awaited(self) -> Mapping[bytes, Awaited]:
        """As it was found last; anew where something was said meanwhile that moves deadlines."""
        if self._awaited is None:
            self._awaited = {
                stream_id: stream.awaited(self._patience_with(stream_id))
                for stream_id, stream in self._streams.items()
                if stream.awaits_something
            }
        return self._awaited
