"""All links of one UDP port: tells datagrams apart, proves addresses before it keeps anything, watches the clock."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from lanline.crypto.tokens import AddressProof, ResetTokens
from lanline.errors import CloseCode, MalformedPacket
from lanline.proto.events import LinkClosed, LinkEstablished, LinkEvent
from lanline.proto.link.clienthandshake import ClientHandshake
from lanline.proto.link.handshake import KeyExchanges
from lanline.proto.link.handshakelimits import Bucket, HandshakeLimits
from lanline.proto.link.link import Address, Handshake, Link, LinkState
from lanline.proto.link.outgoing import SEALED_OVERHEAD_BYTES
from lanline.proto.link.preamble import (
    CONNECTION_ID_BYTES,
    VERSION,
    ClientRecords,
    Hello,
    OtherVersion,
    Preamble,
    Refused,
    Reset,
    Retry,
    Versions,
    decode_preamble,
    encode_preamble,
)
from lanline.proto.link.profile import LinkProfile
from lanline.proto.link.serverhandshake import ServerHandshake

Burst = tuple[Address, list[bytes]]
StreamHandler = Callable[[bytes, Address, float], None]
"""Takes a stream packet, which is sealed once for many and not by a link (docs/protocol/media.md)."""
_CROSSED = "The other side called at the same moment."
_CROSSING_S = 2.0
_TICKS_PER_S = 500
"""Timers of all links ring together, up to 2 ms late, so that many links do not mean many wakings."""
MAX_LINKS = 100_000
_MAX_PREAMBLE_BYTES = 2048
"""Of packets that nobody has sealed. Honest ones hold at most a datagram of the size that passes everywhere."""
_ANSWERS_PER_S, _ANSWERS_AT_ONCE = 4000, 64
"""To strangers who begin: to answer costs twice what it costs to read. Who is not answered asks again."""
_RESETS_AT_ONCE = 100
_RESETS_SPAN_S = 0.01
"""An answer costs more than all else that is done for a packet of no link: a flood of them gets no more than these."""


class Endpoint:
    def __init__(
        self,
        *,
        exchanges: KeyExchanges,
        reset_key: bytes,
        entropy: Callable[[int], bytes],
        profile: LinkProfile | None = None,
        accepts: bool = True,
        max_links: int = MAX_LINKS,
        id_prefix: bytes = b"",
    ) -> None:
        """All connection ids of this end begin with `id_prefix`: a secret by which the system's socket knows them."""
        self._exchanges = exchanges
        self._entropy = entropy
        self._profile = profile or LinkProfile()
        self._limits: HandshakeLimits[Link] = HandshakeLimits(self._profile)
        self._answers = Bucket(_ANSWERS_AT_ONCE)
        self._accepts = accepts
        self._max_links = max_links
        self._id_prefix = id_prefix
        self._proof = AddressProof(entropy(32))
        self._resets = ResetTokens(reset_key)
        self._resets_since = 0.0
        self._resets_made = 0
        self._links: dict[bytes, Link] = {}
        self._by_remote_id: dict[bytes, Link] = {}
        self._half_open: dict[bytes, Link] = {}
        self._calls: dict[Link, float] = {}
        self._pending: dict[Link, None] = {}
        self._replies: list[Burst] = []
        self.events: deque[tuple[Link, LinkEvent]] = deque()
        """What has happened, for whoever drains: oldest first."""
        self._streams: dict[bytes, StreamHandler] = {}
        self._timers: list[tuple[float, int, Link]] = []
        self._order = count()

    def remember_host(self, host: str) -> None:
        """Somebody who is trusted calls from there, and is let in whatever strangers do. `trust` does the same."""
        self._limits.remember(host)

    @property
    def links(self) -> list[Link]:
        return list(self._links.values())

    def connect(self, address: Address, now: float, expected_fingerprint: bytes | None = None) -> Link:
        local_id = self._new_id()
        exchange = self._exchanges.start_handshake(is_client=True)
        handshake = ClientHandshake(local_id, exchange, self._profile, now)
        link = self._add(local_id, b"", address, handshake, expected_fingerprint)
        self._calls[link] = math.inf
        return link

    def _new_id(self) -> bytes:
        """The high bit sets sealed packets apart from the preamble."""
        while True:
            prefix = self._id_prefix
            random = prefix + self._entropy(CONNECTION_ID_BYTES - len(prefix))
            new_id = bytes([random[0] | 0x80]) + random[1:]
            if new_id not in self._links:
                return new_id

    def _add(
        self,
        local_id: bytes,
        remote_id: bytes,
        address: Address,
        handshake: Handshake,
        expected_fingerprint: bytes | None = None,
    ) -> Link:
        link = Link(
            local_id=local_id,
            remote_id=remote_id,
            address=address,
            handshake=handshake,
            profile=self._profile,
            reset_token=self._resets.token_for(local_id),
            expected_fingerprint=expected_fingerprint,
            entropy=self._entropy,
            emit=self._on_event,
            wake=self._pending.setdefault,
            remember=self._limits.remember,
        )
        self._links[local_id] = link
        self._pending[link] = None
        return link

    def _on_event(self, link: Link, event: LinkEvent) -> None:
        if type(event) is LinkEstablished:
            self._by_remote_id[link.remote_id] = link
        elif type(event) is LinkClosed:
            self._calls.pop(link, None)
            if not link.is_client and not link.peer_fingerprint:
                # A handshake that others began and did not finish is not worth telling.
                return
        self.events.append((link, event))

    def next_event(self) -> tuple[Link, LinkEvent] | None:
        return self.events.popleft() if self.events else None

    def open_stream(self, stream_id: bytes, handler: StreamHandler) -> None:
        """Packets that begin with this id, and are of no link, go to the handler."""
        self._streams[stream_id] = handler

    def close_stream(self, stream_id: bytes) -> None:
        self._streams.pop(stream_id, None)

    # Datagrams.

    def receive_datagram(self, data: bytes, address: Address, now: float) -> None:
        if data and data[0] & 0x80:
            if len(data) < SEALED_OVERHEAD_BYTES:
                return
            link = self._links.get(data[:CONNECTION_ID_BYTES])
            if link is not None:
                link.receive_sealed(data, address, now)
                if self._half_open and link.is_confirmed:
                    self._on_confirmed(link, now)
            elif data[:CONNECTION_ID_BYTES] in self._streams:
                self._streams[data[:CONNECTION_ID_BYTES]](data, address, now)
            elif len(data) > SEALED_OVERHEAD_BYTES:
                self._reset(data[:CONNECTION_ID_BYTES], address, now)
            return
        if len(data) > _MAX_PREAMBLE_BYTES:
            return
        try:
            packet = decode_preamble(data)
        except MalformedPacket:
            return
        self._on_preamble(packet, address, now)

    def _on_preamble(self, packet: Preamble, address: Address, now: float) -> None:
        match packet:
            case Hello(client_id=client_id):
                if self._accepts and not self._prefers_own_call(client_id, address, now):
                    self._ask_for_proof(client_id, address, now, is_hello=True)
            case ClientRecords():
                self._on_client_records(packet, address, now)
            case OtherVersion(client_id=client_id, is_hello=is_hello):
                if is_hello and self._accepts and self._may_answer(now):
                    self._reply(Versions(client_id, bytes([VERSION])), address)
            case Reset(connection_id=connection_id, token=token):
                link = self._by_remote_id.get(connection_id)
                if link is not None:
                    link.receive_reset(token)
            case _:
                link = self._links.get(packet.client_id)
                if link is not None and link.address == address:
                    link.receive_preamble(packet, address, now)
                    if link.state is LinkState.ESTABLISHED and link in self._calls:
                        self._calls[link] = now + _CROSSING_S
                        self._drop_answers_to(link, now)

    def _may_answer(self, now: float) -> bool:
        return self._answers.take(now, _ANSWERS_PER_S, _ANSWERS_AT_ONCE)

    def _ask_for_proof(self, client_id: bytes, address: Address, now: float, *, is_hello: bool) -> None:
        if (is_hello and self._limits.is_known(address[0])) or self._may_answer(now):
            self._reply(Retry(client_id, self._proof.make(address, client_id, now)), address)

    def _reply(self, packet: Preamble, address: Address) -> None:
        self._replies.append((address, [encode_preamble(packet)]))

    def _reset(self, connection_id: bytes, address: Address, now: float) -> None:
        if now - self._resets_since >= _RESETS_SPAN_S:
            self._resets_since = now
            self._resets_made = 0
        self._resets_made += 1
        if self._resets_made > _RESETS_AT_ONCE:
            return
        self._reply(Reset(connection_id, self._resets.token_for(connection_id)), address)

    def _on_client_records(self, packet: ClientRecords, address: Address, now: float) -> None:
        client_id = packet.client_id
        link = self._half_open.get(client_id)
        if link is None and (not self._accepts or client_id in self._by_remote_id):
            # A late twin of a packet that has long led to a link.
            return
        if not self._proof.check(packet.token, address, client_id, now):
            self._ask_for_proof(client_id, address, now, is_hello=False)
            return
        if (link is None or link.state is LinkState.HANDSHAKING) and self._prefers_own_call(client_id, address, now):
            return
        if link is None:
            if len(self._links) >= self._max_links:
                self._reply(Refused(client_id, CloseCode.BUSY), address)
                return
            if not self._limits.may_begin(address[0], now):
                # The client asks again, and by then there may be a place.
                return
            link = self._accept(client_id, address, now)
        link.receive_preamble(packet, address, now)
        if link.state is not LinkState.HANDSHAKING:
            self._limits.end(link)
        if link.state is LinkState.CLOSED:
            self._reply(Refused(client_id, CloseCode.HANDSHAKE_FAILED), address)

    # Crossing calls: two hosts that call each other need one link, that of the greater client id. A call stays in
    # `_calls` until late packets of another can no longer come, an answer in `_half_open` until its caller is heard.

    def _calls_to(self, address: Address, now: float) -> list[Link]:
        for call in [call for call, until in self._calls.items() if now >= until]:
            del self._calls[call]
        return [call for call in self._calls if call.address == address]

    def _prefers_own_call(self, client_id: bytes, address: Address, now: float) -> bool:
        return bool(self._calls) and any(call.local_id > client_id for call in self._calls_to(address, now))

    def _drop_answers_to(self, call: Link, now: float) -> None:
        for answer in [answer for answer in self._half_open.values() if answer.address == call.address]:
            if answer.remote_id < call.local_id:
                answer.close(CloseCode.REPLACED, _CROSSED, now)

    def _on_confirmed(self, link: Link, now: float) -> None:
        if self._half_open.pop(link.remote_id, None) is None:
            return
        # A call that expects another key is not answered by this one.
        for call in self._calls_to(link.address, now):
            if call.may_be_with(link.peer_fingerprint):
                if call.local_id < link.remote_id:
                    call.close(CloseCode.REPLACED, _CROSSED, now)
                elif call.state is LinkState.ESTABLISHED:
                    link.close(CloseCode.REPLACED, _CROSSED, now)

    def _accept(self, client_id: bytes, address: Address, now: float) -> Link:
        local_id = self._new_id()
        exchange = self._exchanges.start_handshake(is_client=False)
        link = self._add(
            local_id, client_id, address, ServerHandshake(client_id, local_id, exchange, self._profile, now)
        )
        self._half_open[client_id] = link
        displaced = self._limits.begin(link, address[0], now)
        if displaced is not None:
            self._limits.end(displaced)
            displaced.close(CloseCode.BUSY, "Others call.", now)
        return link

    def datagrams_to_send(self, now: float) -> list[Burst]:
        """What every link has to say, one burst a link. To be called until it returns nothing."""
        bursts = self._replies
        self._replies = []
        pending = list(self._pending)
        self._pending.clear()
        for link in pending:
            datagrams = link.datagrams_to_send(now)
            if datagrams:
                bursts.append((link.address, datagrams))
            if link.new_address is not None:
                bursts += link.questions(now)
            if link.state is LinkState.CLOSED:
                self._forget(link)
            else:
                self._schedule(link)
        return bursts

    def _forget(self, link: Link) -> None:
        self._links.pop(link.local_id, None)
        self._limits.end(link)
        for links in (self._by_remote_id, self._half_open):
            # The peer chose this id, and may have chosen it twice.
            if links.get(link.remote_id) is link:
                del links[link.remote_id]
        link.let_go()

    # Time.

    def _schedule(self, link: Link) -> None:
        """A link's entries are a stack, the soonest on top; one that is already soon enough serves."""
        deadline = link.next_deadline()
        scheduled = link.scheduled
        if deadline is not None and (not scheduled or deadline < scheduled[-1]):
            deadline = (int(deadline * _TICKS_PER_S) + 1) / _TICKS_PER_S
            scheduled.append(deadline)
            heappush(self._timers, (deadline, next(self._order), link))

    def next_deadline(self) -> float | None:
        return self._timers[0][0] if self._timers else None

    def handle_timer(self, now: float) -> None:
        """Deadlines mostly move on before they come, so a timer that comes too early is only set again."""
        timers = self._timers
        while timers and timers[0][0] <= now:
            link = heappop(timers)[2]
            link.scheduled.pop()
            deadline = link.next_deadline()
            if deadline is None:
                continue
            if deadline <= now:
                link.handle_timer(now)
                self._pending[link] = None
            else:
                self._schedule(link)
