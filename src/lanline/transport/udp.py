"""A UDP socket: bursts in and out, by the kernel's segmentation offload where it exists."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

from lanline.transport.addresses import port_unavailable, resolve
from lanline.transport.datagrams import Address
from lanline.transport.refusals import Refusal, hear_refusals, refusals_of

_SOL_UDP = 17
_UDP_SEGMENT = 103
_UDP_GRO = 104
_IP_MTU_DISCOVER = 10
_IPV6_MTU_DISCOVER = 23
_PMTUDISC_PROBE = 3
_GSO_MAX_SEGMENTS = 64
_GSO_MAX_BYTES = 65_000
_RECEIVE_BYTES = 65_536
_ANCILLARY_BYTES = 64
_MAX_READS = 64
_SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
_GSO_REFUSED = {errno.EINVAL, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EMSGSIZE}


class UdpSocket:
    id_prefix = b""

    def __init__(
        self,
        sock: socket.socket,
        *,
        offload: bool = True,
        may_fragment: bool = False,
        most_reads: int = _MAX_READS,
        hears_refusals: bool = False,
    ) -> None:
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        # libuv stops watching a descriptor that has an error to tell.
        can_hear = not type(self._loop).__module__.startswith("uvloop")
        self._hears_refusals = hears_refusals and can_hear and hear_refusals(sock)
        self._segments = offload and hasattr(socket, "CMSG_SPACE")
        self._coalesces = self._segments and _enable_gro(sock)
        self.forbids_fragmentation = not may_fragment and _forbid_fragmentation(sock)
        name = sock.getsockname()
        self.address: Address = (name[0], name[1])
        self._is_open = True
        self._most_reads = most_reads
        self._reads = 1
        """How many datagrams one turn asks for: no more than there were last time, so that a quiet socket is not asked
        in vain; twice as many when there were as many as asked for."""

    @classmethod
    async def bind(
        cls, host: str, port: int, *, offload: bool = True, may_fragment: bool = False, hears_refusals: bool = False
    ) -> UdpSocket:
        sock = await open_socket(host, port)
        return cls(sock, offload=offload, may_fragment=may_fragment, hears_refusals=hears_refusals)

    @property
    def family(self) -> socket.AddressFamily:
        return self._socket.family

    def start(self, on_readable: Callable[[], None]) -> None:
        self._loop.add_reader(self._socket.fileno(), on_readable)

    def receive(self) -> list[tuple[bytes, Address]]:
        return self._receive_coalesced() if self._coalesces else self._receive_plain()

    def _receive_plain(self) -> list[tuple[bytes, Address]]:
        received: list[tuple[bytes, Address]] = []
        receive = self._socket.recvfrom
        for _ in range(self._reads):
            try:
                data, address = receive(_RECEIVE_BYTES)
            except (BlockingIOError, InterruptedError):
                self._reads = max(1, len(received))
                return received
            except OSError:
                # An ICMP error of something sent earlier; the link notices by itself.
                continue
            received.append((data, address[:2]))
        self._reads = min(2 * self._reads, self._most_reads)
        return received

    def _receive_coalesced(self) -> list[tuple[bytes, Address]]:
        received: list[tuple[bytes, Address]] = []
        receive = self._socket.recvmsg
        for _ in range(self._reads):
            try:
                data, ancillary, _, address = receive(_RECEIVE_BYTES, _ANCILLARY_BYTES)
            except (BlockingIOError, InterruptedError):
                self._reads = max(1, len(received))
                return received
            except OSError:
                continue
            address = address[:2]
            if ancillary:
                size = int.from_bytes(ancillary[0][2], sys.byteorder)
                if 0 < size < len(data):
                    received += [(data[start : start + size], address) for start in range(0, len(data), size)]
                    continue
            received.append((data, address))
        self._reads = min(2 * self._reads, self._most_reads)
        return received

    def refusals(self) -> list[Refusal]:
        """Who has answered since the last call that nothing there listens; they must be asked for after each `receive`,
        or the socket stays readable.
        """
        return refusals_of(self._socket) if self._hears_refusals else []

    def send(self, address: Address, datagrams: list[bytes]) -> None:
        if len(datagrams) == 1:
            try:
                self._socket.sendto(datagrams[0], address)
            except OSError as problem:
                self._note_lost(problem, address, datagrams[0])
            return
        if not self._segments:
            for datagram in datagrams:
                self._send_one(address, datagram)
            return
        start = 0
        while start < len(datagrams):
            stop = _equal_run(datagrams, start)
            if stop - start == 1:
                self._send_one(address, datagrams[start])
            else:
                self._send_run(address, datagrams[start:stop])
            start = stop

    def _send_one(self, address: Address, datagram: bytes) -> None:
        try:
            self._socket.sendto(datagram, address)
        except OSError as problem:
            self._note_lost(problem, address, datagram)

    def _note_lost(self, problem: OSError, address: Address, datagram: bytes) -> None:
        """A full buffer or an unreachable host is loss, which the link is there for. But what is heard of one address
        is told at the next call, whomever that is for.
        """
        if self._hears_refusals and not isinstance(problem, BlockingIOError):
            with suppress(OSError):
                self._socket.sendto(datagram, address)

    def _send_run(self, address: Address, datagrams: list[bytes]) -> None:
        size = len(datagrams[0]).to_bytes(2, sys.byteorder)
        try:
            self._socket.sendmsg(datagrams, [(_SOL_UDP, _UDP_SEGMENT, size)], 0, address)
        except BlockingIOError:
            pass
        except OSError as problem:
            if problem.errno in _GSO_REFUSED:
                self._segments = False
            for datagram in datagrams:
                self._send_one(address, datagram)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()


async def open_socket(host: str, port: int) -> socket.socket:
    """Raises AddressUnavailable with the sentence for the person."""
    family, address = await resolve(host, port)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        enlarge_buffers(sock)
        sock.bind(address)
    except OSError as cause:
        sock.close()
        raise port_unavailable("UDP", host, port, cause) from cause
    return sock


def enlarge_buffers(sock: socket.socket) -> None:
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER_BYTES)


def _equal_run(datagrams: list[bytes], start: int) -> int:
    """Where the run ends that one call may send: equal sizes, the last one may be shorter; none is empty."""
    size = len(datagrams[start])
    if not size:
        return start + 1
    stop = min(len(datagrams), start + min(_GSO_MAX_SEGMENTS, max(1, _GSO_MAX_BYTES // size)))
    sizes = list(map(len, datagrams[start:stop]))
    if sizes.count(size) == len(sizes):
        return stop
    run = next(place for place, length in enumerate(sizes) if length != size)
    return start + run + (0 < sizes[run] < size)


def _enable_gro(sock: socket.socket) -> bool:
    try:
        sock.setsockopt(_SOL_UDP, _UDP_GRO, 1)
    except OSError:
        return False
    return True


def _forbid_fragmentation(sock: socket.socket) -> bool:
    """Set the DF bit, and let datagrams of any size try their luck (RFC 8899, 4.4)."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE)
    except OSError:
        return False
    return True
