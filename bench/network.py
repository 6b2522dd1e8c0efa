"""The way between the two endpoints of a run: loopback as it is, through the UDP proxy, or through two namespaces.

The last one is for contenders that live in the kernel. Each endpoint runs in a network namespace with one TUN
device; the proxy holds both devices. It needs Linux, root, and `ip` of iproute2; `why_no_ip_network` says what lacks.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from child import Child, child
from impairment import Impairment

PROXY_LIMIT_S = 10.0
NAMESPACE_PORT = 4433
_numbers = itertools.cycle(range(10))
"""Several at a time."""
RECEIVER_HOST, SENDER_HOST = "192.0.2.1", "192.0.2.2"
"""RFC 5737 documentation addresses: inside our own namespaces they can meet nobody."""


@dataclass(frozen=True, slots=True)
class WireCount:
    """What both endpoints put on the wire, the lost packets included."""

    packets: int = 0
    size_bytes: int = 0
    lost_packets: int = 0

    def since(self, earlier: WireCount) -> WireCount:
        return WireCount(
            self.packets - earlier.packets,
            self.size_bytes - earlier.size_bytes,
            self.lost_packets - earlier.lost_packets,
        )


@dataclass(frozen=True, slots=True)
class Network:
    listen_at: tuple[str, int]
    connect_to: tuple[str, int]
    receiver_prefix: Sequence[str] = ()
    sender_prefix: Sequence[str] = ()
    proxy: Child | None = None

    def begin_loss(self) -> None:
        """Called once the two have connected: which handshake is lucky is not what is measured."""
        if self.proxy is not None:
            self.proxy.tell("begin")

    async def wire_count(self) -> WireCount:
        if self.proxy is None:
            return WireCount()
        self.proxy.tell("report")
        report = await self.proxy.next_line(PROXY_LIMIT_S)
        return WireCount(
            packets=sum(line["offered_packets"] for line in report.values()),
            size_bytes=sum(line["offered_bytes"] for line in report.values()),
            lost_packets=sum(line["lost_packets"] + line["overflowed_packets"] for line in report.values()),
        )


def why_no_ip_network() -> str | None:
    if sys.platform != "linux":
        return "needs Linux"
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    if shutil.which("ip") is None:
        return "needs iproute2"
    return None if Path("/dev/net/tun").exists() else "needs /dev/net/tun"


def _free_port() -> int:
    """Free for TCP and, a moment ago, for UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        return int(tcp.getsockname()[1])


@asynccontextmanager
async def loopback() -> AsyncIterator[Network]:
    here = ("127.0.0.1", _free_port())
    yield Network(listen_at=here, connect_to=here)


@asynccontextmanager
async def udp_network(impairment: Impairment, seed: int) -> AsyncIterator[Network]:
    target = _free_port()
    arguments = ["udp", "--target-port", str(target), *_proxy_arguments(impairment, seed)]
    async with child("proxy.py", arguments) as proxy:
        ready = await proxy.expect("ready", PROXY_LIMIT_S)
        yield Network(("127.0.0.1", target), ("127.0.0.1", ready["port"]), proxy=proxy)


@asynccontextmanager
async def ip_network(impairment: Impairment, seed: int) -> AsyncIterator[Network]:
    name = f"llb{os.getpid()}{next(_numbers)}"
    near, far = f"{name}n", f"{name}f"
    try:
        async with child("proxy.py", ["ip", "--devices", near, far, *_proxy_arguments(impairment, seed)]) as proxy:
            await proxy.expect("ready", PROXY_LIMIT_S)
            await _furnish(near, SENDER_HOST, RECEIVER_HOST)
            await _furnish(far, RECEIVER_HOST, SENDER_HOST)
            place = (RECEIVER_HOST, NAMESPACE_PORT)
            yield Network(place, place, _inside(far), _inside(near), proxy)
    finally:
        for namespace in (near, far):
            with suppress(OSError):
                await _ip("netns", "del", namespace)


async def _furnish(device: str, own_host: str, peer_host: str) -> None:
    """A namespace named as its device; moving a device does not take it from the process that holds it."""
    await _ip("netns", "add", device)
    await _ip("link", "set", device, "netns", device)
    await _ip("-n", device, "address", "add", own_host, "peer", peer_host, "dev", device)
    await _ip("-n", device, "link", "set", "lo", "up")
    await _ip("-n", device, "link", "set", device, "up")


async def _ip(*words: str) -> None:
    process = await asyncio.create_subprocess_exec("ip", *words, stderr=asyncio.subprocess.PIPE)
    _, complaint = await process.communicate()
    if process.returncode:
        raise OSError(f"ip {' '.join(words)}: {complaint.decode().strip()}")


def _inside(namespace: str) -> Sequence[str]:
    return ("ip", "netns", "exec", namespace)


def _proxy_arguments(impairment: Impairment, seed: int) -> list[str]:
    settings = {
        "--delay-ms": impairment.delay_s * 1e3,
        "--loss": impairment.loss,
        "--burst": impairment.burst,
        "--jitter-ms": impairment.jitter_s * 1e3,
        "--reorder": impairment.reorder,
        "--rate-mbit": impairment.rate_bps / 1e6,
        "--queue-kb": impairment.queue_bytes / 1024,
        "--seed": seed,
    }
    return ["--calm", *(word for name, value in settings.items() for word in (name, str(value)))]
