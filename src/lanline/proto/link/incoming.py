"""The receiving half of an established link: opens packets, and hands on what is in them."""

from __future__ import annotations

from collections.abc import Callable

from lanline.crypto.sealing import Opener
from lanline.errors import MalformedPacket, ProtocolViolation
from lanline.proto.channels import Channel
from lanline.proto.events import LinkEvent, MessageReceived
from lanline.proto.link.frames import (
    AckFrame,
    ChallengeFrame,
    CloseFrame,
    DatagramFrame,
    Frame,
    MaxDataFrame,
    ResetTokenFrame,
    ResponseFrame,
    StreamFrame,
    decode_frames,
    encode_response,
)
from lanline.proto.link.outbox import INITIAL_LIMIT_BYTES
from lanline.proto.link.outgoing import HEADER_BYTES, Outgoing
from lanline.proto.link.preamble import CONNECTION_ID_BYTES
from lanline.proto.link.profile import LinkProfile
from lanline.proto.link.received import ReceivedPackets
from lanline.proto.link.receivestream import ReceiveStream

_STRANGER_FRAMES = 1024
"""What somebody may send before `trust`, packets and frames together. To sign in takes a tenth of it."""


class Incoming:
    __slots__ = (
        "_opener",
        "_outgoing",
        "_profile",
        "_received",
        "_stranger_frames",
        "_stranger_window_bytes",
        "_streams",
        "close_frame",
        "emit",
        "peer_reset_token",
        "response",
    )

    def __init__(
        self, profile: LinkProfile, received: ReceivedPackets, outgoing: Outgoing, emit: Callable[[LinkEvent], None]
    ) -> None:
        self._profile = profile
        self._received = received
        self._outgoing = outgoing
        self.emit = emit
        self._opener: Opener | None = None
        self._streams: dict[Channel, ReceiveStream] = {}
        self._stranger_window_bytes = profile.stranger_window_bytes
        self._stranger_frames = None if profile.stranger_window_bytes is None else _STRANGER_FRAMES
        self.peer_reset_token: bytes | None = None
        self.response: bytes | None = None
        """The data of the latest RESPONSE."""
        self.close_frame: CloseFrame | None = None

    def start(self, opener: Opener) -> None:
        self._opener = opener

    def receive(self, packet: bytes, now: float) -> int | None:
        """Act on a packet; return its number, or None for a replay. Raises only what RemoteInputError covers."""
        assert self._opener is not None
        header = packet[:HEADER_BYTES]
        number = _number_of(header)
        if not self._received.is_new(number):
            return None
        payload = self._opener.open(header, number, packet[HEADER_BYTES:])
        is_eliciting = False
        decoded = decode_frames(payload)
        if self._stranger_frames is not None:
            self._stranger_frames -= 1 + len(decoded)
            if self._stranger_frames < 0:
                raise ProtocolViolation("too much was sent by somebody who has not signed in")
        for frame in decoded:
            if type(frame) is StreamFrame:
                is_eliciting = True
                self._on_stream(frame)
            elif type(frame) is AckFrame:
                self._outgoing.on_ack(frame, now)
            else:
                is_eliciting = True
                self._on_other(frame)
        self._received.record(number, now, len(packet), is_eliciting)
        return number

    def drop_unfinished(self) -> None:
        """Nobody reads on: a peer that keeps breaking links shall not have what it sent on each of them held."""
        self._streams = {}

    def is_genuine(self, packet: bytes) -> bool:
        """Whether the peer has sealed it; nothing is done about what it says."""
        return self._open_again(packet) is not None

    def _open_again(self, packet: bytes) -> bytes | None:
        assert self._opener is not None
        try:
            return self._opener.open(packet[:HEADER_BYTES], _number_of(packet), packet[HEADER_BYTES:])
        except MalformedPacket:
            return None

    def responses_in_copy(self, packet: bytes) -> list[bytes]:
        """The RESPONSE frames of a packet whose number has been seen before; nothing else of it counts."""
        payload = self._open_again(packet)
        if payload is None:
            return []
        return [frame.data for frame in decode_frames(payload) if type(frame) is ResponseFrame]

    @property
    def largest_received(self) -> int:
        return self._received.largest

    def _on_stream(self, frame: StreamFrame) -> None:
        channel = frame.channel
        stream = self._streams.get(channel)
        if stream is None:
            stream = self._open_stream(channel)
        emit = self.emit
        for message in stream.receive(frame.offset, frame.data):
            emit(MessageReceived(channel, message))
        limit = stream.take_limit()
        if limit is not None:
            self._outgoing.offer_limit(channel, limit)

    def _open_stream(self, channel: Channel) -> ReceiveStream:
        window = self._stranger_window_bytes
        if window is None:
            stream = ReceiveStream(self._window_of(channel), self._profile.max_message_bytes, INITIAL_LIMIT_BYTES)
        elif channel is Channel.CHAT:
            stream = ReceiveStream(window, window, window)
        else:
            raise ProtocolViolation(f"{channel.name} was used by somebody who has not signed in")
        self._streams[channel] = stream
        return stream

    def _window_of(self, channel: Channel) -> int:
        profile = self._profile
        return profile.bulk_receive_window_bytes if channel is Channel.BULK else profile.receive_window_bytes

    def trust(self) -> None:
        """The peer hears of it with the next limit; until then it keeps to the first one, which holds again."""
        self._stranger_window_bytes = self._stranger_frames = None
        for channel, stream in self._streams.items():
            stream.widen(self._window_of(channel), self._profile.max_message_bytes, INITIAL_LIMIT_BYTES)

    def _on_other(self, frame: Frame) -> None:
        match frame:
            case DatagramFrame(channel=channel, data=data):
                self.emit(MessageReceived(channel, data))
            case MaxDataFrame(channel=channel, limit=limit):
                stream = self._outgoing.outbox.stream(channel)
                stream.limit = max(stream.limit, limit)
            case ResetTokenFrame(token=token):
                self.peer_reset_token = token
            case ChallengeFrame(data=data):
                self._outgoing.response = encode_response(data)
            case ResponseFrame(data=data):
                self.response = data
            case CloseFrame():
                self.close_frame = frame
            case _:
                pass

    def release(self, channel: Channel, size_bytes: int) -> bool:
        """True when the peer is to be told of a new limit."""
        stream = self._streams.get(channel)
        if stream is None:
            return False
        return stream.release(size_bytes) and self._offer_limit(channel, stream)

    def _offer_limit(self, channel: Channel, stream: ReceiveStream) -> bool:
        limit = stream.take_limit()
        if limit is None:
            return False
        self._outgoing.offer_limit(channel, limit)
        return True


def _number_of(packet: bytes) -> int:
    return int.from_bytes(packet[CONNECTION_ID_BYTES:HEADER_BYTES], "big")
