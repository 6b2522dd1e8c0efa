"""What attackers are made of: a pace, sockets at many addresses, and links that send what no honest program does.

Owns the counting of bytes at the attacker's own sockets. Not what is sent, and not how it is judged.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from OpenSSL import SSL

from lanline.crypto.dtls import DtlsKeys
from lanline.crypto.identity import Identity
from lanline.crypto.tls import client_context
from lanline.proto.link.endpoint import Endpoint
from lanline.proto.link.link import Link, LinkState

Address = tuple[str, int]
Counts = Counter[str]
"""`sent_bytes` and `received_bytes` are payloads at the attacker's sockets. With `unproven_` before them: of those, the
ones from and to addresses that the attacker had not shown to be its own.
"""
ELSEWHERE = "127.66.9.9" if sys.platform == "linux" else "127.0.0.1"
"""No address that a member calls from."""
UDP_HEADERS_BYTES = 28
TCP_HEADERS_BYTES = 40
_RECEIVE_BYTES = 65_536
_ESTABLISH_S = 2.0
_REPEAT_S = 0.1
_SHORTEST_SLEEP_S, _LONGEST_SLEEP_S = 0.001, 0.02
_READ_EVERY = 64
_LAST_ANSWERS_S = 0.1


class Pace:
    """So many bits a second, headers of IP and UDP or TCP included, until the time is up."""

    def __init__(self, stop_after_s: float, bits_per_s: float) -> None:
        self._bytes_per_s = bits_per_s / 8
        self._due_at = time.monotonic()
        self._ends_at = self._due_at + stop_after_s

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._ends_at

    @property
    def left_s(self) -> float:
        return max(0.0, self._ends_at - time.monotonic())

    def wait(self, payload_bytes: int, headers_bytes: int = UDP_HEADERS_BYTES) -> bool:
        """Until so much may be sent; False when the time is up."""
        now = time.monotonic()
        while self._due_at - now > _SHORTEST_SLEEP_S and now < self._ends_at:
            time.sleep(min(self._due_at - now, _LONGEST_SLEEP_S))
            now = time.monotonic()
        # What could not be sent in time, on a busy machine, is not made up for by a burst.
        self._due_at = max(self._due_at, now - _LONGEST_SLEEP_S)
        self._due_at += (payload_bytes + headers_bytes) / self._bytes_per_s
        return now < self._ends_at


@contextmanager
def sources(count: int) -> Iterator[list[socket.socket]]:
    """UDP sockets at so many addresses of 127.0.0.0/8, where the system has them (Linux); else at so many ports."""
    found: list[socket.socket] = []
    try:
        for number in range(count):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            is_linux = sys.platform == "linux"
            sock.bind((f"127.66.{number // 250}.{1 + number % 250}" if is_linux else "127.0.0.1", 0))
            found.append(sock)
        yield found
    finally:
        for sock in found:
            sock.close()


def read_all(sock: socket.socket) -> list[bytes]:
    """What has come to a socket that does not block."""
    found: list[bytes] = []
    while True:
        try:
            found.append(sock.recv(_RECEIVE_BYTES))
        except OSError:
            return found


def flood_unproven(address: Address, pace: Pace, make: Callable[[int], bytes], *, places: int = 32) -> Counts:
    """One datagram after the other, from place to place, none of which has proven its address."""
    counts: Counts = Counter()
    with sources(places) as socks:
        number = 0
        while pace.wait(len(datagram := make(number))):
            send_to(socks[number % places], datagram, address, counts)
            number += 1
            if number % _READ_EVERY == 0:
                for each in socks:
                    counts["received_bytes"] += sum(map(len, read_all(each)))
        while ready := select.select(socks, [], [], _LAST_ANSWERS_S)[0]:
            counts["received_bytes"] += sum(len(answer) for sock in ready for answer in read_all(sock))
    counts["unproven_sent_bytes"] = counts["sent_bytes"]
    counts["unproven_received_bytes"] = counts["received_bytes"]
    return counts


def send_to(sock: socket.socket, datagram: bytes, address: Address, counts: Counts) -> None:
    try:
        sock.sendto(datagram, address)
    except OSError:
        counts["not_sent"] += 1
        return
    counts["sent_datagrams"] += 1
    counts["sent_bytes"] += len(datagram)


@cache
def identity(name: str = "stranger") -> Identity:
    del name
    return Identity.generate()


@cache
def _dtls_keys(name: str) -> DtlsKeys:
    return DtlsKeys(identity(name))


@cache
def tls_context(name: str = "stranger") -> SSL.Context:
    return client_context(identity(name))


class HandmadeLink:
    """A UDP link whose packets are written by hand. It reads what comes and, once it is established, answers nothing.

    `seal` makes the next packet; `skip` leaves out numbers, as if packets had got lost.
    """

    def __init__(self, address: Address, counts: Counts, name: str = "stranger") -> None:
        self._address = address
        self._counts = counts
        self._socket = self._new_socket()
        self._endpoint = Endpoint(
            exchanges=_dtls_keys(name), reset_key=os.urandom(32), entropy=os.urandom, accepts=False
        )
        self.link: Link = self._endpoint.connect(address, time.monotonic())

    def _new_socket(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((ELSEWHERE, 0))
        sock.connect(self._address)
        return sock

    def establish(self) -> bool:
        limit = time.monotonic() + _ESTABLISH_S
        while not self.is_open and time.monotonic() < limit and self.link.state is not LinkState.CLOSED:
            self._speak()
            select.select([self._socket], [], [], _REPEAT_S)
            self.read()
            self._endpoint.handle_timer(time.monotonic())
        if not self.is_open:
            self._counts["refused"] += 1
            return False
        self._speak()  # its first sealed packet, which confirms the link
        self._counts["links"] += 1
        return True

    def _speak(self) -> None:
        for _, datagrams in self._endpoint.datagrams_to_send(time.monotonic()):
            for datagram in datagrams:
                self.send(datagram)

    @property
    def is_open(self) -> bool:
        return self.link.state is LinkState.ESTABLISHED

    def seal(self, frames: bytes) -> bytes:
        return self.link._outgoing._seal(frames)

    def skip(self, numbers: int) -> None:
        self.link._outgoing._next_number += numbers

    def send(self, datagram: bytes) -> None:
        try:
            self._socket.send(datagram)
        except OSError:
            self._counts["not_sent"] += 1
            return
        self._counts["sent_datagrams"] += 1
        self._counts["sent_bytes"] += len(datagram)

    def read(self) -> int:
        """How many datagrams came; what is in them is taken in, so that the end of the link is noticed."""
        datagrams = read_all(self._socket)
        self._counts["received_bytes"] += sum(map(len, datagrams))
        for datagram in datagrams:
            self._endpoint.receive_datagram(datagram, self._address, time.monotonic())
        while self._endpoint.next_event() is not None:
            pass
        return len(datagrams)

    def move(self) -> None:
        """To another port of its address."""
        self._socket.close()
        self._socket = self._new_socket()

    def close(self) -> None:
        self._socket.close()


@contextmanager
def established(address: Address, counts: Counts, name: str = "stranger") -> Iterator[HandmadeLink | None]:
    """None: the server did not let it come so far."""
    made = HandmadeLink(address, counts, name)
    try:
        yield made if made.establish() else None
    finally:
        made.close()


def flood_links(
    address: Address,
    stop_after_s: float,
    bits_per_s: float,
    make: Callable[[HandmadeLink, int], bytes],
    each: Callable[[HandmadeLink], None] = HandmadeLink.read,  # type: ignore[assignment]
) -> Counts:
    """Packet after packet over a link of a stranger; over a new one where the server has ended the last."""
    counts: Counts = Counter()
    pace = Pace(stop_after_s, bits_per_s)
    while not pace.is_over:
        with established(address, counts) as link:
            if link is None:
                continue
            number = 0
            while link.is_open and pace.wait(len(packet := make(link, number))):
                link.send(packet)
                each(link)
                number += 1
            counts["ended"] += not link.is_open
    return counts


class HandmadeTls:
    """A TCP connection, and TLS on it where asked; `send` waits until the peer reads, so a slow peer slows it down."""

    def __init__(self, address: Address, counts: Counts) -> None:
        self._counts = counts
        self.is_open = True
        self._connection: SSL.Connection | None = None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(_ESTABLISH_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.bind((ELSEWHERE, 0))
        try:
            self.socket.connect(address)
        except OSError:
            self.is_open = False
            counts["refused"] += 1
            return
        counts["connections"] += 1

    def secure(self, context: SSL.Context | None = None) -> bool:
        """The handshake; False when it does not come off."""
        connection = self._connection = SSL.Connection(context or tls_context())
        connection.set_connect_state()
        while self.is_open:
            try:
                connection.do_handshake()
            except SSL.WantReadError:
                self._flush()
                self._take_in()
                continue
            except SSL.Error:
                self.is_open = False
                return False
            self._flush()
            return True
        return False

    def send_sealed(self, data: bytes) -> None:
        assert self._connection is not None
        try:
            self._connection.sendall(data)
        except SSL.Error:
            self.is_open = False
            return
        self._flush()

    def _flush(self) -> None:
        assert self._connection is not None
        try:
            while True:
                self.send(self._connection.bio_read(_RECEIVE_BYTES))
        except SSL.WantReadError:
            return

    def _take_in(self) -> None:
        data = self.receive()
        if data:
            assert self._connection is not None
            self._connection.bio_write(data)

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except OSError:
            self.is_open = False
            return
        self._counts["sent_bytes"] += len(data)

    def receive(self) -> bytes:
        """Waits; empty at the end."""
        try:
            data = self.socket.recv(_RECEIVE_BYTES)
        except OSError:
            data = b""
        self._counts["received_bytes"] += len(data)
        self.is_open = self.is_open and bool(data)
        return data

    def read_sealed(self) -> bytes:
        """What there is now, opened."""
        parts: list[bytes] = []
        assert self._connection is not None
        while self.is_open and select.select([self.socket], [], [], 0)[0]:
            self._take_in()
        try:
            while True:
                parts.append(self._connection.recv(_RECEIVE_BYTES))
        except SSL.Error as problem:
            if isinstance(problem, SSL.ZeroReturnError):
                self.is_open = False
        return b"".join(parts)

    def close(self) -> None:
        self.socket.close()
