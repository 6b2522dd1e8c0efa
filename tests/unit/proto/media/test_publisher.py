"""The publisher alone: what it answers, what it repeats, and what it does not let viewers do."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec
import pytest

from lanline.crypto.sealing import EPOCH_BITS
from lanline.crypto.streams import StreamOpener
from lanline.errors import MalformedPacket, MessageTooLarge
from lanline.proto.media.assignment import KeyFrameNeeded, RungsWanted
from lanline.proto.media.frame import Frame
from lanline.proto.media.outgoingstream import StreamPlan
from lanline.proto.media.publisher import Publisher, ViewerJoined, ViewerLeft
from lanline.wire.video import (
    Echo,
    KeyFrameWanted,
    Nack,
    Offer,
    Report,
    StreamCodec,
    Subscribe,
    Unsubscribe,
    VideoRequest,
    decode_answer,
    encode_video,
)

FPS = 30.0
LADDER = [StreamPlan(StreamCodec.H264, 426, 240, 400_000), StreamPlan(StreamCodec.H264, 1280, 720, 2_500_000)]
JPEG = [StreamPlan(StreamCodec.JPEG, 1280, 720, 2_500_000)]
QUIET = Report(100_000, 30_000, 27, 0, 0, 0, 0)


def publisher(plans: Sequence[StreamPlan] = JPEG, **settings: int) -> Publisher:
    return Publisher(plans, fps=FPS, entropy=random.Random(1).randbytes, **settings)


def say(core: Publisher, request: VideoRequest, now: float = 0.0, viewer: str = "ann") -> None:
    core.receive_message(viewer, encode_video(request), now)


def offer_of(core: Publisher) -> Offer:
    answer = decode_answer(core.messages_to_send()[-1][2])
    assert isinstance(answer, Offer)
    return answer


def events(core: Publisher) -> list[object]:
    found = []
    while (event := core.next_event()) is not None:
        found.append(event)
    return found


def frame(frame_id: int, size: int = 9 * 1144, rung: int = 0, *, is_key: bool = True) -> Frame:
    codec = StreamCodec.JPEG if is_key else StreamCodec.H264
    return Frame(frame_id, codec, is_key, 0, bytes(size), rung)


def sent(core: Publisher, now: float = 0.0) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for packets, viewers in core.bursts_to_send(now):
        for viewer in viewers:
            found.setdefault(str(viewer), []).extend(packets)
    return found


@pytest.mark.parametrize(("at_us", "answers"), [(0, []), (5, [Echo(5)])])
def test_a_report_is_echoed_when_it_says_its_time(at_us: int, answers: list[Echo]) -> None:
    core = publisher()
    say(core, Subscribe())
    core.messages_to_send()
    say(core, msgspec.structs.replace(QUIET, at_us=at_us))
    assert [decode_answer(payload) for _, _, payload in core.messages_to_send()] == answers


def test_all_viewers_of_a_rung_are_sent_the_same_bytes() -> None:
    core = publisher()
    for viewer in ("ann", "bob"):
        say(core, Subscribe(), viewer=viewer)
    core.publish(frame(0), 0.0)
    packets = sent(core)
    assert len(packets["ann"]) == 9
    assert all(one is other for one, other in zip(packets["ann"], packets["bob"], strict=True))
    assert {len(packet) for packet in packets["ann"]} == {1200}


def test_each_viewer_is_sent_as_much_parity_as_its_own_loss_calls_for() -> None:
    core = publisher()
    for viewer in ("ann", "bob"):
        say(core, Subscribe(), viewer=viewer)
    for tick in range(20):
        say(core, Report(100_000, 30_000, 27, 2, 0, 0, 0), tick / 10, "bob")
    core.publish(frame(0), 2.0)
    packets = sent(core, 2.0)
    assert len(packets["ann"]) == 9
    assert len(packets["bob"]) > 10
    assert packets["bob"][:9] == packets["ann"]


def test_what_is_sent_again_is_the_same_packet() -> None:
    core = publisher()
    say(core, Subscribe())
    stream_id = offer_of(core).rungs[0].stream_id
    core.publish(frame(0), 0.0)
    first = sent(core)["ann"]
    say(core, Nack(stream_id, [2, 5, 99_999]))
    assert sent(core)["ann"] == [first[2], first[5]]


def test_a_viewer_that_asks_for_everything_again_is_not_sent_everything() -> None:
    core = publisher()
    say(core, Subscribe())
    stream_id = offer_of(core).rungs[0].stream_id
    for frame_id in range(30):
        core.publish(frame(frame_id), frame_id / FPS)
    sent(core, 1.0)
    for _ in range(100):
        say(core, Nack(stream_id, list(range(256))), 1.0)
    assert len(sent(core, 1.0)["ann"]) <= 128


def test_no_number_is_used_twice_and_all_open_with_what_was_offered() -> None:
    core = publisher()
    say(core, Subscribe())
    rung = offer_of(core).rungs[0]
    opener = StreamOpener(rung.secret, rung.epoch)
    for frame_id in range(5):
        core.publish(frame(frame_id), frame_id / FPS)
    numbers = [opener.open(packet)[0] for packet in sent(core, 1.0)["ann"]]
    assert numbers == list(range(45))


def test_a_new_epoch_is_offered_to_all() -> None:
    core = publisher()
    say(core, Subscribe())
    core.messages_to_send()
    core._rungs[0]._sealer.next_number = (1 << EPOCH_BITS) - 4
    core.publish(frame(0), 0.0)
    rung = offer_of(core).rungs[0]
    assert rung.epoch == 1
    StreamOpener(rung.secret, rung.epoch).open(sent(core)["ann"][-1])


def test_a_rung_is_wanted_while_somebody_watches_it() -> None:
    core = publisher(LADDER)
    say(core, Subscribe(max_height=240))
    say(core, Subscribe(), viewer="bob")
    assert core.wanted_rungs == {0, 1}
    say(core, Unsubscribe(), viewer="bob")
    assert core.wanted_rungs == {0}
    core.remove_viewer("ann")
    assert core.wanted_rungs == frozenset()
    kinds = [type(event) for event in events(core)]
    assert kinds.count(ViewerJoined) == kinds.count(ViewerLeft) == 2
    assert kinds.count(RungsWanted) == 4


def test_a_viewer_begins_with_a_key_frame_which_is_asked_for() -> None:
    core = publisher(LADDER)
    say(core, Subscribe())
    assert KeyFrameNeeded(1) in events(core)
    core.publish(frame(0, rung=1, is_key=False), 0.0)
    assert sent(core) == {}
    core.publish(Frame(1, StreamCodec.H264, True, 0, bytes(100), 1), 0.03)
    core.publish(frame(2, rung=1, is_key=False), 0.06)
    assert len(sent(core, 0.1)["ann"]) > 1


def test_many_requests_for_a_key_frame_make_one() -> None:
    core = publisher(LADDER)
    say(core, Subscribe())
    stream_id = offer_of(core).rungs[1].stream_id
    core.publish(Frame(0, StreamCodec.H264, True, 0, bytes(100), 1), 0.0)
    events(core)
    for tick in range(10):
        say(core, KeyFrameWanted(stream_id), 1.0 + tick / 1000)
    assert events(core) == [KeyFrameNeeded(1)]


def test_who_asks_for_key_frames_without_end_gets_one_a_second() -> None:
    core = publisher(LADDER)
    say(core, Subscribe())
    stream_id = offer_of(core).rungs[1].stream_id
    core.publish(Frame(0, StreamCodec.H264, True, 0, bytes(100), 1), 0.0)
    events(core)
    for tick in range(600):
        say(core, KeyFrameWanted(stream_id), 1.0 + tick * 0.1)
    asked = len(events(core))
    assert 60 <= asked <= 8 + 61, "all viewers of the rung pay for them"


def test_requests_without_end_are_not_all_looked_at() -> None:
    core = publisher()
    say(core, Subscribe())
    stream_id = offer_of(core).rungs[0].stream_id
    core.publish(frame(0), 0.0)
    packets = len(sent(core)["ann"])
    looked_at = 0
    for tick in range(10_000):
        now = 1.0 + tick / 10_000
        before = core.subscription("ann")
        assert before is not None
        heard_at = before.heard_at
        say(core, Nack(stream_id, list(range(packets))), now)
        looked_at += before.heard_at != heard_at
    assert looked_at <= 400 + 401
    assert len(sent(core, 2.0)["ann"]) <= 128 + 150, "and what is looked at is answered within its bounds"


def test_a_request_that_comes_twice_is_answered_once() -> None:
    core = publisher()
    say(core, Subscribe())
    stream_id = offer_of(core).rungs[0].stream_id
    core.publish(frame(0), 0.0)
    sent(core)
    for at in (1.0, 1.001, 1.030):
        say(core, Nack(stream_id, [2, 3]), at)
    assert len(sent(core, 2.0)["ann"]) == 4


def test_nothing_is_sent_again_before_it_has_left() -> None:
    core = publisher()
    say(core, Subscribe())
    stream_id = offer_of(core).rungs[0].stream_id
    core.publish(frame(0, 60 * 1144), 0.0)
    at_once = len(sent(core)["ann"])
    say(core, Nack(stream_id, [0, 59]), 0.0)
    assert len(sent(core)["ann"]) == 1, "the last one comes by itself"
    assert at_once < 60


def test_a_subscribe_that_is_said_again_and_again_is_answered_once_a_second() -> None:
    core = publisher()
    for tick in range(100):
        say(core, Subscribe(), tick / 100)
    assert len(core.messages_to_send()) <= 5


def test_who_comes_just_after_a_key_frame_is_given_one_of_its_own() -> None:
    core = publisher(LADDER)
    say(core, Subscribe())
    core.publish(Frame(0, StreamCodec.H264, True, 0, bytes(100), 1), 0.03)
    events(core)
    say(core, Subscribe(), 0.1, viewer="bob")
    assert KeyFrameNeeded(1) not in events(core)
    deadline = core.next_deadline()
    assert deadline is not None
    assert deadline <= 0.3
    core.handle_timer(deadline)
    assert events(core) == [KeyFrameNeeded(1)]
    core.publish(Frame(1, StreamCodec.H264, True, 0, bytes(100), 1), deadline)
    assert "bob" in sent(core, deadline)
    core.handle_timer(10 * deadline)
    assert events(core) == []


def test_the_smaller_rung_is_sent_until_the_larger_one_has_a_beginning() -> None:
    core = publisher(LADDER)
    say(core, Subscribe(max_height=240))
    core.publish(Frame(0, StreamCodec.H264, True, 0, bytes(100), 0), 0.0)
    sent(core)
    say(core, Subscribe(), 0.5)
    core.subscription("ann").choice.rung = 1  # type: ignore[union-attr]
    say(core, QUIET, 0.5)
    assert core.wanted_rungs == {0, 1}
    core.publish(frame(1, 100, 0, is_key=False), 0.5)
    assert len(sent(core, 0.5)["ann"]) == 1
    core.publish(Frame(2, StreamCodec.H264, True, 0, bytes(100), 1), 0.6)
    assert core.wanted_rungs == {1}
    core.publish(frame(3, 100, 0, is_key=False), 0.7)
    assert len(sent(core, 0.7)["ann"]) == 1


def test_on_the_way_down_a_full_link_drains_before_it_is_sent_the_key_frame_of_the_smaller_rung() -> None:
    core = publisher(LADDER)
    say(core, Subscribe())
    core.publish(Frame(0, StreamCodec.H264, True, 0, bytes(100), 1), 0.0)
    sent(core)
    say(core, Report(100_000, 5_000, 27, 0, 0, 80_000, 80_000), 0.5)
    assert core.wanted_rungs == frozenset()
    events(core)
    core.publish(frame(1, 100, 1, is_key=False), 0.5)
    core.publish(Frame(1, StreamCodec.H264, True, 0, bytes(100), 0), 0.51)  # somebody else's
    assert sent(core, 0.51) == {}
    core.handle_timer(0.57)
    assert events(core) == []
    core.handle_timer(0.58)
    assert events(core) == [KeyFrameNeeded(0), RungsWanted(frozenset({0}))]
    core.publish(Frame(2, StreamCodec.H264, True, 0, bytes(100), 0), 0.6)
    assert len(sent(core, 0.6)["ann"]) == 1


def test_a_link_is_let_drain_as_long_as_what_was_sent_and_is_not_there_takes() -> None:
    core = publisher(LADDER)
    say(core, Subscribe())
    core.publish(Frame(0, StreamCodec.H264, True, 0, bytes(15_000), 1), 0.0)
    say(core, Report(100_000, 10_000, 27, 0, 0, 30_000, 30_000), 0.1)
    # 30 ms is the least of it; with all that was sent under way, over 50.
    assert 0.135 < core.subscription("ann").rests_until < 0.15  # type: ignore[union-attr]


def test_a_trial_repeats_no_packet_before_it_has_left() -> None:
    core = publisher([JPEG[0], JPEG[0]])
    say(core, Subscribe())
    subscription = core.subscription("ann")
    assert subscription is not None
    subscription.choice.rung = 0
    say(core, QUIET, 0.1)
    subscription.choice.trial_bits_per_s = 100_000_000.0
    core.publish(frame(0, size=100 * 1144), 0.2)
    seen: set[bytes] = set()
    now, repeats = 0.2, 0
    while now < 0.3:
        for packets, _ in core.bursts_to_send(now):
            repeats += len(seen & set(packets))
            assert not repeats or set(packets) <= seen
            seen |= set(packets)
        now += 0.001
    assert repeats > 100


def test_pictures_that_stand_alone_need_no_rest() -> None:
    core = publisher([JPEG[0], JPEG[0]])
    say(core, Subscribe())
    core.publish(frame(0, rung=1), 0.0)
    say(core, Report(100_000, 5_000, 27, 0, 0, 80_000, 80_000), 0.5)
    assert 0 in core.wanted_rungs


def test_a_viewer_that_is_silent_is_sent_nothing_until_it_speaks_again() -> None:
    core = publisher()
    say(core, Subscribe())
    core.publish(frame(0), 0.0)
    sent(core)
    core.handle_timer(3.1)
    assert core.wanted_rungs == frozenset()
    core.publish(frame(1), 3.2)
    assert sent(core, 3.2) == {}
    say(core, QUIET, 5.0)
    core.publish(frame(2), 5.0)
    assert len(sent(core, 5.0)["ann"]) == 9


def test_requests_of_somebody_who_did_not_subscribe_do_nothing() -> None:
    core = publisher()
    say(core, QUIET)
    say(core, Nack(b"\x80" * 8, [1]))
    core.publish(frame(0), 0.0)
    assert (sent(core), core.messages_to_send(), core.viewers) == ({}, [], [])


@pytest.mark.parametrize("garbage", [b"", b"\xc1", b"\x81\xa4type\xa5offer", b"x"])
def test_garbage_raises_only_what_is_documented(garbage: bytes) -> None:
    with pytest.raises(MalformedPacket):
        publisher().receive_message("ann", garbage, 0.0)


def test_sound_goes_to_those_who_want_it() -> None:
    audio = StreamPlan(StreamCodec.OPUS, bits_per_s=64_000)
    core = Publisher(JPEG, fps=FPS, entropy=random.Random(1).randbytes, audio=audio)
    say(core, Subscribe())
    say(core, Subscribe(wants_audio=False), viewer="bob")
    core.publish_audio(Frame(0, StreamCodec.OPUS, True, 0, bytes(160)), 0.0)
    assert list(sent(core)) == ["ann"]


def test_a_frame_that_is_too_large_is_refused_and_does_not_hold_up_the_next() -> None:
    core = publisher()
    say(core, Subscribe())
    core.publish(frame(0), 0.0)
    sent(core)
    with pytest.raises(MessageTooLarge):
        core.publish(frame(1, size=5_000_000), 1 / FPS)
    core.publish(frame(2, size=60 * 1144), 2 / FPS)
    assert sent(core, 2 / FPS)["ann"], "the first slice leaves at once"


def test_nobody_is_let_in_by_a_key_frame_that_is_too_large() -> None:
    core = publisher(LADDER)
    say(core, Subscribe())
    with pytest.raises(MessageTooLarge):
        core.publish(Frame(0, StreamCodec.H264, True, 0, bytes(5_000_000), 1), 0.0)
    core.publish(frame(1, rung=1, is_key=False), 0.1)
    assert sent(core, 0.1) == {}
    events(core)
    core.handle_timer(0.3)
    assert events(core) == [KeyFrameNeeded(1)]


def test_on_a_full_link_sound_is_repaired_and_pictures_are_not() -> None:
    audio = StreamPlan(StreamCodec.OPUS, bits_per_s=64_000)
    core = Publisher(JPEG, fps=FPS, entropy=random.Random(1).randbytes, audio=audio)
    say(core, Subscribe())
    offer = offer_of(core)
    assert offer.audio is not None
    core.publish(frame(0), 0.0)
    core.publish_audio(Frame(0, StreamCodec.OPUS, True, 0, bytes(160)), 0.0)
    sent(core, 0.2)
    say(core, Report(100_000, 30_000, 27, 0, 0, queue_us=100_000, trend_us=0), now=0.2)
    say(core, Nack(offer.rungs[0].stream_id, [0]), now=0.2)
    assert sent(core, 0.2) == {}
    say(core, Nack(offer.audio.stream_id, [0]), now=0.2)
    assert [packet[:8] for packet in sent(core, 0.2)["ann"]] == [offer.audio.stream_id]


def test_sound_is_sent_twice_a_little_apart_to_who_loses_and_once_to_who_does_not() -> None:
    audio = StreamPlan(StreamCodec.OPUS, bits_per_s=64_000)
    core = Publisher(JPEG, fps=FPS, entropy=random.Random(1).randbytes, audio=audio)
    for viewer in ("ann", "bob"):
        say(core, Subscribe(), viewer=viewer)
    for tenth in range(20):
        say(core, Report(100_000, 30_000, 100, 10, 0, 0, 0), now=tenth / 10)
    core.publish_audio(Frame(0, StreamCodec.OPUS, True, 0, bytes(160)), 2.0)
    first = sent(core, 2.0)
    assert {viewer: len(packets) for viewer, packets in first.items()} == {"ann": 1, "bob": 1}
    assert {viewer: len(packets) for viewer, packets in sent(core, 2.016).items()} == {"ann": 1}
