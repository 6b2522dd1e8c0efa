"""What strangers can do to a server: datagrams from many source addresses, none of which ever answers.

As a script it is the strangers: `flood.py '{…}'` sends one kind of datagram for so long, and says how many they were.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

from certificate import Certificate, temporary_certificate
from child import Child, ChildFailed, Line, child
from lanline.proto.link.preamble import (
    CONNECTION_ID_BYTES,
    TOKEN_BYTES,
    ClientRecords,
    Hello,
    OtherVersion,
    encode_preamble,
)
from linkserver import Server, link_server
from pair import endpoint_arguments
from parent import say
from process import pin_to
from section import Options, Section, percentile, table
from workload import Workload

NAME = "flood"
SOURCES = 250
DATAGRAMS = 4096
"""Made beforehand, each with another id, and sent over and over."""
IN_A_ROW = 64
SECONDS = 2.0
QUICK_SECONDS = 1.0
SETTLE_S = 0.5
RATES = (20_000, 100_000, None)
"""Datagrams a second; None is as fast as one process can."""
MESSAGE_BYTES = 200
INTERVAL_S = 0.01
LIMIT_S = 30.0
SERVER_CORE = 0

KINDS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "hello": lambda rng, _: encode_preamble(Hello(rng.randbytes(CONNECTION_ID_BYTES))),
    "hello of another version": lambda rng, _: encode_preamble(OtherVersion(rng.randbytes(8), 99, is_hello=True)),
    "records under a forged token": lambda rng, _: encode_preamble(
        ClientRecords(rng.randbytes(CONNECTION_ID_BYTES), rng.randbytes(TOKEN_BYTES), rng.randbytes(300))
    ),
    "sealed for nobody": lambda rng, _: b"\xff" + rng.randbytes(rng.randrange(40, 1200)),
    "sealed for nobody, by one who saw": lambda rng, id_prefix: id_prefix + rng.randbytes(rng.randrange(40, 1200)),
    "noise": lambda rng, _: bytes([rng.randrange(128)]) + rng.randbytes(rng.randrange(1200)),
}


@dataclass(frozen=True, slots=True)
class Effect:
    kind: str
    wanted_a_second: int | None
    sent_a_second: float
    taken_a_second: float
    taken_bytes: int
    answered_bytes: int
    grown_bytes: int
    half_open: int
    p50_ms: float
    p99_ms: float
    max_ms: float

    @property
    def row(self) -> list[str]:
        return [
            self.kind,
            f"{self.sent_a_second:,.0f}",
            f"{self.taken_a_second:,.0f}",
            f"{self.answered_bytes / self.taken_bytes:.2f}" if self.taken_bytes else "",
            f"{self.grown_bytes / 1e6:.1f}",
            str(self.half_open),
            f"{self.p50_ms:.1f} / {self.p99_ms:.1f} / {self.max_ms:.1f}",
        ]


async def measure(options: Options) -> Section:
    seconds = QUICK_SECONDS if options.quick else SECONDS
    try:
        with temporary_certificate() as certificate:
            effects = await _measure(seconds, (None,) if options.quick else RATES, certificate)
    except ChildFailed as failure:
        tables, figures = [f"failed: {failure}"], [{"failure": str(failure)}]
    else:
        header = ["", "sent /s", "taken /s", "bytes out / in", "MB grown", "half-open", "ms: p50 / p99 / max"]
        tables, figures = [table(header, [effect.row for effect in effects])], [asdict(effect) for effect in effects]
    return Section(
        name=NAME,
        title="A flood of datagrams from forged addresses",
        setting=(
            f"One process sends datagrams from {SOURCES} addresses of 127.0.0.0/8 to a server for {seconds:g} s each, "
            "and reads no answer, as if the addresses were forged: at given rates, and as fast as it can. What the "
            "kernel's buffer had no room for is sent and not taken. Bytes out / in compares payloads of what the "
            f"server took and answered. The latency is that of {MESSAGE_BYTES}-byte messages, {1 / INTERVAL_S:.0f} a "
            "second, on a link that was established before, from the moment they were due to the server's callback. "
            "Server and strangers have a core each. Who has seen a packet of the server's links knows how their "
            "connection ids begin, and can fill the buffer that they come through."
        ),
        tables=tables,
        figures=figures,
    )


async def _measure(seconds: float, rates: Sequence[int | None], certificate: Certificate) -> list[Effect]:
    duration_s = (len(KINDS) * len(rates) + 1) * (seconds + 2 * SETTLE_S + 2.0)
    workload = Workload(round(duration_s / INTERVAL_S), MESSAGE_BYTES, INTERVAL_S)
    async with (
        link_server(core=SERVER_CORE, key=certificate.key) as server,
        _steady_link(server, workload, certificate),
    ):
        effects = [await _effect(server, "nothing", 0, seconds)]
        effects += [await _effect(server, kind, rate, seconds) for kind in KINDS for rate in rates]
    return effects


@asynccontextmanager
async def _steady_link(server: Server, workload: Workload, certificate: Certificate) -> AsyncIterator[Child]:
    at = ("127.0.0.1", server.port)
    async with child(
        "endpoint.py", endpoint_arguments("sender", "lanline_default", "latency", at, workload, certificate)
    ) as sender:
        await sender.expect("connected", LIMIT_S)
        sender.tell("go")
        yield sender


async def _effect(server: Server, kind: str, rate: int | None, seconds: float) -> Effect:
    await asyncio.sleep(SETTLE_S)
    before = await server.report()
    flooded = await _flood(server, kind, rate, seconds)
    during = await server.report()
    await asyncio.sleep(SETTLE_S)
    # What was due during the flood may have come after it.
    late = (await server.report())["latency_ns"]
    span = range(flooded["started_ns"], flooded["ended_ns"])
    ordered = sorted(ns / 1e6 for due_ns, ns in during["latency_ns"] + late if due_ns in span)
    if not ordered:
        raise ChildFailed(f"nothing came through during {kind}")
    took_s = (flooded["ended_ns"] - flooded["started_ns"]) / 1e9
    return Effect(
        kind=kind,
        wanted_a_second=rate,
        sent_a_second=flooded["datagrams"] / took_s,
        taken_a_second=(during["received_datagrams"] - before["received_datagrams"]) / took_s,
        taken_bytes=during["received_bytes"] - before["received_bytes"],
        answered_bytes=during["sent_bytes"] - before["sent_bytes"],
        grown_bytes=during["resident_bytes"] - before["resident_bytes"],
        half_open=during["half_open"],
        p50_ms=percentile(ordered, 0.50),
        p99_ms=percentile(ordered, 0.99),
        max_ms=ordered[-1],
    )


async def _flood(server: Server, kind: str, rate: int | None, seconds: float) -> Line:
    if rate == 0:
        started_ns = time.monotonic_ns()
        await asyncio.sleep(seconds)
        return {"started_ns": started_ns, "ended_ns": time.monotonic_ns(), "datagrams": 0}
    spec = {"port": server.port, "id_prefix": server.id_prefix.hex(), "kind": kind, "rate": rate, "seconds": seconds}
    async with child("flood.py", [json.dumps(spec)]) as gang:
        return await gang.expect("result", seconds + LIMIT_S)


def _strangers() -> list[socket.socket]:
    """Sockets whose buffers are full at once, so that answers are dropped as they would be by forged addresses."""
    found = []
    for number in range(SOURCES):
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        # Only Linux lets every address of 127.0.0.0/8 be bound.
        stranger.bind((f"127.66.{number // 250}.{1 + number % 250}" if sys.platform == "linux" else "127.0.0.1", 0))
        found.append(stranger)
    return found


def _send(
    strangers: Sequence[socket.socket], datagrams: Sequence[bytes], port: int, rate: int | None, until: float
) -> int:
    address = ("127.0.0.1", port)
    supply = itertools.cycle(datagrams)
    started, sent = time.monotonic(), 0
    for stranger in itertools.cycle(strangers):
        now = time.monotonic()
        if now >= until:
            return sent
        if rate is not None and sent > (now - started) * rate:
            time.sleep(sent / rate - (now - started))
        for datagram in itertools.islice(supply, IN_A_ROW):
            stranger.sendto(datagram, address)
        sent += IN_A_ROW
    return sent


def main() -> None:
    wanted = json.loads(sys.argv[1])
    pin_to(SERVER_CORE + 1)
    rng = random.Random(wanted["kind"])
    make, id_prefix = KINDS[wanted["kind"]], bytes.fromhex(wanted["id_prefix"])
    datagrams = [make(rng, id_prefix) for _ in range(DATAGRAMS)]
    strangers = _strangers()
    started_ns = time.monotonic_ns()
    sent = _send(strangers, datagrams, wanted["port"], wanted["rate"], time.monotonic() + wanted["seconds"])
    say(event="result", datagrams=sent, started_ns=started_ns, ended_ns=time.monotonic_ns())


if __name__ == "__main__":
    main()
