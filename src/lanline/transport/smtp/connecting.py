"""Owns the way from a host name to a connected socket: DNS, the race of addresses (RFC 8305), SOCKS5. Not TLS.

Everything waits with a limit, and stops at once when the person wants it to.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import select
import socket
import struct
import threading
import time
from collections import deque
from typing import Any, TypeAlias

from lanline.errors import MailDeferred, MailInterrupted, MailProblem, MailRefused
from lanline.model.mail.server import Server, is_ip_address

_NEXT_ADDRESS_S = 0.25
"""RFC 8305, 5: so long one address is alone before the next is tried beside it."""
_MAX_DNS_S = 20.0
AGAIN = "Nothing was sent; try again later."

Address: TypeAlias = tuple[socket.AddressFamily, tuple[Any, ...]]


class Interrupt:
    """The person's wish to stop, which wakes whoever waits for a socket. For signal handlers and other threads."""

    def __init__(self) -> None:
        self.reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self.is_set = False

    def set(self) -> None:
        self.is_set = True
        self._writer.send(b"!")

    def close(self) -> None:
        self.reader.close()
        self._writer.close()

    def wait(self, wanted: dict[socket.socket, int], limit_s: float) -> list[socket.socket]:
        """Those of `wanted` that are ready, within the limit. An interruption ends the wait, too."""
        poll = select.poll()
        for watched, events in wanted.items():
            poll.register(watched, events)
        if not self.is_set:
            poll.register(self.reader, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(max(0.0, limit_s) * 1000)}
        return [watched for watched in wanted if watched.fileno() in ready]

    def wait_or_stop(self, wanted: dict[socket.socket, int], limit_s: float) -> list[socket.socket]:
        ready = [] if self.is_set else self.wait(wanted, limit_s)
        if self.is_set:
            raise MailInterrupted("Interrupted before the message was on its way: it was not sent.")
        return ready


def connected(server: Server, interrupt: Interrupt, limit_s: float) -> socket.socket:
    """A socket that does not block. Raises MailRefused or MailDeferred, with words for what is in the way."""
    host, port = server.proxy or (server.host, server.port)
    try:
        addresses = looked_up(host, port, interrupt, min(limit_s, _MAX_DNS_S))
        own = server.source_address
        fitting = [one for one in addresses if own is None or (one[0] == socket.AF_INET6) == (":" in own)]
        found = _raced(fitting, own, interrupt, limit_s)
        try:
            if server.proxy is not None:
                _through_proxy(found, server, interrupt, limit_s)
        except BaseException:
            found.close()
            raise
    except OSError as cause:
        raise _absent(server, cause) from cause
    return found


def looked_up(host: str, port: int, interrupt: Interrupt, limit_s: float) -> list[Address]:
    """The system's resolver cannot be told to stop, so it works in a thread that nobody waits for."""
    if is_ip_address(host):
        return _addresses(host, port, socket.AI_NUMERICHOST)
    answer: list[list[Address] | Exception] = []
    done, told = socket.socketpair()

    def look_up() -> None:
        try:
            answer.append(_addresses(host, port, 0))
        except (OSError, UnicodeError) as cause:
            answer.append(cause)
        told.close()

    threading.Thread(target=look_up, daemon=True).start()
    with done:
        interrupt.wait_or_stop({done: select.POLLIN}, limit_s)
    if not answer:
        text = f"The name service did not say in time where {host} is; check the network and its DNS."
        raise MailDeferred(f"{text} {AGAIN}")
    if isinstance(found := answer[0], Exception):
        raise found if isinstance(found, OSError) else socket.gaierror(str(found))
    return found


def _addresses(host: str, port: int, flags: int) -> list[Address]:
    """RFC 8305, 4: the families take turns, in the order of the system."""
    families: dict[socket.AddressFamily, list[Address]] = {}
    for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags):
        families.setdefault(family, []).append((family, address))
    rows = itertools.zip_longest(*families.values())
    return list(dict.fromkeys(address for row in rows for address in row if address is not None))


def _raced(addresses: list[Address], own: str | None, interrupt: Interrupt, limit_s: float) -> socket.socket:
    """The first that answers. An address that swallows what it gets holds nobody up for longer than a moment."""
    waiting, trying = deque(addresses), dict[socket.socket, int]()
    failure, deadline = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL)), time.monotonic() + limit_s
    try:
        while waiting or trying:
            if waiting:
                try:
                    trying[_begun(*waiting.popleft(), own)] = select.POLLOUT
                except OSError as cause:
                    failure = cause
                    continue
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise OSError(errno.ETIMEDOUT, "")
            for ready in interrupt.wait_or_stop(trying, min(_NEXT_ADDRESS_S, left_s) if waiting else left_s):
                del trying[ready]
                number = ready.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if number == 0:
                    return ready
                ready.close()
                failure = OSError(number, os.strerror(number))
    finally:
        for loser in trying:
            loser.close()
    raise failure


def _begun(family: socket.AddressFamily, address: tuple[Any, ...], own: str | None) -> socket.socket:
    trying = socket.socket(family, socket.SOCK_STREAM)
    trying.setblocking(False)
    trying.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        if own is not None:
            trying.bind((own, 0))
        with contextlib.suppress(BlockingIOError):
            trying.connect(address)
    except OSError:
        trying.close()
        raise
    return trying


_ABSENT = {
    errno.ECONNREFUSED: "Nothing answers at {} (connection refused){}.",
    errno.ETIMEDOUT: "{} does not answer; it may be down, or a firewall is in the way.",
    **dict.fromkeys(
        (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN), "There is no way to {} from here; check the network."
    ),
}


def _absent(server: Server, cause: OSError) -> MailProblem:
    host, port = server.proxy or (server.host, server.port)
    place, usual = str(server), "; the port is usually 587, or 465 with --smtps"
    if server.proxy is not None:
        place, usual = f"the proxy {host}:{port}", ""
    if cause.errno in {errno.EADDRNOTAVAIL, errno.EINVAL} and server.source_address is not None:
        return MailRefused(f"{server.source_address} is no address of this machine to reach {place} from.")
    text = _ABSENT.get(cause.errno or 0, "The connection to {} broke before the greeting.").format(place, usual)
    if isinstance(cause, socket.gaierror):
        text = f"The host {host} is not known here; check its name, and that this machine is on the network."
    return MailDeferred(f"{text} {AGAIN}")


_PROXY_SAYS = {
    2: "its rules forbid it",
    3: "there is no way to that network",
    4: "the host is not known or not reachable",
    5: "nothing answers at that port",
    6: "it took too long",
}


def _through_proxy(found: socket.socket, server: Server, interrupt: Interrupt, limit_s: float) -> None:
    """RFC 1928, without a password. The name goes along as it is: the proxy looks it up."""
    deadline = time.monotonic() + limit_s

    def hear(size_bytes: int) -> bytes:
        heard = b""
        while len(heard) < size_bytes:
            if not interrupt.wait_or_stop({found: select.POLLIN}, deadline - time.monotonic()):
                raise OSError(errno.ETIMEDOUT, "")
            more = found.recv(size_bytes - len(heard))
            if not more:
                raise ConnectionResetError
            heard += more
        return heard

    found.sendall(b"\5\1\0")
    if hear(2) != b"\5\0":
        raise MailRefused("The SOCKS5 proxy wants a password, or is none: only open ones are known here.")
    name = server.host.encode()
    found.sendall(b"\5\1\0\3" + bytes([len(name)]) + name + struct.pack("!H", server.port))
    version, status, _, kind = hear(4)
    if version != 5 or status != 0:
        reason = _PROXY_SAYS.get(status, "it failed")
        raise MailDeferred(f"The SOCKS5 proxy did not reach {server}: {reason}. {AGAIN}")
    hear(({1: 4, 4: 16}.get(kind) or hear(1)[0]) + 2)
