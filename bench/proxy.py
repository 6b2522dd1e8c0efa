"""A bad network in one process: packets go in at one end and come out at the other late, out of order, or not at all.

    python bench/proxy.py udp --target-port 7000 --delay-ms 10 --loss 0.05 --burst 4
    python bench/proxy.py ip --devices near0 far0 --delay-ms 10 --loss 0.05

`udp` stands between one UDP client and a server. `ip` creates two TUN devices and moves IP packets between them, so
that TCP meets the same losses. It prints one JSON line when it is ready. On its standard input it takes `report`, which
it answers with its counters, `rate=2`, which sets the Mbit/s anew, `delay=60+80`, which sets the ms of delay and of
jitter, `cut` and `mend`, between which nothing passes, and `begin`, before which `--calm` loses nothing; it ends when
that closes.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import heapq
import itertools
import json
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Protocol

from impairment import Impairment, Line

LONGEST_PACKET_BYTES = 65_535
SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
UDP_IP_HEADER_BYTES = 28
READS_PER_TURN = 64
"""Reads are interrupted after so many, so that due packets leave on time during a flood."""

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000

Address = tuple[str, int]


class End(Protocol):
    """One of the two ends. `header_bytes` is what the wire carries besides what `receive` returns."""

    header_bytes: int

    def fileno(self) -> int: ...
    def receive(self) -> bytes: ...
    def send(self, packet: bytes) -> None: ...


class UdpEnd:
    header_bytes = UDP_IP_HEADER_BYTES

    def __init__(self, bind: Address, peer: Address | None) -> None:
        self._peer = peer
        self._learns_peer = peer is None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self._socket.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
        self._socket.bind(bind)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def receive(self) -> bytes:
        packet, address = self._socket.recvfrom(LONGEST_PACKET_BYTES)
        if self._learns_peer:
            self._peer = address
        return packet

    def send(self, packet: bytes) -> None:
        if self._peer is not None:
            self._socket.sendto(packet, self._peer)


class TunEnd:
    header_bytes = 0

    def __init__(self, device: str) -> None:
        self._descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self._descriptor, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))

    def fileno(self) -> int:
        return self._descriptor

    def receive(self) -> bytes:
        return os.read(self._descriptor, LONGEST_PACKET_BYTES)

    def send(self, packet: bytes) -> None:
        if packet[0] >> 4 == 4:  # the kernel chats about IPv6 neighbours on every new device; nobody listens
            os.write(self._descriptor, packet)


class Proxy:
    """The loop. It waits with `select`, whose timeout counts microseconds where that of `epoll` counts milliseconds."""

    def __init__(self, near: End, far: End, lines: tuple[Line, Line]) -> None:
        self._lines = dict(zip(("up", "down"), lines, strict=True))
        self._ends = {end.fileno(): end for end in (near, far)}
        self._routes = {near: (self._lines["up"], far), far: (self._lines["down"], near)}
        self._waiting: list[tuple[float, int, End, bytes]] = []
        self._numbers = itertools.count()

    def run(self, commands: int) -> None:
        while True:
            ready, _, _ = select.select([commands, *self._ends], [], [], self._timeout())
            for descriptor in ready:
                if descriptor != commands:
                    self._take_in(self._ends[descriptor])
                elif words := os.read(commands, 4096).split():
                    self._obey(words)
                else:
                    return
            self._let_out()

    def _obey(self, words: list[bytes]) -> None:
        for word in words:
            if word == b"report":
                _say(self.report())
            else:
                for line in self._lines.values():
                    _change(line, *word.split(b"="))

    def report(self) -> dict[str, dict[str, int]]:
        return {direction: asdict(line.counters) for direction, line in self._lines.items()}

    def _timeout(self) -> float | None:
        return max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None

    def _take_in(self, source: End) -> None:
        line, destination = self._routes[source]
        for packet in _packets(source):
            due = line.admit(len(packet) + source.header_bytes, time.monotonic())
            if due is not None:
                heapq.heappush(self._waiting, (due, next(self._numbers), destination, packet))

    def _let_out(self) -> None:
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            _, _, destination, packet = heapq.heappop(self._waiting)
            # An end whose program has gone refuses; so does a full buffer. A network would drop it without a word.
            with contextlib.suppress(OSError):
                destination.send(packet)


def _change(line: Line, word: bytes, value: bytes = b"") -> None:
    match word:
        case b"begin":
            line.begin_loss()
        case b"cut" | b"mend":
            line.cut(word == b"cut")
        case b"rate":
            line.set_rate(float(value) * 1e6)
        case b"delay":
            delay_ms, jitter_ms = map(float, value.split(b"+"))
            line.set_delay(delay_ms / 1e3, jitter_ms / 1e3)


def _packets(source: End) -> Iterator[bytes]:
    for _ in range(READS_PER_TURN):
        try:
            packet = source.receive()
        except BlockingIOError:
            return
        except OSError:  # ICMP "port unreachable" for an earlier datagram, or a TUN device that is not up yet
            return
        if packet:
            yield packet


def _say(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A bad network between two programs.")
    parser.add_argument("carrier", choices=("udp", "ip"))
    parser.add_argument("--listen-port", type=int, default=0, help="udp: where the client connects")
    parser.add_argument("--target-port", type=int, default=7000, help="udp: where the server listens")
    parser.add_argument(
        "--devices", nargs=2, metavar="NAME", default=("near0", "far0"), help="ip: the two TUN devices to create"
    )
    parser.add_argument("--delay-ms", type=float, default=0.0, help="one way")
    parser.add_argument("--loss", type=float, default=0.0, help="share of packets, each way: 0.05 is 5 %%")
    parser.add_argument("--burst", type=float, default=1.0, help="mean length of a run of lost packets")
    parser.add_argument("--jitter-ms", type=float, default=0.0)
    parser.add_argument("--reorder", type=float, default=0.0, help="share of packets held back")
    parser.add_argument("--rate-mbit", type=float, default=0.0, help="each way; 0 is unlimited")
    parser.add_argument("--queue-kb", type=float, default=256.0, help="what may wait for the rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calm", action="store_true", help="lose nothing until `begin` stands on standard input")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    wanted = _arguments(argv)
    impairment = Impairment(
        delay_s=wanted.delay_ms / 1e3,
        loss=wanted.loss,
        burst=wanted.burst,
        jitter_s=wanted.jitter_ms / 1e3,
        reorder=wanted.reorder,
        rate_bps=wanted.rate_mbit * 1e6,
        queue_bytes=round(wanted.queue_kb * 1024),
    )
    try:
        near, far = _open_ends(wanted)
    except OSError as refused:
        _say({"event": "failed", "reason": str(refused)})
        return
    with contextlib.suppress(KeyboardInterrupt):
        up, down = (Line(impairment, f"{wanted.seed} {way}", calm=wanted.calm) for way in ("up", "down"))
        Proxy(near, far, (up, down)).run(sys.stdin.fileno())


def _open_ends(wanted: argparse.Namespace) -> tuple[End, End]:
    if wanted.carrier == "udp":
        near = UdpEnd(("127.0.0.1", wanted.listen_port), None)
        far = UdpEnd(("127.0.0.1", 0), ("127.0.0.1", wanted.target_port))
        _say({"event": "ready", "port": near.port})
        return near, far
    tun_near, tun_far = (TunEnd(device) for device in wanted.devices)
    _say({"event": "ready"})
    return tun_near, tun_far


if __name__ == "__main__":
    main()
