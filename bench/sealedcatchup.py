"""How fast a member reads sealed messages that were said while it was away, to its disk: beside the unsealed client."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from chatcatchup import read_with_history, serving_to
from chatservers.lanline import prepared
from lanline.client.chat.client import ChatClient
from lanline.client.view.events import CaughtUp, NodeEvent
from sealedgroup import SealedGroup
from unsealed import HERE, checkout, told_by

AUTHORS = 10
LEAST_RATE = 0.6
_READER = 1
_LIMIT_S = 60.0

_PLAIN = """
import asyncio, json, sys, tempfile
from dataclasses import asdict
from pathlib import Path
import chatcatchup as part
from lanline.client.chat.sealing import seal
from lanline.model.content import Text

class Texts:
    number = 0
    def urandom(self, size):
        if size != part.MESSAGE_BYTES:
            return os_urandom(size)
        self.number += 1
        return seal(Text(f"{self.number:08}" + "x" * (size - 8)))[1]

os_urandom, part.os = part.os.urandom, Texts()

async def main(behind):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, home = part.prepared(folder, 2), folder / "home"
        with part._serving_to(home, folder, data) as serving:
            await part._read_with_history(home, serving, 0)
        part._append(data, behind)
        with part._serving_to(home, folder, data) as serving:
            return asdict(await part._read_with_history(home, serving, behind))

print(json.dumps(asyncio.run(main(int(sys.argv[1])))))
"""
_SEALED = "import gc, sealedcatchup, sys; gc.set_threshold(20_000); sealedcatchup.tell(int(sys.argv[1]))"
"""The threshold is that of the program: `lanline.__main__`."""


def tell(behind: int) -> None:
    print(json.dumps(asyncio.run(_read(behind))))


async def _read(behind: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, home = prepared(folder, AUTHORS + 2), folder / f"home{_READER}"
        group = SealedGroup(folder, data, [folder / f"home{number}" for number in range(AUTHORS + 2)])
        with serving_to(home, folder, data):
            group.history = await _settle(home)
        group.say(behind, AUTHORS)
        with serving_to(home, folder, data) as serving:
            return asdict(await read_with_history(home, serving, behind))


async def _settle(home: Path) -> bytes:
    """It was here before: chain, secrets and the beginning of the room are on its disk. What the server calls its
    history.
    """
    client = ChatClient.at_home(home)
    member = client.node.seals.member
    assert member is not None
    events: set[type[NodeEvent]] = set()
    client.node.subscribe(lambda event: events.add(type(event)))

    def is_settled() -> bool:
        return CaughtUp in events and member.is_settled and member.copy.sealing_epoch() is not None

    async with client:
        assert await client.wait_until(is_settled, _LIMIT_S)
        return bytes.fromhex(client.node.server_history)[:8]


def rows(behind: int, rounds: int) -> list[list[str]]:
    """In turns, so that a busy machine is as busy for one as for the other."""
    pairs: list[tuple[dict[str, float], dict[str, float]]] = []
    with checkout() as before:
        for _ in range(rounds):
            plain = told_by(before, _PLAIN, str(behind))
            pairs.append((told_by(HERE, _SEALED, str(behind)), plain))
    rate = [(sealed["messages_per_s"], plain["messages_per_s"]) for sealed, plain in pairs]
    client = [(sealed["client_cpu_us"], plain["client_cpu_us"]) for sealed, plain in pairs]
    server = [(sealed["server_cpu_us"], plain["server_cpu_us"]) for sealed, plain in pairs]
    name = f"catch-up of {behind:,} messages of {AUTHORS} authors"
    return [
        _row(f"{name}, to the disk: messages/s", rate, f"at least {LEAST_RATE}", "{:,.0f}"),
        _row(f"{name}: CPU of the client, us each", client, "", "{:.1f}"),
        _row(f"{name}: CPU of the server, us each", server, "", "{:.1f}"),
    ]


def _row(name: str, pairs: list[tuple[float, float]], bar: str, form: str) -> list[str]:
    sealed, plain = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    return [name, form.format(sealed), form.format(plain), f"{ratio:.2f}", bar]


if __name__ == "__main__":
    for each in rows(int(sys.argv[1]), int(sys.argv[2])):
        print(each)
