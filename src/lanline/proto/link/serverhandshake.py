"""The called end of a handshake: answers, and repeats its last flight when it hears an old one again.

So it never sends more often than it is asked.
"""

from __future__ import annotations

from lanline.errors import CloseCode, IdentityProblem, MalformedPacket
from lanline.proto.link.handshake import Agreement, Flight, HandshakeState, KeyExchange, agree
from lanline.proto.link.preamble import ClientRecords, ServerRecords, encode_preamble
from lanline.proto.link.profile import LinkProfile

_MIN_REPEAT_INTERVAL_S = 0.02
_MAX_PACKETS = 64
"""OpenSSL works at each. An honest client that has to repeat everything for 10 s sends fewer."""


class ServerHandshake:
    __slots__ = (
        "_client_id",
        "_exchange",
        "_expires_at",
        "_flight",
        "_is_due",
        "_packets",
        "_profile",
        "_repeats",
        "_sent_at",
        "_server_id",
        "agreement",
        "failure",
        "state",
    )

    def __init__(
        self, client_id: bytes, server_id: bytes, exchange: KeyExchange, profile: LinkProfile, now: float
    ) -> None:
        self._client_id = client_id
        self._server_id = server_id
        self._exchange: KeyExchange | None = exchange
        self._profile = profile
        self._flight = Flight(profile)
        self._repeats = 0
        self._packets = 0
        self._is_due = False
        self._sent_at = now
        self._expires_at = now + profile.handshake_timeout_s
        self.state = HandshakeState.EXCHANGING
        self.agreement: Agreement | None = None
        self.failure: tuple[CloseCode, str] | None = None

    def receive(self, packet: ClientRecords, now: float) -> None:
        if self._exchange is None:
            self._repeat_flight(now)
            return
        self._packets += 1
        if self._packets > _MAX_PACKETS:
            self._fail("more came than a handshake takes")
            return
        try:
            flight = self._exchange.advance(packet.records)
            if self._exchange.is_complete:
                self._complete(self._exchange, now)
        except (MalformedPacket, IdentityProblem) as problem:
            self._fail(str(problem))
            return
        if flight:
            self._flight.replace(flight)
            self._repeats = 0
            self._is_due = True
        else:
            self._repeat_flight(now)

    def _fail(self, problem: str) -> None:
        self.state = self.state.followed_by(HandshakeState.FAILED)
        self.failure = (CloseCode.HANDSHAKE_FAILED, f"The handshake failed: {problem}.")

    def _complete(self, exchange: KeyExchange, now: float) -> None:
        self.agreement = agree(
            exchange,
            self._client_id,
            self._server_id,
            is_client=False,
            round_trip_s=now - self._sent_at if not self._repeats else self._profile.initial_rtt_s,
            was_lossy=self._repeats > 0,
        )
        self.state = self.state.followed_by(HandshakeState.COMPLETE)
        self._exchange = None

    def _repeat_flight(self, now: float) -> None:
        """The client repeats itself, so our answer was lost; a late twin of its packet is no reason to."""
        if self._flight and now - self._sent_at >= _MIN_REPEAT_INTERVAL_S:
            self._repeats += 1
            self._is_due = True

    def handle_timer(self, now: float) -> None:
        if self.state is HandshakeState.EXCHANGING and now >= self._expires_at:
            self.state = self.state.followed_by(HandshakeState.FAILED)
            self.failure = (CloseCode.UNREACHABLE, "The other side stopped in the middle of the handshake.")

    def next_deadline(self) -> float:
        return self._expires_at

    def datagrams_to_send(self, now: float) -> list[bytes]:
        if not self._is_due:
            return []
        self._is_due = False
        self._sent_at = now
        return [
            encode_preamble(ServerRecords(self._client_id, self._server_id, body))
            for body in self._flight.next_bodies()
        ]
