"""What a chat server spends on a room: CPU for each delivery, how fast, how soon; and memory for each member."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from chatcrowd import gathered
from chatservers import SERVERS, ChatServer, Place, Serving, load_server
from child import Child, ChildFailed
from section import Options, Section, table

NAME = "chat"
MEMBERS = (100, 1_000)
IN_FLIGHT = (1, 50)
ROUNDS = 3
SECONDS = 4.0
QUICK_SECONDS = 1.0
WARM_UP_S = 1.0
SETTLE_S = 2.0
RUN_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Load:
    members: int
    in_flight: int
    cpu_us: float
    deliveries_per_s: float
    p50_ms: float
    p99_ms: float


async def measure(options: Options) -> Section:
    seconds = QUICK_SECONDS if options.quick else SECONDS
    rounds = 1 if options.quick else ROUNDS
    rows: list[list[str]] = []
    figures: dict[str, object] = {}
    for name in SERVERS:
        server = load_server(name)
        if reason := server.why_not():
            rows.append([server.TITLE, reason, *[""] * 6])
            continue
        results = [load for members in MEMBERS for load in await _loads(server, members, rounds, seconds)]
        rows += [_row(server.TITLE, load) for load in results]
        figures[server.TITLE] = [asdict(load) for load in results]
    return Section(
        name=NAME,
        title="Chat: a room on one server",
        setting=(
            "One member of a room speaks 200-byte messages so that always 1 or 50 are on their way; each is done when "
            "all the others have it, and then the next is said. The members are in one other process on the second "
            "core, which limits the rate; CPU is user and system time of the server's process, for one message to one "
            f"member; latency is from handing the message to the link to its arrival; median of {rounds} rounds of "
            f"{seconds:g} s after a warm-up. Lanline commits each message to the disk before anybody gets it, and "
            "every link is encrypted. The IRC servers do neither here; their limits against floods are lifted."
        ),
        tables=(
            table(
                ["server", "members", "in flight", "CPU µs a delivery", "deliveries/s", "p50 ms", "p99 ms"],
                [row[:7] for row in rows],
            ),
        ),
        figures=figures,
    )


def _row(title: str, load: Load) -> list[str]:
    return [
        title,
        f"{load.members:,}",
        str(load.in_flight),
        f"{load.cpu_us:.2f}",
        f"{load.deliveries_per_s:,.0f}",
        f"{load.p50_ms:.2f}",
        f"{load.p99_ms:.2f}",
    ]


async def _loads(server: ChatServer, members: int, rounds: int, seconds: float) -> list[Load]:
    with tempfile.TemporaryDirectory() as folder, server.serving(Path(folder), members, Place()) as serving:
        async with gathered(server, serving, members, folder) as crowd:
            await asyncio.sleep(SETTLE_S)
            return [await load(serving, crowd, members, count, rounds, seconds) for count in IN_FLIGHT]


async def load(serving: Serving, crowd: Child, members: int, in_flight: int, rounds: int, seconds: float) -> Load:
    await _round(serving, crowd, in_flight, WARM_UP_S)
    results = [await _round(serving, crowd, in_flight, seconds) for _ in range(rounds)]
    return Load(members, in_flight, *(statistics.median(column) for column in zip(*results, strict=True)))


async def _round(serving: Serving, crowd: Child, in_flight: int, seconds: float) -> tuple[float, float, float, float]:
    before = serving.cpu_s()
    crowd.tell(f"run {in_flight} {seconds}")
    ran = await crowd.expect("ran", RUN_LIMIT_S)
    if not ran["deliveries"]:
        raise ChildFailed("nothing was delivered")
    cpu_us = (serving.cpu_s() - before) * 1e6 / ran["deliveries"]
    return cpu_us, ran["deliveries"] / ran["seconds"], ran["p50_ms"], ran["p99_ms"]
