"""Two endpoints with a live link and no cryptography in their handshake, so that an input starts from a fresh one."""

from __future__ import annotations

import random
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from lanline.crypto.sealing import Suite
from lanline.errors import MalformedPacket
from lanline.proto.events import LinkEvent, MessageReceived
from lanline.proto.link.endpoint import Endpoint
from lanline.proto.link.link import Link
from lanline.proto.link.profile import LinkProfile

CLIENT, SERVER, STRANGER = ("10.0.0.1", 1), ("10.0.0.2", 2), ("10.0.0.3", 3)
_RECORD = b"\x16\xfe\xfd" + bytes(10)


class OpenExchange:
    """A key exchange that keeps no secret: one record there, one back."""

    suite: Suite = ChaCha20Poly1305
    peer_fingerprint = bytes(32)

    def __init__(self, is_client: bool) -> None:
        self._is_client = is_client
        self.is_complete = False

    def advance(self, records: bytes) -> list[bytes]:
        if records and records != _RECORD:
            raise MalformedPacket("this is not the record")
        self.is_complete = bool(records)
        return [] if self._is_client and records else [_RECORD]

    def export(self, label: bytes, context: bytes, size_bytes: int) -> bytes:
        del label, context
        return bytes(range(size_bytes))


class OpenExchanges:
    def start_handshake(self, is_client: bool) -> OpenExchange:
        return OpenExchange(is_client)


class Peers:
    def __init__(self, profile_of_server: LinkProfile | None = None) -> None:
        self.now = 10.0
        self.client, self.server = (
            Endpoint(
                exchanges=OpenExchanges(),
                reset_key=bytes(32),
                entropy=random.Random(seed).randbytes,  # noqa: S311 -- the same again for every input
                profile=profile,
            )
            for seed, profile in ((1, None), (2, profile_of_server))
        )
        self.recorded: list[bytes] = []
        self.received: list[bytes] = []
        self.link = self.client.connect(SERVER, self.now)
        self.exchange_all()
        (self.server_link,) = self.server.links

    def exchange_all(self) -> None:
        """Carry datagrams to and fro until both are silent; the answers that take time are left out."""
        is_busy = True
        while is_busy:
            from_client, from_server = self.drain(self.client), self.drain(self.server)
            self.recorded += from_client
            for data in from_client:
                self.server.receive_datagram(data, CLIENT, self.now)
            for data in from_server:
                self.client.receive_datagram(data, SERVER, self.now)
            is_busy = bool(from_client or from_server)

    def drain(self, endpoint: Endpoint) -> list[bytes]:
        """What leaves, to whomever; messages are released at once."""
        left: list[bytes] = []
        while True:
            while (happened := endpoint.next_event()) is not None:
                self.note(*happened)
            bursts = endpoint.datagrams_to_send(self.now)
            if not bursts:
                return left
            left += [data for _, datagrams in bursts for data in datagrams]

    def note(self, link: Link, event: LinkEvent) -> None:
        if isinstance(event, MessageReceived):
            link.release(event.channel, len(event.payload))
            self.received.append(event.payload)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.client.handle_timer(self.now)
        self.server.handle_timer(self.now)


def pieces(data: bytes) -> Iterator[tuple[int, bytes]]:
    """An input as a list: a byte that says what, two bytes of length, and as many of content."""
    position = 0
    while position + 3 <= len(data):
        size = int.from_bytes(data[position + 1 : position + 3], "big") % 1500
        yield data[position], data[position + 3 : position + 3 + size]
        position += 3 + size


def join(*parts: tuple[int, bytes]) -> bytes:
    return b"".join(bytes([kind]) + len(content).to_bytes(2, "big") + content for kind, content in parts)
