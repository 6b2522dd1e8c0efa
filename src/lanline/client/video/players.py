"""Media players that watch by RTSP: sends them the own size of a broadcast in H.264, and its sound, as they are encoded
for viewers too.

Owns the TCP port and its connections, which are few and bounded. Not what is said on them: that is proto/rtsp.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Protocol

from lanline.errors import AddressUnavailable, MalformedPacket
from lanline.media.api import EncodedFrame
from lanline.proto.rtsp.rtp import Medium, RtpPacketiser
from lanline.proto.rtsp.session import RtspSession, State

MAX_PLAYERS = 16
_READ_BYTES = 4096


class Encoders(Protocol):
    steady: frozenset[int]

    def want(self, rungs: frozenset[int]) -> None: ...

    def request_key(self, rung: int) -> None: ...


class Publishing(Protocol):
    @property
    def viewer_count(self) -> int: ...

    def publish(self, rung: int, encoded: EncodedFrame) -> None: ...

    def stand(self, rung: int, captured_at_us: int) -> None: ...

    def publish_audio(self, encoded: EncodedFrame) -> None: ...


class Players:
    """Stands between a publisher and its encoders: what players watch is encoded, whether or not a viewer wants it."""

    def __init__(self, encoders: Encoders, own_rung: int, *, has_sound: bool = False) -> None:
        self._media = [Medium.H264, Medium.OPUS] if has_sound else [Medium.H264]
        self._encoders = encoders
        self._own_rung = own_rung
        self._wanted: frozenset[int] = frozenset()
        self._sessions: dict[RtspSession, asyncio.StreamWriter] = {}
        self._playing = 0
        self._server: asyncio.Server | None = None
        self.publisher: Publishing | None = None

    async def start(self, host: str, port: int) -> int:
        """The port that was taken. Raises AddressUnavailable."""
        try:
            self._server = await asyncio.start_server(self._serve, host, port)
        except OSError as cause:
            raise AddressUnavailable(f"TCP port {port} on {host} is taken. Choose another --rtsp.") from cause
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._sessions) >= MAX_PLAYERS:
            writer.close()
            return
        loop = asyncio.get_running_loop()
        packetisers = [RtpPacketiser(medium, secrets.randbits(32), secrets.randbits(16)) for medium in self._media]
        session = RtspSession(secrets.token_hex(8), packetisers, loop.time())
        self._sessions[session] = writer
        try:
            while session.state is not State.CLOSED:
                deadline = session.next_deadline()
                async with asyncio.timeout_at(deadline):
                    data = await reader.read(_READ_BYTES)
                if not data:
                    break
                session.receive_bytes(data)
                writer.write(session.bytes_to_send())
                self._follow(session)
        except (MalformedPacket, OSError, TimeoutError):
            pass  # it is no player, or gone
        finally:
            del self._sessions[session]
            self._update()
            writer.close()

    def _follow(self, session: RtspSession) -> None:
        self._update()
        if session.needs_key:
            self._encoders.request_key(self._own_rung)

    def _update(self) -> None:
        self._playing = sum(session.state is State.PLAYING for session in self._sessions)
        played = frozenset({self._own_rung} if self._playing else ())
        self._encoders.steady = played  # a player that is sent nothing takes that for an end
        self._encoders.want(self._wanted | played)

    # As the publisher's encoders, and as the encoders' publisher.

    def want(self, rungs: frozenset[int]) -> None:
        self._wanted = rungs
        self._update()

    def request_key(self, rung: int) -> None:
        self._encoders.request_key(rung)

    def publish(self, rung: int, encoded: EncodedFrame) -> None:
        """Raises MessageTooLarge, where it is too large for viewers."""
        if rung == self._own_rung:
            for session, writer in self._sessions.items():
                queued = writer.transport.get_write_buffer_size()
                session.send_frame(encoded.payload, encoded.captured_at_us, is_key=encoded.is_key, queued_bytes=queued)
                if session.needs_key and queued == 0:
                    self._encoders.request_key(rung)
                if data := session.bytes_to_send():
                    writer.write(data)
        assert self.publisher is not None
        self.publisher.publish(rung, encoded)

    @property
    def viewer_count(self) -> int:
        """Of all who see and hear it."""
        assert self.publisher is not None
        return self.publisher.viewer_count + self._playing

    def publish_audio(self, encoded: EncodedFrame) -> None:
        for session, writer in self._sessions.items():
            queued = writer.transport.get_write_buffer_size()
            session.send_sound(encoded.payload, encoded.captured_at_us, queued_bytes=queued)
            if data := session.bytes_to_send():
                writer.write(data)
        assert self.publisher is not None
        self.publisher.publish_audio(encoded)

    def stand(self, rung: int, captured_at_us: int) -> None:
        assert self.publisher is not None
        self.publisher.stand(rung, captured_at_us)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._sessions.values()):
            writer.close()
