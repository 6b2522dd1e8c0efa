from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import MalformedPacket
from lanline.proto.rtsp.rtp import Medium, RtpPacketiser, nal_units
from lanline.proto.rtsp.session import MAX_QUEUED_BYTES, MAX_REQUEST_BYTES, PLAYS_WITHIN_S, RtspSession, State

KEY = b"\0\0\0\1\x67abc\0\0\0\1\x68d\0\0\1\x65" + bytes(range(1, 251)) * 20


def session(*media: Medium) -> RtspSession:
    media = media or (Medium.H264,)
    return RtspSession("abc", [RtpPacketiser(medium, 7, 100) for medium in media], 0.0)


def ask(made: RtspSession, method: str, *headers: str, url: str = "rtsp://h/") -> str:
    lines = [f"{method} {url} RTSP/1.0", "CSeq: 3", *headers]
    made.receive_bytes("\r\n".join(lines).encode() + b"\r\n\r\n")
    return made.bytes_to_send().decode()


def playing() -> RtspSession:
    made = session()
    ask(made, "SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=2-3", url="rtsp://h/track1")
    ask(made, "PLAY")
    return made


def test_a_player_is_described_the_stream_and_is_sent_it_in_its_connection() -> None:
    made = session()
    assert "Public: OPTIONS, DESCRIBE" in ask(made, "OPTIONS")
    described = ask(made, "DESCRIBE")
    assert "Content-Base: rtsp://h/\r\n" in described
    assert "a=rtpmap:96 H264/90000" in described
    assert "461 Unsupported Transport" in ask(made, "SETUP", "Transport: RTP/AVP;unicast;client_port=5-6")
    assert "interleaved=2-3" in ask(made, "SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=2-3")
    assert "Session: abc" in ask(made, "PLAY")
    made.send_frame(KEY, 1_000_000, is_key=True, queued_bytes=0)
    out = made.bytes_to_send()
    report, sent = out[:32], out[32:]
    assert (report[:2], report[4:6], report[12:16]) == (b"$\x03", bytes([0x80, 200]), (1).to_bytes(4, "big"))
    assert report[20:24] == (90_000).to_bytes(4, "big"), "this moment by the clock of the picture"
    assert sent[:2] == b"$\x02"
    assert sent[4:6] == bytes([0x80, 96])
    assert sent[6:16] == (100).to_bytes(2, "big") + (90_000).to_bytes(4, "big") + (7).to_bytes(4, "big")
    assert "200 OK" in ask(made, "TEARDOWN")
    assert made.state is State.CLOSED


def test_sound_is_a_track_of_its_own_where_there_is_some() -> None:
    made = session(Medium.H264, Medium.OPUS)
    assert "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2" in ask(made, "DESCRIBE")
    ask(made, "SETUP", "Transport: RTP/AVP/TCP;interleaved=0-1", url="rtsp://h/track96")
    assert "interleaved=4-5" in ask(made, "SETUP", "Transport: RTP/AVP/TCP;interleaved=4-5", url="rtsp://h/track97")
    ask(made, "PLAY")
    made.send_sound(b"opus", 2_000_000, queued_bytes=0)
    out = made.bytes_to_send()
    assert (out[:2], out[32:34]) == (b"$\x05", b"$\x04")
    assert out[36:].startswith(bytes([0x80, 97]) + (100).to_bytes(2, "big") + (96_000).to_bytes(4, "big"))
    assert out.endswith(b"opus")
    made.send_sound(b"opus", 2_020_000, queued_bytes=MAX_QUEUED_BYTES + 1)
    assert made.bytes_to_send() == b"", "nor is the report repeated"


def test_who_wants_no_sound_is_sent_none_and_there_is_none_where_there_is_none() -> None:
    made = session(Medium.H264, Medium.OPUS)
    ask(made, "SETUP", "Transport: RTP/AVP/TCP;interleaved=0-1", url="rtsp://h/track96")
    ask(made, "PLAY")
    made.send_sound(b"opus", 0, queued_bytes=0)
    assert made.bytes_to_send() == b""
    assert "audio" not in ask(session(), "DESCRIBE")
    assert "404" in ask(session(), "SETUP", "Transport: RTP/AVP/TCP;interleaved=0-1", url="rtsp://h/track97")


def test_a_large_unit_is_cut_and_can_be_put_together() -> None:
    packets = RtpPacketiser(Medium.H264, 7, 0).packetise(KEY, 0)
    units = nal_units(KEY)
    assert [packet[12:] for packet in packets[:2]] == units[:2]
    fragments = [packet[12:] for packet in packets[2:]]
    assert [fragment[1] & 0xC0 for fragment in fragments] == [0x80, *[0] * (len(fragments) - 2), 0x40]
    first = fragments[0]
    assert bytes([first[0] & 0xE0 | first[1] & 0x1F]) + b"".join(each[2:] for each in fragments) == units[2]
    assert [packet[1] >> 7 for packet in packets] == [*[0] * (len(packets) - 1), 1]


def test_a_player_begins_with_a_key_frame_and_a_slow_one_waits_for_another() -> None:
    made = playing()
    assert made.needs_key
    made.send_frame(b"\0\0\1\x41x", 0, is_key=False, queued_bytes=0)
    assert made.bytes_to_send() == b""
    made.send_frame(KEY, 0, is_key=True, queued_bytes=0)
    assert made.bytes_to_send()
    made.send_frame(b"\0\0\1\x41x", 0, is_key=False, queued_bytes=MAX_QUEUED_BYTES + 1)
    made.send_frame(b"\0\0\1\x41x", 0, is_key=False, queued_bytes=0)
    assert made.bytes_to_send() == b""
    assert made.needs_key


def test_who_does_not_play_in_time_is_closed() -> None:
    made = session()
    made.handle_timer(PLAYS_WITHIN_S)
    assert made.state is State.CLOSED
    assert playing().next_deadline() is None


def test_reports_of_a_player_are_passed_over_and_a_request_may_come_in_pieces() -> None:
    made = session()
    for byte in b"$\x01\x00\x03abcOPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n":
        made.receive_bytes(bytes([byte]))
    assert "CSeq: 9" in made.bytes_to_send().decode()


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b"x" * (MAX_REQUEST_BYTES + 1), b"PLAY x RTSP/1.0\r\nContent-Length: 99999\r\n\r\n"],
)
def test_what_is_no_player_is_hung_up_on(data: bytes) -> None:
    with pytest.raises(MalformedPacket):
        session().receive_bytes(data)


@given(st.lists(st.binary(max_size=200)))
def test_garbage_raises_only_what_is_documented(pieces: list[bytes]) -> None:
    made = session()
    for piece in pieces:
        try:
            made.receive_bytes(piece)
        except MalformedPacket:
            return
