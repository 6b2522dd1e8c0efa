"""The sending side of live video, without I/O: who watches which rung, what is sent to whom, and when.

In: frames that were encoded, requests of viewers, the time. Out: bursts for viewers, answers, what is to be encoded.
A viewer is whatever its owner names it by. How packets reach one, and whether it may watch, is not known here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from lanline.crypto.streams import STREAM_ID_BYTES, new_stream_id
from lanline.errors import MalformedPacket
from lanline.proto.channels import Channel
from lanline.proto.media.assignment import KeyFrameNeeded, RungAssignment, RungsWanted, Viewer
from lanline.proto.media.departures import Burst, Departures
from lanline.proto.media.frame import SOUND_FRAME_S, Frame
from lanline.proto.media.outgoingstream import OutgoingStream, SealedFrame, StreamPlan
from lanline.proto.media.pacing import expected_packets
from lanline.proto.media.parity import parity_for, sound_parity_for
from lanline.proto.media.subscription import SILENT_AFTER_S, Subscription
from lanline.wire.video import (
    STREAM_SECRET_BYTES,
    Echo,
    Ended,
    KeyFrameWanted,
    Nack,
    Offer,
    Refused,
    Report,
    Subscribe,
    Unsubscribe,
    VideoAnswer,
    VideoRequest,
    decode_request,
    encode_video,
)

MOST_VIEWERS = 2048
DEFAULT_MTU_BYTES = 1200
_SILENCE_CHECK_S = 0.5
_LONGEST_REST_S = 0.3
_NEVER = float("inf")
_FULL = "There are as many viewers as this broadcast takes. Try again later."

ParityPolicy = Callable[[int, float], int]


class ViewerJoined(msgspec.Struct, frozen=True):
    viewer: Viewer


class ViewerLeft(msgspec.Struct, frozen=True):
    viewer: Viewer


PublisherEvent = RungsWanted | KeyFrameNeeded | ViewerJoined | ViewerLeft


class Publisher:
    def __init__(
        self,
        rungs: Sequence[StreamPlan],
        *,
        fps: float,
        entropy: Callable[[int], bytes],
        audio: StreamPlan | None = None,
        mtu_bytes: int = DEFAULT_MTU_BYTES,
        max_viewers: int = MOST_VIEWERS,
        title: str = "",
    ) -> None:
        def stream(plan: StreamPlan, fps: float = fps) -> OutgoingStream:
            stream_id, secret = new_stream_id(entropy(STREAM_ID_BYTES)), entropy(STREAM_SECRET_BYTES)
            return OutgoingStream(plan, fps / plan.every, stream_id, secret, mtu_bytes)

        self._rungs = [stream(plan) for plan in rungs]
        is_intra_only = [plan.codec.is_intra_only for plan in rungs]
        # Once more for those who record: key frames every few seconds are for files, and a burden to everybody else.
        self._recorded = [] if all(is_intra_only) else [stream(plan) for plan in rungs]
        self._audio = None if audio is None else stream(audio, 1.0 / SOUND_FRAME_S)
        streams = [*self._rungs, *self._recorded, *([self._audio] if self._audio else [])]
        self._by_id = {stream.stream_id: stream for stream in streams}
        self._fps = fps
        self.parity_policy: ParityPolicy = parity_for
        """How many parity chunks so many data chunks get at such a loss."""
        self._title = title
        self._max_viewers = max_viewers
        self._subscriptions: dict[Viewer, Subscription] = {}
        self._messages: deque[tuple[Viewer, Channel, bytes]] = deque()
        self._out = Departures()
        self._events: deque[PublisherEvent] = deque()
        self._assignments = (
            RungAssignment(is_intra_only, partial(self._tell, 0)),
            RungAssignment(is_intra_only, partial(self._tell, len(rungs))),
        )
        """Of those who only watch, and of those who record."""
        self._next_silence_check: float | None = None

    @property
    def wanted_rungs(self) -> frozenset[int]:
        """Those for recordings have numbers beyond those of the usual ones, in the same order."""
        watched, recorded = (assignment.wanted for assignment in self._assignments)
        return watched | {rung + len(self._rungs) for rung in recorded}

    def _tell(self, first_rung: int, event: RungsWanted | KeyFrameNeeded) -> None:
        if isinstance(event, RungsWanted):
            self._events.append(RungsWanted(self.wanted_rungs))
        else:
            self._events.append(KeyFrameNeeded(first_rung + event.rung))

    def _assignment_of(self, subscription: Subscription) -> RungAssignment:
        return self._assignments[self._records(subscription)]

    def _rungs_of(self, subscription: Subscription) -> list[OutgoingStream]:
        return self._recorded if self._records(subscription) else self._rungs

    def _records(self, subscription: Subscription) -> bool:
        return subscription.records and bool(self._recorded)

    @property
    def viewers(self) -> list[Viewer]:
        return list(self._subscriptions)

    def subscription(self, viewer: Viewer) -> Subscription | None:
        return self._subscriptions.get(viewer)

    # What viewers say.

    def receive_message(self, viewer: Viewer, payload: bytes, now: float) -> None:
        """Raises MalformedPacket for what is no request. What comes too often is not even read."""
        subscription = self._subscriptions.get(viewer)
        if subscription is not None and not subscription.may_ask(now):
            return
        request = decode_request(payload)
        if isinstance(request, Subscribe):
            self._on_subscribe(viewer, request, now)
            return
        if subscription is None:
            return
        if isinstance(request, Unsubscribe):
            self.remove_viewer(viewer)
            return
        subscription.heard_at = now
        if subscription.is_silent:
            subscription.begin_anew(now)
            self._assignment_of(subscription).place(viewer, subscription, now)
        self._on_request(viewer, subscription, request, now)

    def _on_subscribe(self, viewer: Viewer, request: Subscribe, now: float) -> None:
        subscription = self._subscriptions.get(viewer)
        top_rung = self._top_rung(request)
        if subscription is None:
            if len(self._subscriptions) >= self._max_viewers:
                self._answer(viewer, Refused(_FULL))
                return
            is_intra_only = self._rungs[top_rung].plan.codec.is_intra_only
            frame_rates = [stream.fps for stream in self._rungs]
            subscription = Subscription(request, top_rung, frame_rates, now, is_intra_only=is_intra_only)
            self._subscriptions[viewer] = subscription
            self._events.append(ViewerJoined(viewer))
        else:
            subscription.wants = request
            subscription.choice.limit(top_rung)
            subscription.follow_choice()
        if subscription.may_have_offer(now):
            self._answer(viewer, self._offer(subscription))
        self._assignment_of(subscription).place(viewer, subscription, now)
        if self._next_silence_check is None:
            self._next_silence_check = now + _SILENCE_CHECK_S

    def _top_rung(self, request: Subscribe) -> int:
        """The largest one within what is wanted; the smallest when even that is more."""
        fitting = [
            rung
            for rung, stream in enumerate(self._rungs)
            if (not request.max_height or stream.plan.height <= request.max_height)
            and (not request.max_bits_per_s or stream.bits_per_s <= request.max_bits_per_s)
        ]
        return max(fitting, default=0)

    def _offer(self, subscription: Subscription) -> Offer:
        audio = None if self._audio is None else self._audio.offer()
        return Offer(self._fps, [stream.offer() for stream in self._rungs_of(subscription)], audio, self._title)

    def _answer(self, viewer: Viewer, answer: VideoAnswer) -> None:
        self._messages.append((viewer, Channel.CONTROL, encode_video(answer)))

    def _on_request(self, viewer: Viewer, subscription: Subscription, request: VideoRequest, now: float) -> None:
        match request:
            case Report():
                if request.at_us:
                    self._messages.append((viewer, Channel.MEDIA, encode_video(Echo(request.at_us))))
                self._on_report(viewer, subscription, request, now)
            case Nack(stream_id=stream_id, numbers=numbers):
                self._repair(viewer, subscription, stream_id, numbers, now)
            case KeyFrameWanted(stream_id=stream_id):
                self._on_key_wanted(subscription, stream_id, now)
            case _:
                raise MalformedPacket("a request of a viewer is out of place")

    def _on_report(self, viewer: Viewer, subscription: Subscription, report: Report, now: float) -> None:
        choice = subscription.choice
        backlog_s = subscription.backlog_s(report)
        choice.on_report(report, subscription.sent_bytes, self._rates_for(subscription), now)
        subscription.sent_bytes = 0
        before = subscription.next_rung
        subscription.follow_choice()
        if subscription.next_rung == before:
            return
        is_smaller = subscription.rung is not None and choice.rung < subscription.rung
        if is_smaller and not self._rungs[choice.rung].plan.codec.is_intra_only:
            subscription.rest(now + min(backlog_s, _LONGEST_REST_S))
        self._assignment_of(subscription).place(viewer, subscription, now)

    def _on_key_wanted(self, subscription: Subscription, stream_id: bytes, now: float) -> None:
        assignment, rungs = self._assignment_of(subscription), self._rungs_of(subscription)
        for rung in subscription.rungs:
            # On its way to another rung, it needs the key frame there.
            needed = rung if subscription.next_rung is None else subscription.next_rung
            is_asked = rungs[rung].stream_id == stream_id and assignment.may_ask_for_key(needed, now)
            if is_asked and subscription.may_have_key(now):
                assignment.need_key(needed, now)

    def _rates_for(self, subscription: Subscription) -> list[float]:
        """In bits per second, with the parity that its loss calls for."""
        loss = subscription.choice.loss
        return [stream.bits_per_s * self._with_parity(stream, loss) for stream in self._rungs_of(subscription)]

    def _with_parity(self, stream: OutgoingStream, loss: float) -> float:
        chunks = max(1, round(expected_packets(stream.bits_per_s, stream.fps)))
        return 1.0 + self.parity_policy(chunks, loss) / chunks

    def _repair(
        self, viewer: Viewer, subscription: Subscription, stream_id: bytes, numbers: list[int], now: float
    ) -> None:
        stream = self._by_id.get(stream_id)
        choice = subscription.choice
        is_too_much = choice.was_full(now) or stream in self._rungs_of(subscription)[choice.rung + 1 :]
        if stream is None or (is_too_much and stream is not self._audio):
            # A link that is too slow for what it is sent is not helped by more of it; a packet of sound is no burden.
            return
        numbers = subscription.not_just_repaired(stream_id, numbers, now)
        packets_per_s = stream.bits_per_s / 8 / DEFAULT_MTU_BYTES
        allowed = subscription.repairs_allowed(len(numbers), packets_per_s, now)
        packets = stream.sent_again(numbers[:allowed], now)
        if packets:
            subscription.sent_bytes += sum(map(len, packets))
            self._out.send(packets, viewer)

    def remove_viewer(self, viewer: Viewer) -> None:
        """Its link is closed, or it has had enough."""
        subscription = self._subscriptions.pop(viewer, None)
        if subscription is not None:
            subscription.is_over = True
            self._assignment_of(subscription).remove(viewer)
            self._events.append(ViewerLeft(viewer))

    def close(self) -> None:
        for viewer in list(self._subscriptions):
            self._answer(viewer, Ended())
            self.remove_viewer(viewer)

    # Frames.

    def _place_of(self, number: int) -> tuple[RungAssignment, OutgoingStream, int]:
        """By one of `wanted_rungs`: which rung it is, and for whom."""
        is_recorded, rung = divmod(number, len(self._rungs))
        return self._assignments[is_recorded], (self._rungs, self._recorded)[is_recorded][rung], rung

    def publish(self, frame: Frame, now: float) -> None:
        """A frame of the rung it names, one of `wanted_rungs`. Raises MessageTooLarge."""
        assignment, stream, rung = self._place_of(frame.rung)
        if rung != frame.rung:
            frame = msgspec.structs.replace(frame, rung=rung)
        stream.chunks_of(frame)  # or nobody is let in by it
        assignment.move(rung)
        if frame.is_key or frame.codec.is_intra_only:
            assignment.begin_with_key(rung)
        watchers = assignment.watchers(rung)
        if not watchers:
            return
        sealed = self._spread(stream, frame, watchers, self.parity_policy, now)
        for viewer, subscription in watchers.items():
            subscription.choice.is_idle = False
            if subscription.choice.trial_bits_per_s:
                self._out.try_rate(viewer, subscription, sealed, stream.fps, now, has_left=False)

    def publish_audio(self, frame: Frame, now: float) -> None:
        assert self._audio is not None
        listeners = {
            viewer: subscription
            for viewer, subscription in self._subscriptions.items()
            if subscription.wants.wants_audio and not subscription.is_silent
        }
        if listeners:
            self._spread(self._audio, frame, listeners, sound_parity_for, now)

    def _spread(
        self, stream: OutgoingStream, frame: Frame, to: dict[Viewer, Subscription], parity_of: ParityPolicy, now: float
    ) -> SealedFrame:
        total = stream.chunks_of(frame)
        groups: dict[int, list[Viewer]] = {}
        for viewer, subscription in to.items():
            groups.setdefault(total + parity_of(total, subscription.choice.loss), []).append(viewer)
        epoch = stream.epoch
        parity = max(groups) - total
        is_calm = all(subscription.choice.is_calm for subscription in to.values())
        sealed = stream.seal(frame, parity, now, is_calm=is_calm)
        if stream.epoch != epoch:
            self._offer_anew()
        packet_bytes = len(sealed.packets[0])
        for sent, viewers in groups.items():
            for viewer in viewers:
                to[viewer].sent_bytes += sent * packet_bytes
        self._out.spread(sealed, groups, now)
        return sealed

    def _offer_anew(self) -> None:
        for viewer, subscription in self._subscriptions.items():
            self._answer(viewer, self._offer(subscription))

    def stand(self, rung: int, captured_at_us: int, now: float) -> None:
        """The picture that was captured then is the one that this rung sent last. Its viewers are told so from time to
        time; who is on trial is sent an earlier frame once more, for there is no other.
        """
        assignment, stream, rung = self._place_of(rung)
        assignment.stand(rung, now)
        watchers = assignment.watchers(rung)
        still = stream.still(captured_at_us, now)
        if still is not None:
            message = encode_video(still)
            self._messages.extend((viewer, Channel.MEDIA, message) for viewer in watchers)
        for viewer, subscription in watchers.items():
            subscription.choice.is_idle = True
            if subscription.choice.trial_bits_per_s and stream.largest is not None:
                self._out.try_rate(viewer, subscription, stream.largest, stream.fps, now, has_left=True)

    # Out.

    def bursts_to_send(self, now: float) -> list[Burst]:
        return self._out.take(now)

    def messages_to_send(self) -> list[tuple[Viewer, Channel, bytes]]:
        messages = list(self._messages)
        self._messages.clear()
        return messages

    def next_event(self) -> PublisherEvent | None:
        return self._events.popleft() if self._events else None

    def next_deadline(self) -> float | None:
        times = [assignment.next_deadline() for assignment in self._assignments]
        times.append(_NEVER if self._next_silence_check is None else self._next_silence_check)
        times.append(self._out.next_deadline())
        earliest = min(times)
        return None if earliest == _NEVER else earliest

    def handle_timer(self, now: float) -> None:
        for assignment in self._assignments:
            assignment.handle_timer(now)
        self._forget_the_silent(now)

    def _forget_the_silent(self, now: float) -> None:
        if self._next_silence_check is None or now < self._next_silence_check:
            return
        self._next_silence_check = now + _SILENCE_CHECK_S if self._subscriptions else None
        for viewer, subscription in self._subscriptions.items():
            if not subscription.is_silent and now - subscription.heard_at > SILENT_AFTER_S:
                subscription.is_silent = True
                self._assignment_of(subscription).remove(viewer)
