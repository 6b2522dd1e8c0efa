"""The CPU of a server for a delivery, where it cannot read what is said: beside the last version before sealing.

All servers run at once, each with its own crowd, and take turns: what this machine does besides meets all of them.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import chat
from chatcrowds import MESSAGE_BYTES
from chatcrowds.sealed import BEGINS_FILE, SIZE_FILE
from chatservers import Place, Serving
from chatservers.lanline import prepared, serving_prepared
from child import Child, ChildFailed, child
from lanline.crypto.groups.epochs import commitment_of, epoch_id_of
from lanline.wire.sealing.said import Header
from process import cpu_s_of
from sealedgroup import SealedGroup
from unsealed import checkout

MEMBERS = 100
SEALED_BYTES = 504
"""What sealing makes of a text of 200 bytes."""
TURN_S = 1.0
MOST_RATIO = "1.03"
_PLAIN_SIDE = """
import asyncio, sys, tempfile
from pathlib import Path
from chatcrowd import gathered
from chatservers import Place, load_server
from parent import commands, say

async def main():
    server, members = load_server("lanline"), int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder, server.serving(Path(folder), members, Place()) as serving:
        async with gathered(server, serving, members, folder) as crowd:
            lines = await commands()
            say(event="gathered", pid=serving.pid)
            while line := await lines.readline():
                crowd.tell(line.decode().strip())
                say(**await crowd.expect("ran", 60.0))

asyncio.run(main())
"""


@contextmanager
def serving(folder: Path, members: int, place: Place) -> Iterator[Serving]:
    data = prepared(folder, members)
    group = SealedGroup(folder, data, [folder / f"home{number}" for number in range(members)])
    chain = group.story.chain
    epoch_id = epoch_id_of(commitment_of(group.secret, chain.group_id, chain.height, chain.head))
    header = Header(epoch_id, group.people[0].device.id, os.urandom(16), b"")
    (folder / BEGINS_FILE).write_bytes(header.without_nonce)
    with serving_prepared(data, place) as server:
        yield server


class _Sealed:
    """As `chatservers.ChatServer`."""

    TITLE, CROWD = "Lanline", "sealed"


@dataclass(frozen=True, slots=True)
class _Side:
    pid: int
    crowd: Child

    async def cpu_us(self, in_flight: int, seconds: float) -> float:
        """A delivery."""
        before = cpu_s_of(self.pid)
        self.crowd.tell(f"run {in_flight} {seconds}")
        ran = await self.crowd.expect("ran", chat.RUN_LIMIT_S)
        if not ran["deliveries"]:
            raise ChildFailed("nothing was delivered")
        return (cpu_s_of(self.pid) - before) * 1e6 / float(ran["deliveries"])


@asynccontextmanager
async def _sealed(size_bytes: int) -> AsyncIterator[_Side]:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), MEMBERS, Place()) as running:
        (Path(folder) / SIZE_FILE).write_text(str(size_bytes), encoding="ascii")
        async with chat.gathered(_Sealed, running, MEMBERS, folder) as crowd:
            yield _Side(running.pid, crowd)


@asynccontextmanager
async def _plain(size_bytes: int) -> AsyncIterator[_Side]:
    with checkout() as before:
        crowds = before / "bench" / "chatcrowds" / "__init__.py"
        source = crowds.read_text(encoding="utf-8")
        said = f"MESSAGE_BYTES = {MESSAGE_BYTES}"
        assert said in source
        crowds.write_text(source.replace(said, f"MESSAGE_BYTES = {size_bytes}"), encoding="utf-8")
        side = before / "bench" / "plainside.py"
        side.write_text(_PLAIN_SIDE, encoding="utf-8")
        paths = os.pathsep.join((str(before / "src"), str(before / "bench")))
        async with child(str(side), [str(MEMBERS)], ["env", f"PYTHONPATH={paths}"]) as crowd:
            gathered = await crowd.expect("gathered", chat.RUN_LIMIT_S)
            yield _Side(gathered["pid"], crowd)


async def _takes(rounds: int) -> dict[int, list[list[float]]]:
    """Of each number in flight, the rounds: plain; sealed as small, sealed; plain as large."""
    async with AsyncExitStack() as stack:
        sides = [
            await stack.enter_async_context(side)
            for side in (_plain(MESSAGE_BYTES), _sealed(MESSAGE_BYTES), _sealed(SEALED_BYTES), _plain(SEALED_BYTES))
        ]
        await asyncio.sleep(chat.SETTLE_S)
        for many in chat.IN_FLIGHT:
            for side in sides:
                await side.cpu_us(many, chat.WARM_UP_S)
        takes: dict[int, list[list[float]]] = {many: [] for many in chat.IN_FLIGHT}
        for number in range(rounds):
            for many in chat.IN_FLIGHT:
                turns = sides if number % 2 == 0 else sides[::-1]
                taken = [await side.cpu_us(many, TURN_S) for side in turns]
                takes[many].append(taken if number % 2 == 0 else taken[::-1])
        return takes


def rows(rounds: int) -> list[list[str]]:
    takes = asyncio.run(_takes(rounds))
    names = (
        (1, f"as many bytes ({MESSAGE_BYTES} B)", MOST_RATIO),
        (2, f"the same text ({SEALED_BYTES} B)", MOST_RATIO),
        (3, f"before sealing, as many bytes as sealed ({SEALED_BYTES} B)", ""),
    )
    return [_row(f"{many} in flight, {name}", place, takes[many], bar) for place, name, bar in names for many in takes]


def _row(name: str, place: int, takes: list[list[float]], bar: str) -> list[str]:
    before, today = (statistics.median(take[side] for take in takes) for side in (0, place))
    ratio = statistics.median(take[place] / take[0] for take in takes)
    title = f"server's CPU a delivery, {MEMBERS} members, {name}: us"
    return [title, f"{today:.2f}", f"{before:.2f}", f"{ratio:.2f}", bar]
