"""One connection of a media player, without I/O: RTSP 1.0 (RFC 2326) with a track of H.264, and one of Opus where there
is sound, which travel in the same connection (section 10.12). A player that asks for UDP is told so, and asks again.

In: bytes, frames, the time. Out: bytes, and whether it plays. Bounded, whatever a player sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from struct import Struct

from lanline.errors import MalformedPacket
from lanline.proto.rtsp.rtp import Medium, RtpPacketiser

MAX_REQUEST_BYTES = 8192
PLAYS_WITHIN_S = 15.0
"""A player that has not begun by then is none."""
SESSION_TIMEOUT_S = 60
MAX_QUEUED_BYTES = 2 * 1024 * 1024
_INTERLEAVED = Struct("!cBH")
_CHANNEL = re.compile(r"interleaved=(\d{1,3})-\d{1,3}")
_REPORT_EVERY_US = 5_000_000
_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"
_SENTENCES = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    501: "Not Implemented",
}


class State(Enum):
    INIT = "nothing was asked for"
    READY = "it has a transport"
    PLAYING = "it is sent the picture"
    CLOSED = "it is over"


_MAY_FOLLOW = {
    State.INIT: {State.READY, State.CLOSED},
    State.READY: {State.PLAYING, State.CLOSED},
    State.PLAYING: {State.PLAYING, State.CLOSED},
    State.CLOSED: {State.CLOSED},
}


class _Track:
    """One medium as this player is sent it."""

    def __init__(self, packetiser: RtpPacketiser) -> None:
        self.packetiser = packetiser
        self.channel: int | None = None
        """None: the player did not ask for it."""
        self._report_due_us: int | None = None

    def packets(self, payload: bytes, captured_at_us: int) -> bytes:
        assert self.channel is not None
        framed = []
        if self._report_due_us is None or captured_at_us >= self._report_due_us:
            self._report_due_us = captured_at_us + _REPORT_EVERY_US
            framed.append(_interleaved(self.channel + 1, self.packetiser.sender_report(captured_at_us)))
        framed += [_interleaved(self.channel, packet) for packet in self.packetiser.packetise(payload, captured_at_us)]
        return b"".join(framed)


def _interleaved(channel: int, packet: bytes) -> bytes:
    return _INTERLEAVED.pack(b"$", channel, len(packet)) + packet


class RtspSession:
    def __init__(self, session_id: str, packetisers: Sequence[RtpPacketiser], now: float) -> None:
        """One for each track: the picture, and the sound where there is some."""
        self.state = State.INIT
        self._id = session_id
        self._tracks = {each.medium: _Track(each) for each in packetisers}
        self._begun_at = now
        self._unread = b""
        self._out: list[bytes] = []
        self._has_key = False

    # In.

    def receive_bytes(self, data: bytes) -> None:
        """Raises MalformedPacket for what is no RTSP; the connection is then to be closed."""
        self._unread += data
        while self.state is not State.CLOSED and self._unread:
            if self._unread[:1] == b"$":  # what a player reports of its reception
                if len(self._unread) < _INTERLEAVED.size:
                    return
                _, _, size = _INTERLEAVED.unpack_from(self._unread)
                if len(self._unread) < _INTERLEAVED.size + size:
                    return
                self._unread = self._unread[_INTERLEAVED.size + size :]
                continue
            head, end, rest = self._unread.partition(b"\r\n\r\n")
            if not end:
                if len(self._unread) > MAX_REQUEST_BYTES:
                    raise MalformedPacket("a request of a player has no end")
                return
            size = self._on_request(head.decode("utf-8", "replace"), len(rest))
            if size is None:
                return
            self._unread = rest[size:]

    def _on_request(self, head: str, available: int) -> int | None:
        """How much body belongs to it; None while that is not there."""
        first, *lines = head.split("\r\n")
        words = first.split(" ")
        if len(words) != 3 or words[2] != "RTSP/1.0":
            raise MalformedPacket("a request of a player cannot be read")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_REQUEST_BYTES:
            raise MalformedPacket("a request of a player is too long")
        if int(length) > available:
            return None
        self._answer(words[0], words[1], headers)
        return int(length)

    def _enter(self, state: State) -> None:
        assert state in _MAY_FOLLOW[self.state], f"{self.state} -> {state}"
        self.state = state

    def _answer(self, method: str, url: str, headers: dict[str, str]) -> None:
        sequence = headers.get("cseq", "0")
        if not sequence.isdecimal():
            raise MalformedPacket("a request of a player has no number")
        match method:
            case "OPTIONS":
                self._reply(sequence, 200, f"Public: {_METHODS}\r\n")
            case "DESCRIBE":
                base = url if url.endswith("/") else url + "/"
                body = _description(self._tracks)
                self._reply(sequence, 200, f"Content-Base: {base}\r\nContent-Type: application/sdp\r\n", body.encode())
            case "SETUP":
                self._set_up(sequence, url, headers.get("transport", ""))
            case "PLAY" if self.state in {State.READY, State.PLAYING}:
                self._enter(State.PLAYING)
                self._reply(sequence, 200, self._session_line() + "Range: npt=now-\r\n")
            case "GET_PARAMETER" | "SET_PARAMETER":
                self._reply(sequence, 200, self._session_line())
            case "TEARDOWN":
                self._reply(sequence, 200, self._session_line())
                self._enter(State.CLOSED)
            case "PLAY":
                self._reply(sequence, 455)
            case _:
                self._reply(sequence, 501)

    def _set_up(self, sequence: str, url: str, transport: str) -> None:
        if "RTP/AVP/TCP" not in transport:
            self._reply(sequence, 461)
            return
        medium = Medium.OPUS if url.endswith(_control(Medium.OPUS)) else Medium.H264
        if medium not in self._tracks:
            self._reply(sequence, 404)
            return
        found = _CHANNEL.search(transport)
        channel = int(found[1]) & 0xFE if found else 2 * list(self._tracks).index(medium)
        self._tracks[medium].channel = channel
        if self.state is State.INIT:
            self._enter(State.READY)
        channels = f"{channel}-{channel + 1}"
        self._reply(sequence, 200, f"Transport: RTP/AVP/TCP;unicast;interleaved={channels}\r\n" + self._session_line())

    def _session_line(self) -> str:
        return f"Session: {self._id};timeout={SESSION_TIMEOUT_S}\r\n"

    def _reply(self, sequence: str, code: int, headers: str = "", body: bytes = b"") -> None:
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"RTSP/1.0 {code} {_SENTENCES[code]}\r\nCSeq: {sequence}\r\n{headers}{length}\r\n"
        self._out.append(head.encode() + body)

    # Frames.

    @property
    def needs_key(self) -> bool:
        return self.state is State.PLAYING and not self._has_key

    def send_frame(self, payload: bytes, captured_at_us: int, *, is_key: bool, queued_bytes: int) -> None:
        """`queued_bytes` is what the connection has not taken yet: a slow player is sent no more before the next key
        frame that finds room.
        """
        if self.state is not State.PLAYING:
            return
        if queued_bytes > MAX_QUEUED_BYTES:
            self._has_key = False
        elif is_key:
            self._has_key = True
        if not self._has_key:
            return
        self._send(Medium.H264, payload, captured_at_us)

    def send_sound(self, payload: bytes, captured_at_us: int, *, queued_bytes: int) -> None:
        """None for a player that is slow."""
        if self.state is State.PLAYING and queued_bytes <= MAX_QUEUED_BYTES:
            self._send(Medium.OPUS, payload, captured_at_us)

    def _send(self, medium: Medium, payload: bytes, captured_at_us: int) -> None:
        track = self._tracks.get(medium)
        if track is not None and track.channel is not None:
            self._out.append(track.packets(payload, captured_at_us))

    # Out.

    def bytes_to_send(self) -> bytes:
        out, self._out = b"".join(self._out), []
        return out

    def next_deadline(self) -> float | None:
        return None if self.state in {State.PLAYING, State.CLOSED} else self._begun_at + PLAYS_WITHIN_S

    def handle_timer(self, now: float) -> None:
        deadline = self.next_deadline()
        if deadline is not None and now >= deadline:
            self._enter(State.CLOSED)


def _control(medium: Medium) -> str:
    return f"track{medium.payload_type}"


def _description(media: Iterable[Medium]) -> str:
    head = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=Lanline\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n"
    return head + "".join(_SDP[medium].replace("CONTROL", _control(medium)) for medium in media)


_SDP = {
    Medium.H264: (
        f"m=video 0 RTP/AVP {Medium.H264.payload_type}\r\n"
        f"a=rtpmap:{Medium.H264.payload_type} H264/{Medium.H264.clock_hz}\r\n"
        f"a=fmtp:{Medium.H264.payload_type} packetization-mode=1\r\na=control:CONTROL\r\n"
    ),
    Medium.OPUS: (
        f"m=audio 0 RTP/AVP {Medium.OPUS.payload_type}\r\n"
        f"a=rtpmap:{Medium.OPUS.payload_type} opus/{Medium.OPUS.clock_hz}/2\r\n"
        f"a=fmtp:{Medium.OPUS.payload_type} sprop-stereo=1\r\na=control:CONTROL\r\n"
    ),
}
