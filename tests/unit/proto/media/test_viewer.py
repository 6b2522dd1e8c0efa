"""The viewer alone, opposite a publisher whose packets a test holds back as it likes."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from lanline.errors import MalformedPacket
from lanline.proto.channels import Channel
from lanline.proto.media.frame import Frame
from lanline.proto.media.outgoingstream import StreamPlan
from lanline.proto.media.publisher import Publisher
from lanline.proto.media.viewer import (
    MOST_STREAMS,
    BroadcastEnded,
    FrameArrived,
    StreamOffered,
    Viewer,
    WatchRefused,
)
from lanline.wire.video import (
    Ended,
    KeyFrameWanted,
    Nack,
    Offer,
    Refused,
    Report,
    StreamCodec,
    StreamOffer,
    Subscribe,
    VideoRequest,
    decode_request,
    encode_video,
)

FPS = 30.0
ONE_WAY_S = 0.010


class Pair:
    def __init__(self, codec: StreamCodec = StreamCodec.JPEG) -> None:
        self.codec = codec
        plan = StreamPlan(codec, 1280, 720, 2_500_000)
        self.publisher = Publisher([plan], fps=FPS, entropy=random.Random(1).randbytes)
        self.viewer = Viewer()
        self.viewer.subscribe(0.0)
        self.relay_requests(ONE_WAY_S)
        self.answer(2 * ONE_WAY_S)
        self.said: list[VideoRequest] = []

    def relay_requests(self, now: float) -> list[VideoRequest]:
        requests = []
        for _, payload in self.viewer.messages_to_send():
            requests.append(decode_request(payload))
            self.publisher.receive_message("ann", payload, now)
        return requests

    def answer(self, now: float) -> None:
        for _, _, payload in self.publisher.messages_to_send():
            self.viewer.receive_message(payload, now)

    def packets(self, frame_id: int, *, is_key: bool = True) -> list[bytes]:
        now = frame_id / FPS
        frame = Frame(frame_id, self.codec, is_key, frame_id * 33_333, bytes([frame_id % 256]) * 10_000)
        self.publisher.publish(frame, now)
        return [packet for packets, _ in self.publisher.bursts_to_send(now + 0.02) for packet in packets]

    def arrive(self, packets: list[bytes], now: float) -> list[int]:
        for packet in packets:
            self.viewer.receive_packet(packet, now)
        return self.frames()

    def frames(self) -> list[int]:
        found = []
        while (event := self.viewer.next_event()) is not None:
            if isinstance(event, FrameArrived):
                found.append(event.frame.frame_id)
        return found

    def wait_until(self, now: float) -> list[VideoRequest]:
        """Let the viewer's timers ring; return what it has to say."""
        while (deadline := self.viewer.next_deadline()) is not None and deadline <= now:
            self.viewer.handle_timer(deadline)
        self.said += [decode_request(payload) for _, payload in self.viewer.messages_to_send()]
        return self.said


def test_subscribing_is_answered_by_an_offer_and_measures_the_round_trip() -> None:
    pair = Pair()
    assert isinstance(pair.viewer.next_event(), StreamOffered)
    assert pair.viewer.round_trip_s == pytest.approx(0.02)


def reports_of(pair: Pair, first: int, count: int, lost: int = 0) -> list[Report]:
    """What it reports while so many frames arrive, each without its first packets, and all is answered."""
    reports: list[Report] = []
    for frame_id in range(first, first + count):
        pair.arrive(pair.packets(frame_id)[lost:], frame_id / FPS + ONE_WAY_S)
        pair.viewer.handle_timer(frame_id / FPS + ONE_WAY_S)
        now = frame_id / FPS + 2 * ONE_WAY_S
        reports += [said for said in pair.relay_requests(now) if isinstance(said, Report)]
        pair.answer(now + ONE_WAY_S)
    return reports


def test_while_all_is_quiet_it_wants_to_know_the_round_trip_each_five_seconds_only() -> None:
    pair = Pair()
    reports = reports_of(pair, 0, 20 * int(FPS))
    wanted = [report.at_us for report in reports if report.at_us > 6e6]
    assert len(reports) > 35
    assert 2 <= len(wanted) <= 3
    assert all(later - earlier <= 6e6 for earlier, later in pairwise(wanted))


def test_where_packets_are_lost_each_report_asks_for_the_round_trip() -> None:
    pair = Pair()
    reports_of(pair, 0, 60)
    news = [report for report in reports_of(pair, 60, 60, lost=1) if report.lost_before_repair]
    assert news
    assert all(report.at_us for report in news)


def test_what_is_to_be_reliable_goes_over_chat_and_the_rest_over_media() -> None:
    pair = Pair()
    pair.viewer.subscribe(1.0, Subscribe(max_height=240))
    pair.viewer.request_key(1.0)
    kinds = [(channel, type(decode_request(payload))) for channel, payload in pair.viewer.messages_to_send()]
    assert kinds == [(Channel.CHAT, Subscribe)]


def test_a_frame_is_shown_when_its_last_packet_is_there() -> None:
    pair = Pair()
    packets = pair.packets(0)
    assert pair.arrive(packets[:-1], 0.010) == []
    assert pair.arrive(packets[-1:], 0.011) == [0]


def test_a_lost_packet_is_asked_for_and_its_repair_completes_the_frame() -> None:
    pair = Pair()
    packets = pair.packets(0)
    pair.arrive(packets[:3] + packets[4:], 0.010)
    nacks = [said for said in pair.wait_until(0.020) if isinstance(said, Nack)]
    assert [nack.numbers for nack in nacks] == [[3]]
    pair.publisher.receive_message("ann", encode_video(nacks[0]), 0.025)
    repair = [packet for burst, _ in pair.publisher.bursts_to_send(0.025) for packet in burst]
    assert pair.arrive(repair, 0.035) == [0]


def test_a_frame_that_is_not_repaired_in_time_makes_way_for_the_next() -> None:
    pair = Pair()
    first, second = pair.packets(0), pair.packets(1)
    pair.arrive(first[1:], 0.010)
    assert pair.arrive(second, 0.044) == []
    pair.wait_until(0.2)
    assert pair.frames() == [1]


def test_what_was_sealed_by_nobody_is_dropped() -> None:
    pair = Pair()
    packet = bytearray(pair.packets(0)[0])
    packet[40] ^= 1
    assert pair.arrive([bytes(packet), b"", b"\x80" * 40, bytes(packet[:8])], 0.01) == []
    assert pair.viewer.statistics.received_bytes == 0


def test_a_packet_that_comes_twice_shows_nothing_twice() -> None:
    pair = Pair()
    packets = pair.packets(0)
    assert pair.arrive(packets + packets, 0.01) == [0]


def test_packets_that_somebody_kept_and_sends_again_show_nothing_and_are_not_taken_for_a_slow_path() -> None:
    pair = Pair()
    kept = [packet for frame_id in range(3) for packet in pair.packets(frame_id)]
    pair.arrive(kept, 0.1)
    for frame_id in range(3, 600):
        now = frame_id / FPS + ONE_WAY_S
        assert pair.arrive(pair.packets(frame_id), now) == [frame_id]
        assert pair.arrive(kept, now) == []
        pair.viewer.handle_timer(now)
        pair.relay_requests(now)
    assert pair.viewer.statistics.queue_s < 0.001
    assert pair.viewer.statistics.lost_before_repair == 0
    assert pair.viewer.statistics.frames == 600


def test_a_second_copy_of_the_newest_packet_is_not_taken_for_a_slow_one() -> None:
    pair = Pair()
    newest = pair.packets(0)
    pair.arrive(newest, ONE_WAY_S)
    pair.viewer.handle_timer(0.15)
    pair.relay_requests(0.15)
    for late_s in (0.2, 0.22, 0.24):
        pair.arrive(newest[-1:], late_s)
    pair.viewer.handle_timer(0.25)
    assert pair.viewer.statistics.queue_s < 0.001


def test_a_hole_in_dependent_frames_leads_to_a_wish_for_a_key_frame() -> None:
    pair = Pair(StreamCodec.H264)
    assert pair.arrive(pair.packets(0), 0.010) == [0]
    pair.packets(1, is_key=False)
    pair.arrive(pair.packets(2, is_key=False), 0.077)
    said = pair.wait_until(1.0)
    assert any(isinstance(request, KeyFrameWanted) for request in said)
    assert pair.frames() == []


def test_reports_tell_of_loss() -> None:
    pair = Pair()
    # The last one is still waited for, as long as nothing newer has come.
    for frame_id in range(11):
        packets = pair.packets(frame_id)
        pair.arrive(packets[1:], frame_id / FPS + ONE_WAY_S)
        pair.wait_until((frame_id + 1) / FPS)
    pair.wait_until(1.0)
    reports = [said for said in pair.said if isinstance(said, Report)]
    assert sum(report.lost_before_repair for report in reports) == 10
    assert sum(report.lost_after_repair for report in reports) == 10
    assert sum(report.chunks for report in reports) == 90


def test_an_end_and_a_refusal_are_told() -> None:
    viewer = Viewer()
    viewer.receive_message(encode_video(Refused("full")), 0.0)
    viewer.receive_message(encode_video(Ended()), 0.0)
    assert viewer.next_event() == WatchRefused("full")
    assert viewer.next_event() == BroadcastEnded()
    assert viewer.next_event() is None


def test_garbage_raises_only_what_is_documented() -> None:
    with pytest.raises(MalformedPacket):
        Viewer().receive_message(b"\xc1", 0.0)


def test_a_publisher_cannot_offer_ever_more_streams() -> None:
    viewer = Viewer()
    offers = [
        encode_video(Offer(FPS, [StreamOffer(bytes([number]) * 8, bytes(32), 0, StreamCodec.JPEG)]))
        for number in range(MOST_STREAMS + 1)
    ]
    for offer in offers[:-1]:
        viewer.receive_message(offer, 0.0)
    with pytest.raises(MalformedPacket, match="ever more"):
        viewer.receive_message(offers[-1], 0.0)
    assert len(viewer.stream_ids) == MOST_STREAMS
