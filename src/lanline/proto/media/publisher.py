"""The sending side of live video, without I/O: who watches which rung, what is sent to whom, and when.

In: frames that were encoded, requests of viewers, the time. Out: bursts for viewers, answers, what is to be encoded.
A viewer is whatever its owner names it by. How packets reach one, and whether it may watch, is not known here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count

import msgspec

from lanline.crypto.streams import STREAM_ID_BYTES, new_stream_id
from lanline.errors import MalformedPacket
from lanline.proto.channels import Channel
from lanline.proto.media.assignment import KeyFrameNeeded, RungAssignment, RungsWanted, Viewer
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
_MOST_REPEATS = 1024
_REPEATED_OVER = 0.85
"""Of the time until the next frame: a trial is as even as what it stands for."""
_NEVER = float("inf")
_FULL = "There are as many viewers as this broadcast takes. Try again later."

Burst = tuple[list[bytes], list[Viewer]]
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
        self._audio = None if audio is None else stream(audio, 1.0 / SOUND_FRAME_S)
        self._by_id = {stream.stream_id: stream for stream in [*self._rungs, *([self._audio] if self._audio else [])]}
        self._fps = fps
        self.parity_policy: ParityPolicy = parity_for
        """How many parity chunks so many data chunks get at such a loss."""
        self._title = title
        self._max_viewers = max_viewers
        self._subscriptions: dict[Viewer, Subscription] = {}
        self._messages: deque[tuple[Viewer, Channel, bytes]] = deque()
        self._bursts: list[Burst] = []
        self._paced: list[tuple[float, int, list[Burst]]] = []
        self._trials: list[tuple[float, int, list[bytes], Viewer, Subscription]] = []
        """Repeats that are to leave, each at its time: none of them does when the trial is over by then."""
        self._order = count()
        self._events: deque[PublisherEvent] = deque()
        self._assignment = RungAssignment([plan.codec.is_intra_only for plan in rungs], self._events.append)
        self._next_silence_check: float | None = None

    @property
    def wanted_rungs(self) -> frozenset[int]:
        return self._assignment.wanted

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
            self._assignment.place(viewer, subscription, now)
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
            self._answer(viewer, self._offer())
        self._assignment.place(viewer, subscription, now)
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

    def _offer(self) -> Offer:
        audio = None if self._audio is None else self._audio.offer()
        return Offer(self._fps, [stream.offer() for stream in self._rungs], audio, self._title)

    def _answer(self, viewer: Viewer, answer: VideoAnswer) -> None:
        self._messages.append((viewer, Channel.CONTROL, encode_video(answer)))

    def _on_request(self, viewer: Viewer, subscription: Subscription, request: VideoRequest, now: float) -> None:
        match request:
            case Report():
                self._messages.append((viewer, Channel.MEDIA, encode_video(Echo(request.at_us))))
                self._on_report(viewer, subscription, request, now)
            case Nack(stream_id, numbers):
                self._repair(viewer, subscription, stream_id, numbers, now)
            case KeyFrameWanted(stream_id):
                self._on_key_wanted(subscription, stream_id, now)
            case _:
                raise MalformedPacket("a request of a viewer is out of place")

    def _on_report(self, viewer: Viewer, subscription: Subscription, report: Report, now: float) -> None:
        choice = subscription.choice
        backlog_s = subscription.backlog_s(report)
        choice.on_report(report, subscription.sent_bytes, self._rates_at(choice.loss), now)
        subscription.sent_bytes = 0
        before = subscription.next_rung
        subscription.follow_choice()
        if subscription.next_rung == before:
            return
        is_smaller = subscription.rung is not None and choice.rung < subscription.rung
        if is_smaller and not self._rungs[choice.rung].plan.codec.is_intra_only:
            subscription.rest(now + min(backlog_s, _LONGEST_REST_S))
        self._assignment.place(viewer, subscription, now)

    def _on_key_wanted(self, subscription: Subscription, stream_id: bytes, now: float) -> None:
        for rung in subscription.rungs:
            # On its way to another rung, it needs the key frame there.
            needed = rung if subscription.next_rung is None else subscription.next_rung
            is_asked = self._rungs[rung].stream_id == stream_id and self._assignment.may_ask_for_key(needed, now)
            if is_asked and subscription.may_have_key(now):
                self._assignment.need_key(needed, now)

    def _rates_at(self, loss: float) -> list[float]:
        """In bits per second, with the parity that such a loss calls for."""
        return [stream.bits_per_s * self._with_parity(stream, loss) for stream in self._rungs]

    def _with_parity(self, stream: OutgoingStream, loss: float) -> float:
        chunks = max(1, round(expected_packets(stream.bits_per_s, stream.fps)))
        return 1.0 + self.parity_policy(chunks, loss) / chunks

    def _repair(
        self, viewer: Viewer, subscription: Subscription, stream_id: bytes, numbers: list[int], now: float
    ) -> None:
        stream = self._by_id.get(stream_id)
        choice = subscription.choice
        is_too_much = choice.was_full(now) or stream in self._rungs[choice.rung + 1 :]
        if stream is None or (is_too_much and stream is not self._audio):
            # A link that is too slow for what it is sent is not helped by more of it; a packet of sound is no burden.
            return
        numbers = subscription.not_just_repaired(stream_id, numbers, now)
        packets_per_s = stream.bits_per_s / 8 / DEFAULT_MTU_BYTES
        allowed = subscription.repairs_allowed(len(numbers), packets_per_s, now)
        packets = stream.sent_again(numbers[:allowed], now)
        if packets:
            subscription.sent_bytes += sum(map(len, packets))
            self._bursts.append((packets, [viewer]))

    def remove_viewer(self, viewer: Viewer) -> None:
        """Its link is closed, or it has had enough."""
        if self._subscriptions.pop(viewer, None) is not None:
            self._assignment.remove(viewer)
            self._events.append(ViewerLeft(viewer))

    def close(self) -> None:
        for viewer in list(self._subscriptions):
            self._answer(viewer, Ended())
            self.remove_viewer(viewer)

    # Frames.

    def publish(self, frame: Frame, now: float) -> None:
        """A frame of the rung it names. Raises MessageTooLarge."""
        self._rungs[frame.rung].chunks_of(frame)  # or nobody is let in by it
        if frame.is_key or frame.codec.is_intra_only:
            self._assignment.begin_with_key(frame.rung)
        watchers = self._assignment.watchers(frame.rung)
        if not watchers:
            return
        stream = self._rungs[frame.rung]
        sealed = self._spread(stream, frame, watchers, self.parity_policy, now)
        for viewer, subscription in watchers.items():
            if subscription.choice.trial_bits_per_s:
                self._send_trial(viewer, subscription, sealed, stream.fps, now)

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
        self._schedule(sealed, groups, now)
        return sealed

    def _offer_anew(self) -> None:
        offer = self._offer()
        for viewer in self._subscriptions:
            self._answer(viewer, offer)

    def _schedule(self, sealed: SealedFrame, groups: dict[int, list[Viewer]], now: float) -> None:
        for part in sealed.slices:
            bursts: list[Burst] = [
                (sealed.packets[part.start : min(part.stop, sent)], viewers)
                for sent, viewers in groups.items()
                if part.start < sent
            ]
            self._send_at(part.leaves_at, bursts, now)

    def _send_at(self, at: float, bursts: list[Burst], now: float) -> None:
        if at <= now:
            self._bursts += bursts
        elif bursts:
            heappush(self._paced, (at, next(self._order), bursts))

    def _send_trial(
        self, viewer: Viewer, subscription: Subscription, sealed: SealedFrame, fps: float, now: float
    ) -> None:
        """Repeats, so that the rate is the one to be tried; spread out, as a frame of that rate would be."""
        total = sealed.total_chunks
        packet_bytes = len(sealed.packets[0])
        frame_bytes = subscription.choice.trial_bits_per_s / 8 / fps
        repeats = min(_MOST_REPEATS, int(frame_bytes / packet_bytes) - total)
        if repeats <= 0:
            return
        interval_s = 1.0 / fps
        # Not before they have left for the first time: they carry that time, and would be taken for quick ones.
        begin = max(now + 0.1 * interval_s, sealed.slices[-1].leaves_at)
        for start in range(0, repeats, total):
            packets = sealed.packets[: min(total, repeats - start)]
            at = begin + _REPEATED_OVER * interval_s * start / repeats
            heappush(self._trials, (at, next(self._order), packets, viewer, subscription))

    # Out.

    def bursts_to_send(self, now: float) -> list[Burst]:
        while self._paced and self._paced[0][0] <= now:
            self._bursts += heappop(self._paced)[2]
        while self._trials and self._trials[0][0] <= now:
            _, _, packets, viewer, subscription = heappop(self._trials)
            if subscription.choice.trial_bits_per_s and self._subscriptions.get(viewer) is subscription:
                subscription.sent_bytes += sum(map(len, packets))
                self._bursts.append((packets, [viewer]))
        bursts, self._bursts = self._bursts, []
        return bursts

    def messages_to_send(self) -> list[tuple[Viewer, Channel, bytes]]:
        messages = list(self._messages)
        self._messages.clear()
        return messages

    def next_event(self) -> PublisherEvent | None:
        return self._events.popleft() if self._events else None

    def next_deadline(self) -> float | None:
        times = [self._assignment.next_deadline()]
        times.append(_NEVER if self._next_silence_check is None else self._next_silence_check)
        times += [waiting[0][0] for waiting in (self._paced, self._trials) if waiting]
        earliest = min(times)
        return None if earliest == _NEVER else earliest

    def handle_timer(self, now: float) -> None:
        self._assignment.handle_timer(now)
        self._forget_the_silent(now)

    def _forget_the_silent(self, now: float) -> None:
        if self._next_silence_check is None or now < self._next_silence_check:
            return
        self._next_silence_check = now + _SILENCE_CHECK_S if self._subscriptions else None
        for viewer, subscription in self._subscriptions.items():
            if not subscription.is_silent and now - subscription.heard_at > SILENT_AFTER_S:
                subscription.is_silent = True
                self._assignment.remove(viewer)
