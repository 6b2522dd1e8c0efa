"""What many members of one room cost a chat server: memory for each, signing in, and until the last one has a word."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from chatcrowd import gathered
from chatservers import SERVERS, ChatServer, Place, load_server
from child import ChildFailed
from section import Options, Section, table

NAME = "chatmembers"
MEMBERS = 2_000
QUICK_MEMBERS = 200
SETTLE_S = 3.0
SECONDS = 3.0
RUN_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Cost:
    kb_each: float
    sign_in_cpu_ms: float
    all_have_it_p50_ms: float
    all_have_it_max_ms: float


async def measure(options: Options) -> Section:
    members = QUICK_MEMBERS if options.quick else MEMBERS
    results = {load_server(name).TITLE: await _cost(load_server(name), members) for name in SERVERS}
    rows = [[title, *_columns(cost)] for title, cost in results.items()]
    return Section(
        name=NAME,
        title=f"Chat: {members:,} members in one room",
        setting=(
            f"{members:,} members sign in, 32 at a time, each over a socket of its own, and join one room. Memory is "
            "the growth of the server's resident set from its start until all are in and one message has reached "
            "everybody. Sign-in is the server's CPU for one member, handshake and the table of all members included; "
            "Lanline's members have their keys registered beforehand. Then one member speaks, one message on its way "
            f"at a time, for {SECONDS:g} s: the time until a message is with the last of them."
        ),
        tables=(table(["server", "kB a member", "sign-in CPU ms", "with all: p50 ms", "with all: max ms"], rows),),
        figures={title: cost if isinstance(cost, str) else asdict(cost) for title, cost in results.items()},
    )


def _columns(cost: Cost | str) -> list[str]:
    if isinstance(cost, str):
        return [cost, "", "", ""]
    return [
        f"{cost.kb_each:.1f}",
        f"{cost.sign_in_cpu_ms:.2f}",
        f"{cost.all_have_it_p50_ms:.0f}",
        f"{cost.all_have_it_max_ms:.0f}",
    ]


async def _cost(server: ChatServer, members: int) -> Cost | str:
    if missing := server.why_not():
        return missing
    try:
        with tempfile.TemporaryDirectory() as folder, server.serving(Path(folder), members, Place()) as serving:
            await asyncio.sleep(SETTLE_S)
            bytes_before, cpu_before = serving.resident_bytes(), serving.cpu_s()
            async with gathered(server, serving, members, folder) as crowd:
                await asyncio.sleep(SETTLE_S)
                sign_in_s = (serving.cpu_s() - cpu_before) / members
                crowd.tell(f"run 1 {SECONDS}")
                ran = await crowd.expect("ran", RUN_LIMIT_S)
                grown = serving.resident_bytes() - bytes_before
                return Cost(grown / members / 1e3, sign_in_s * 1e3, ran["last_p50_ms"], ran["last_max_ms"])
    except ChildFailed as failure:
        return f"failed: {failure}"
