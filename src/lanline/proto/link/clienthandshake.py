"""The calling end of a handshake: proves its address, then DTLS in our own packets, repeated on our own clock.

It drives: only it has a timer.
"""

from __future__ import annotations

from lanline.errors import CloseCode, IdentityProblem, MalformedPacket
from lanline.proto.link.handshake import Agreement, Flight, HandshakeState, KeyExchange, agree
from lanline.proto.link.preamble import (
    VERSION,
    ClientRecords,
    Hello,
    Refused,
    Retry,
    ServerRecords,
    Versions,
    encode_preamble,
)
from lanline.proto.link.profile import LinkProfile

_FIRST_INTERVAL_S = 0.2
_MIN_INTERVAL_S = 0.03
_MAX_INTERVAL_S = 1.0
_BACKOFF = 1.5
_PATIENCE_S = 2.0
"""VERSIONS and REFUSED prove nothing: whoever sees the call can send them, and the true answer may still come."""


class ClientHandshake:
    __slots__ = (
        "_client_id",
        "_exchange",
        "_expires_at",
        "_flight",
        "_gives_up_at",
        "_interval_s",
        "_is_due",
        "_profile",
        "_repeated",
        "_round_trip_s",
        "_send_at",
        "_sent_at",
        "_server_id",
        "_token",
        "_told",
        "_tries",
        "agreement",
        "failure",
        "state",
    )

    def __init__(self, client_id: bytes, exchange: KeyExchange, profile: LinkProfile, now: float) -> None:
        self._client_id = client_id
        self._exchange = exchange
        self._profile = profile
        self._flight = Flight(profile)
        self._token = b""
        self._server_id: bytes | None = None
        self._round_trip_s: float | None = None
        self._repeated = False
        self._tries = 0
        self._interval_s = _FIRST_INTERVAL_S
        self._sent_at = now
        self._send_at = now
        self._is_due = True
        self._expires_at = self._gives_up_at = now + profile.handshake_timeout_s
        self._told: tuple[CloseCode, str] | None = None
        """What VERSIONS or REFUSED said; it is reported when nothing better comes."""
        self.state = HandshakeState.PROVING_ADDRESS
        self.agreement: Agreement | None = None
        self.failure: tuple[CloseCode, str] | None = None

    def receive(self, packet: Retry | ServerRecords | Versions | Refused, now: float) -> None:
        match packet:
            case Retry(token=token):
                self._on_retry(token, now)
            case ServerRecords(server_id=server_id, records=records) if self.state is HandshakeState.EXCHANGING:
                self._on_records(server_id, records, now)
            case Versions(versions=versions) if self.state is HandshakeState.PROVING_ADDRESS:
                if VERSION not in versions:
                    self._on_told(*_other_version(max(versions)), now)
            case Refused(code=code):
                self._on_told(*_refusal(code), now)
            case _:
                pass

    def _on_retry(self, token: bytes, now: float) -> None:
        if self.state is HandshakeState.PROVING_ADDRESS:
            self._measure(now)
            self.state = self.state.followed_by(HandshakeState.EXCHANGING)
            self._token = token
            self._start_flight(self._exchange.advance(b""), now)
        elif self.state is HandshakeState.EXCHANGING and token != self._token:
            # The old one has expired, or the address has changed: the same flight goes out under the new one.
            self._token = token
            # Forged ones shall not have us flood the server.
            self._is_due = self._is_due or now - self._sent_at >= _MIN_INTERVAL_S

    def _on_records(self, server_id: bytes, records: bytes, now: float) -> None:
        if self._server_id is None:
            self._server_id = server_id
        elif server_id != self._server_id:
            # Damaged, or of another run: keys agreed under this id would not be the server's.
            return
        try:
            flight = self._exchange.advance(records)
            if self._exchange.is_complete:
                self._complete(server_id, now)
                return
        except (MalformedPacket, IdentityProblem) as problem:
            self._fail(CloseCode.HANDSHAKE_FAILED, f"The handshake failed: {problem}.")
            return
        if flight:
            self._measure(now)
            self._start_flight(flight, now)

    def _complete(self, server_id: bytes, now: float) -> None:
        self._measure(now)
        self.agreement = agree(
            self._exchange,
            self._client_id,
            server_id,
            is_client=True,
            round_trip_s=self._round_trip_s or self._profile.initial_rtt_s,
            was_lossy=self._repeated,
        )
        self.state = self.state.followed_by(HandshakeState.COMPLETE)

    def _on_told(self, code: CloseCode, reason: str, now: float) -> None:
        if self._told is None:
            self._gives_up_at = min(self._expires_at, now + _PATIENCE_S)
        self._told = (code, reason)

    def _fail(self, code: CloseCode, reason: str) -> None:
        self.state = self.state.followed_by(HandshakeState.FAILED)
        self.failure = (code, reason)

    def _measure(self, now: float) -> None:
        if self._tries <= 1:
            sample = now - self._sent_at
            self._round_trip_s = min(self._round_trip_s or sample, sample)

    def _start_flight(self, records: list[bytes], now: float) -> None:
        self._told = None
        self._gives_up_at = self._expires_at
        self._flight.replace(records)
        self._tries = 0
        self._is_due = True
        self._send_at = now
        if self._round_trip_s is not None:
            self._interval_s = max(_MIN_INTERVAL_S, 2 * self._round_trip_s)
        # Not measured, because the last flight had to be repeated: the path may be slow, so the interval stays grown.

    def handle_timer(self, now: float) -> None:
        if self.state not in {HandshakeState.PROVING_ADDRESS, HandshakeState.EXCHANGING}:
            return
        if now >= self._gives_up_at:
            self._fail(*(self._told or (CloseCode.UNREACHABLE, "Nobody answers at this address.")))
        elif not self._is_due and now >= self._send_at:
            self._repeated = True
            self._is_due = True

    def next_deadline(self) -> float:
        return min(self._send_at, self._gives_up_at)

    def datagrams_to_send(self, now: float) -> list[bytes]:
        if not self._is_due or self.state in {HandshakeState.COMPLETE, HandshakeState.FAILED}:
            return []
        self._is_due = False
        self._tries += 1
        self._sent_at = now
        self._send_at = now + self._interval_s
        self._interval_s = min(self._interval_s * _BACKOFF, _MAX_INTERVAL_S)
        if self.state is HandshakeState.PROVING_ADDRESS:
            return [encode_preamble(Hello(self._client_id))]
        return [
            encode_preamble(ClientRecords(self._client_id, self._token, body)) for body in self._flight.next_bodies()
        ]


def _other_version(newest: int) -> tuple[CloseCode, str]:
    older = "This program is" if newest > VERSION else "The program on the other side is"
    reason = f"{older} too old: here link version {VERSION} is spoken, there {newest}. Please upgrade it."
    return CloseCode.INCOMPATIBLE_VERSION, reason


def _refusal(code: int) -> tuple[CloseCode, str]:
    if code == CloseCode.BUSY:
        return CloseCode.BUSY, "The other side accepts no more links at the moment."
    return CloseCode.HANDSHAKE_FAILED, "The other side broke the handshake off."
