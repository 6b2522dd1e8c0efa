"""Who is measured. A contender is one module here, named in `CONTENDERS`, with six names in it:

    TITLE = "…"          its row in the tables
    CARRIER = "udp"      or "ip" where it needs a real network path to lose packets on
    PARTS = ("bulk", …)  the parts of the benchmark that it takes part in
    DATAGRAM = "1200 B"  the largest datagram that it sends
    async def listen(place, on_message) -> object           accept links at `place`; keep what it returns alive
    async def connect(place, on_message) -> Link            return when messages may be sent

Both sides call `on_message(link, payload)` for every message, in order, and carry reliable ordered messages both ways.
The harness does the rest: processes, network, load, clock, tables.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

CONTENDERS = (
    "lanline_default",
    "lanline_1200",
    "lanline_stop_and_wait",
    "aioquic_stream",
    "enet_reliable",
    "tcp_tls",
)
"""In the order of the tables."""


class Link(Protocol):
    def send(self, message: bytes) -> None:
        """Queue it, to leave in this turn of the loop. Raises ConnectionError or LanlineError when it failed."""

    async def drain(self) -> None:
        """Return when the link would take another message. Raises as `send` does."""


OnMessage = Callable[[Link, bytes], None]


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen or connect, for what kind of load, and the certificate for those who take one as files."""

    host: str
    port: int
    purpose: Literal["latency", "bulk"]
    certificate: Path
    key: Path


class Contender(Protocol):
    TITLE: str
    CARRIER: Literal["udp", "ip"]
    PARTS: Sequence[str]
    DATAGRAM: str

    listen: Callable[[Place, OnMessage], Awaitable[object]]
    connect: Callable[[Place, OnMessage], Awaitable[Link]]


def load_contender(name: str) -> Contender:
    """Raises ImportError where the library behind it is not installed."""
    contender: Contender = importlib.import_module(f"contenders.{name}")
    return contender


def why_not_installed(name: str) -> str | None:
    try:
        load_contender(name)
    except ImportError as missing:
        return f"{missing.name} is not installed"
    return None


def taking_part(names: Sequence[str], part: str) -> list[str]:
    """Those of the contenders that this part measures; one whose library is missing has a row that says so."""
    return [name for name in names if why_not_installed(name) or part in load_contender(name).PARTS]


def title_of(name: str) -> str:
    return name if why_not_installed(name) else load_contender(name).TITLE


def datagram_of(name: str) -> str:
    return "" if why_not_installed(name) else load_contender(name).DATAGRAM
