"""Receives video over an encrypted link: calls the server, knows it by its key, and calls again when it was gone."""

from __future__ import annotations

import asyncio
from enum import Enum

import msgspec

from lanline.client.home import Home
from lanline.client.port import open_port
from lanline.client.video.feed import Counts
from lanline.client.video.otherformat import speaks_plain
from lanline.client.video.viewer import VideoViewer
from lanline.crypto.words import fingerprint_words
from lanline.errors import CloseCode, IdentityProblem, InvalidInput, LinkError
from lanline.media.api import EncodedFrame
from lanline.model.addresses import address_text
from lanline.model.text import safe_line
from lanline.model.watchlinks import WatchLink
from lanline.transport.addresses import resolve
from lanline.transport.connection import Connection
from lanline.transport.datagrams import Address
from lanline.transport.dialer import Dialer
from lanline.transport.linkhost import LinkHost
from lanline.wire.video import StreamCodec, Subscribe

_FEW_PICTURES = 2
"""Rungs of JPEG that have fewer pictures than the source."""
_POOR_FOR_S = 5.0
_ASK_EVERY_S = 2.0
_CALL_AGAIN_S = 5.0
"""3 s of it over UDP."""
_ADVICE = "The link carries only a small picture: on the server, --codec h264 needs far fewer bits than jpeg."


class Origin(Enum):
    """How the watch link was come by: an error says what to do about it."""

    GIVEN = "given now"
    KNOWN = "used there before"
    OWN = "of this home's own video server"


def known_link(home: Home, host: str, port: int) -> tuple[WatchLink, Origin]:
    """The link to a server of which only the place was named. Raises InvalidInput for one that is not known."""
    known, own = home.known_peer(_label(host, port)), home.watch_secret()
    if known is not None and known.secret:
        fingerprint, secret = bytes.fromhex(known.fingerprint), bytes.fromhex(known.secret)
        return WatchLink(host, port, fingerprint, secret), Origin.KNOWN
    if own is not None:
        return WatchLink(host, port, home.identity().fingerprint, own), Origin.OWN
    raise InvalidInput(_needs_link(host, port))


def _needs_link(host: str, port: int) -> str:
    return (
        f"{address_text((host, port))} admits those who have its watch link, and this home does not know it:"
        " lanline video watch 'lanline-video://...', as the server shows it. A server that runs with --plain is"
        " watched with --plain."
    )


def _label(host: str, port: int) -> str:
    return f"video {address_text((host, port))}"


class SealedWatch:
    is_refused = False

    def __init__(
        self,
        home: Home,
        link: WatchLink,
        origin: Origin = Origin.GIVEN,
        *,
        wants_sound: bool = True,
        records: bool = False,
    ) -> None:
        """`records`: into a file, which is to have key frames."""
        self._home = home
        self._link = link
        self._origin = origin
        self._host, self._port = link.host, link.port
        self._identity = home.identity()
        self._dialer = Dialer(self._identity)
        self._own_port: tuple[LinkHost, Address] | None = None
        wants = Subscribe(wants_audio=wants_sound, records=records)
        self._viewer = VideoViewer(self._call, wants, secret=link.secret)
        self._life: asyncio.Task[None] | None = None
        self._poor_since = float("inf")
        self._asking: asyncio.Task[None] | None = None
        self.other_format = ""

    @property
    def source(self) -> str:
        return address_text((self._host, self._port))

    async def start(self, listen_host: str | None, listen_port: int) -> None:
        """Raises AddressUnavailable for a host that nobody knows. With an own address given: UDP from there only."""
        if listen_host is None and not listen_port:
            await resolve(self._host, self._port)
        else:
            sock, address = await open_port(listen_host or "0.0.0.0", listen_port, self._host, self._port)  # noqa: S104
            assert address is not None
            self._own_port = LinkHost(sock, self._identity), address
        self._life = asyncio.create_task(self._viewer.run())
        self._asking = asyncio.create_task(self._ask_for_plain())

    async def _ask_for_plain(self) -> None:
        """Who got `serve --plain` and a watch link mixed up would wait for ever."""
        while not self._viewer.is_offered:
            await asyncio.sleep(_ASK_EVERY_S)
            _, address = await resolve(self._host, self._port)
            if not self._viewer.is_offered and await speaks_plain(address):
                self.other_format = f"{self.source} serves the plain format: watch it with --plain --server-host."
                return

    async def _call(self) -> Connection:
        if self._own_port is None:
            # A call that begins while the network is gone is given up soon, so that the next one finds it there.
            timeout_s = None if self._viewer.calls == 1 else _CALL_AGAIN_S
            try:
                async with asyncio.timeout(timeout_s):
                    connection = await self._dialer.connect(self._host, self._port)
            except TimeoutError:
                raise LinkError(f"{self.source} does not answer.") from None
        else:
            link_host, address = self._own_port
            connection = await link_host.connect(address)
        try:
            self._check(connection.peer_fingerprint)
        except IdentityProblem:
            connection.close(CloseCode.IDENTITY_REJECTED, "This is not the key that is known here.")
            raise
        return connection

    def _check(self, shown: bytes) -> None:
        """Before anything is said to it."""
        if shown == self._link.fingerprint:
            self._home.remember_peer(_label(self._host, self._port), shown, "video", self._link.secret)
            return
        match self._origin:
            case Origin.GIVEN:
                raise IdentityProblem(
                    f"{self.source} shows another key than the watch link names. Ask for a new link, by another way."
                )
            case Origin.KNOWN:
                raise IdentityProblem(
                    f"The key of {self.source} has changed: it was '{_words(self._link.fingerprint)}', and is"
                    f" '{_words(shown)}' now. Somebody may be in between. Ask by another way; if the server does have"
                    " a new key, use its new watch link."
                )
            case Origin.OWN:
                raise IdentityProblem(_needs_link(self._host, self._port))

    @property
    def advice(self) -> str:
        offer, rung = self._viewer.offer, self._viewer.statistics.rung
        now = asyncio.get_running_loop().time()
        is_poor = offer is not None and rung is not None and rung < min(_FEW_PICTURES, len(offer.rungs) - 1)
        if offer is None or rung is None or not is_poor or offer.rungs[rung].codec is not StreamCodec.JPEG:
            self._poor_since = now
        return _ADVICE if now - self._poor_since > _POOR_FOR_S else ""

    def counts(self) -> Counts:
        known = self._viewer.statistics
        lost, left = (
            100 * count / max(1, known.chunks) for count in (known.lost_before_repair, known.lost_after_repair)
        )
        loss = f"{lost:.1f} % lost, {left:.1f} % after repair"
        parts = [self.description, self._latency(), loss]
        return Counts(known.frames, known.received_bytes, ", ".join(filter(None, parts)))

    def _latency(self) -> str:
        round_trip_s = self._viewer.round_trip_s
        queue_s = self._viewer.statistics.queue_s
        return "" if round_trip_s is None else f"{1000 * (round_trip_s / 2 + queue_s):.0f} ms on the way"

    @property
    def description(self) -> str:
        offer, rung = self._viewer.offer, self._viewer.statistics.rung
        if offer is None or rung is None or rung >= len(offer.rungs):
            return ""
        shown, own = offer.rungs[rung], offer.rungs[-1]
        text = f"{shown.width}x{shown.height} {shown.codec.name.lower()}"
        if self.is_still:
            text += ", still"
        if shown is own:
            return text
        most = self._viewer.wants.max_height
        why = "as you chose" if most and shown.height >= min(most, 240) and most < own.height else "by the link"
        return f"{text} (of {own.width}x{own.height}, reduced {why})"

    async def take(self, timeout_s: float) -> list[EncodedFrame]:
        """Raises what ended the broadcast, if something did."""
        assert self._life is not None
        taking = asyncio.create_task(self._viewer.take(timeout_s))
        try:
            await asyncio.wait({taking, self._life}, return_when=asyncio.FIRST_COMPLETED)
            if self._life.done():
                self._raise_end(self._life)
            return await taking
        finally:
            taking.cancel()

    def _raise_end(self, life: asyncio.Task[None]) -> None:
        life.result()
        end = self._viewer.end
        raise LinkError(safe_line(end.reason) if end is not None else "The broadcast has ended.")

    def request_key(self) -> None:
        self._viewer.request_key()

    @property
    def has_answered(self) -> bool:
        return self._viewer.is_offered

    @property
    def is_still(self) -> bool:
        return self._viewer.is_still

    @property
    def has_sound(self) -> bool:
        offer = self._viewer.offer
        return self._viewer.wants.wants_audio and offer is not None and offer.audio is not None

    def limit_height(self, most_lines: int) -> None:
        self._viewer.want(msgspec.structs.replace(self._viewer.wants, max_height=most_lines))

    def refuse_sound(self) -> None:
        self._viewer.want(msgspec.structs.replace(self._viewer.wants, wants_audio=False))

    def close(self) -> None:
        for task in (self._life, self._asking):
            if task is not None:
                task.cancel()
        self._dialer.close()
        if self._own_port is not None:
            self._own_port[0].close()


def _words(fingerprint: bytes) -> str:
    return " ".join(fingerprint_words(fingerprint))
