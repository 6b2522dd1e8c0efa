"""Live video over encrypted links, each viewer at the rung that its link carries."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Protocol

import msgspec

from lanline.client.home import Home
from lanline.client.video.admission import UDP_PROFILE, WEBSOCKET_PROFILE, ViewerAdmission
from lanline.client.video.broadcast import Broadcast
from lanline.client.video.players import Players
from lanline.client.video.publisher import VideoPublisher
from lanline.client.video.rungs import RungEncoders, only_encodable, plan_rungs
from lanline.client.video.soundcast import SoundCast
from lanline.media.api import Codec, Encoder, Layout, Size, SoundSource, Source
from lanline.media.codecs.choice import layout_for, make_encoder
from lanline.media.codecs.moving import bitrate_of, check_size
from lanline.media.codecs.opus import BITS_PER_S
from lanline.model.watchlinks import WatchLink
from lanline.proto.media.outgoingstream import StreamPlan
from lanline.proto.media.publisher import Publisher
from lanline.transport.listener import Listener
from lanline.wire.video import StreamCodec

_SOUND = StreamPlan(StreamCodec.OPUS, bits_per_s=BITS_PER_S)
_ALL = {"0.0.0.0", "::"}  # noqa: S104 -- to be recognised, not to listen on
_MOST_LISTED = 20
_FAREWELL_S = 0.5
"""For the word that this is the end: then the links are closed."""
_ANYWHERE = ("192.0.2.1", 9)
"""RFC 5737: an address of nobody. Nothing is sent there; it is asked which of ours would be used."""


class StatusLines(Protocol):
    """Who is told what happens."""

    def say(self, line: str) -> None: ...

    def show(self, text: str) -> None:
        """In the place of what was shown last."""


class SealedServer:
    def __init__(
        self,
        home: Home,
        codec: Codec,
        quality: int,
        mtu_bytes: int,
        notices: StatusLines,
        *,
        makes_new_link: bool = False,
        bits_per_s: int | None = None,
    ) -> None:
        """`bits_per_s` is that of the own size; smaller ones take as much less as they usually do."""
        self._bits_per_s = bits_per_s
        self._identity = home.identity()
        self._secret = home.make_watch_secret(os.urandom, anew=makes_new_link)
        self._codec = codec
        self._quality = quality
        self._mtu_bytes = mtu_bytes
        self._notices = notices
        self._listener: Listener | None = None
        self._publisher: VideoPublisher | None = None
        self._broadcast: Broadcast | None = None
        self._players: Players | None = None
        self._soundcast: SoundCast | None = None
        self._rung_names: list[str] = []
        self.size = Size(0, 0)
        self.fps = 0.0

    async def start(
        self,
        open_source: Callable[[Layout], Source],
        host: str,
        port: int,
        open_sound: Callable[[Source], SoundSource | None] = lambda _: None,
    ) -> WatchLink:
        """Raises MediaProblem for a picture or sound that is not to be had, AddressUnavailable for such a port."""
        layout = layout_for(self._codec)
        with contextlib.ExitStack() as undo:
            source = await asyncio.to_thread(open_source, layout)
            undo.callback(source.close)
            sound = await asyncio.to_thread(open_sound, source)
            if sound is not None:
                undo.callback(sound.close)
            self._prepare(source, layout, sound)
            assert self._publisher is not None
            admission = ViewerAdmission(self._secret, self._publisher.let_in)
            self._listener = await Listener.open(
                host,
                port,
                self._identity,
                admission.accept,
                udp_profile=UDP_PROFILE,
                websocket_profile=WEBSOCKET_PROFILE,
            )
            undo.pop_all()
        host = _seen_from_outside(host)
        return WatchLink(host, self._listener.address[1], self._identity.fingerprint, self._secret)

    def _prepare(self, source: Source, layout: Layout, sound: SoundSource | None) -> None:
        self.size, self.fps = source.size, source.fps
        plans = self._plans(source)
        names = [_name_of(plan, source.fps) for plan in plans]
        self._rung_names = names + [f"{name} for recordings" for name in names]
        encoders = RungEncoders(plans, lambda rung: self._encoder(plans, rung), layout)
        core = Publisher(
            plans,
            fps=source.fps,
            entropy=os.urandom,
            audio=None if sound is None else _SOUND,
            mtu_bytes=self._mtu_bytes,
        )
        self._players = Players(encoders, len(plans) - 1, has_sound=sound is not None)
        self._publisher = VideoPublisher(core, self._players, lambda count: self._notices.show(f"Viewers: {count}."))
        self._players.publisher = self._publisher
        self._broadcast = Broadcast(source, encoders, self._players, self._notices.say)
        self._soundcast = SoundCast(sound, self._players, self._notices.say) if sound is not None else None

    def _plans(self, source: Source) -> list[StreamPlan]:
        plans = self._usual_plans(source)
        if self._bits_per_s is None:
            return plans
        share = self._bits_per_s / plans[-1].bits_per_s
        return [msgspec.structs.replace(plan, bits_per_s=max(1, round(plan.bits_per_s * share))) for plan in plans]

    def _usual_plans(self, source: Source) -> list[StreamPlan]:
        plans = plan_rungs(self._codec, source.size, source.fps)
        if self._codec is Codec.JPEG:
            return plans
        plans = only_encodable(plans, lambda size: check_size(self._codec, self._quality, size, source.fps))
        return [
            msgspec.structs.replace(
                plan, bits_per_s=bitrate_of(self._quality, Size(plan.width, plan.height), source.fps / plan.every)
            )
            for plan in plans
        ]

    def _encoder(self, plans: Sequence[StreamPlan], rung: int) -> Encoder:
        plan = plans[rung]
        encoder = make_encoder(self._codec, self._quality, self.fps / plan.every)
        if self._codec is not Codec.JPEG or self._bits_per_s is not None:
            encoder.set_bitrate(plan.bits_per_s)
        return encoder

    async def serve_players(self, host: str, port: int) -> int:
        """By RTSP, not encrypted, after `start`; the port that was taken. Raises AddressUnavailable."""
        assert self._players is not None
        return await self._players.start(host, port)

    async def run(self) -> None:
        """Until the source ends, or breaks with a MediaProblem."""
        assert self._broadcast is not None
        if self._soundcast is not None:
            self._soundcast.start()
        await self._broadcast.run()
        assert self._publisher is not None
        self._publisher.close()
        await asyncio.sleep(_FAREWELL_S)

    @property
    def has_sound(self) -> bool:
        return self._soundcast is not None

    def figures(self) -> str:
        assert self._publisher is not None
        rungs = ", ".join(self._rung_names[rung] for rung in sorted(self._publisher.wanted_rungs))
        head = f"viewers {self._publisher.viewer_count}, encoding {rungs or 'nothing'}"
        each = [
            f"  {fingerprint.hex()[:8]}: {'waits' if rung is None else self._rung_names[rung]}, {100 * loss:.1f} % lost"
            for fingerprint, rung, loss in self._publisher.viewer_figures()
        ]
        return "\n".join([head, *each[:_MOST_LISTED]])

    async def close(self) -> None:
        """Without a word of an end: who comes back finds its viewers waiting."""
        if self._soundcast is not None:
            await self._soundcast.stop()
        if self._players is not None:
            await self._players.close()
        if self._listener is not None:
            self._listener.close("The video server stops.")
            await self._listener.wait_closed()


def _name_of(plan: StreamPlan, fps: float) -> str:
    return f"{plan.height}p" if plan.every == 1 else f"{plan.height}p at {fps / plan.every:g} fps"


def _seen_from_outside(host: str) -> str:
    """For the link: an address of this host that others can call."""
    if host not in _ALL:
        return host
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(_ANYWHERE)
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])
