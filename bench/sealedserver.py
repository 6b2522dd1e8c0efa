"""The CPU of a server for a delivery, where it cannot read what is said: beside the last version before sealing."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import chat
from chatcrowds import MESSAGE_BYTES
from chatcrowds.sealed import BEGINS_FILE, SIZE_FILE
from chatservers import Place, Serving
from chatservers.lanline import prepared, serving_prepared
from lanline.crypto.groups.epochs import commitment_of, epoch_id_of
from lanline.wire.sealing.said import Header
from sealedgroup import SealedGroup
from unsealed import checkout, told_by

MEMBERS = 100
SIZES = {"as many bytes": MESSAGE_BYTES, "the same text": 504}
"""Of what is sent; sealing makes 504 bytes of a text of 200."""
MOST_RATIO = 1.03
_PLAIN = """
import asyncio, json, sys
from dataclasses import asdict
import chat
from chatservers import load_server
loads = asyncio.run(chat._loads(load_server("lanline"), int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
print(json.dumps({str(each.in_flight): each.cpu_us for each in loads}))
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


async def _sealed(seconds: float, size_bytes: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), MEMBERS, Place()) as running:
        (Path(folder) / SIZE_FILE).write_text(str(size_bytes), encoding="ascii")
        async with chat.gathered(_Sealed, running, MEMBERS, folder) as crowd:
            await asyncio.sleep(chat.SETTLE_S)
            return {
                str(many): (await chat.load(running, crowd, MEMBERS, many, 1, seconds)).cpu_us
                for many in chat.IN_FLIGHT
            }


class _Sealed:
    """As `chatservers.ChatServer`."""

    TITLE, CROWD = "Lanline", "sealed"


def rows(rounds: int, *, is_quick: bool) -> list[list[str]]:
    seconds = chat.QUICK_SECONDS if is_quick else chat.SECONDS
    takes: list[tuple[dict[str, dict[str, float]], dict[str, float]]] = []
    with checkout() as before:
        for _ in range(rounds):
            plain = told_by(before, _PLAIN, str(MEMBERS), "1", str(seconds))
            takes.append(({name: asyncio.run(_sealed(seconds, size)) for name, size in SIZES.items()}, plain))
    return [_row(name, str(many), takes) for name in SIZES for many in chat.IN_FLIGHT]


def _row(name: str, many: str, takes: list[tuple[dict[str, dict[str, float]], dict[str, float]]]) -> list[str]:
    pairs = [(sealed[name][many], plain[many]) for sealed, plain in takes]
    today, before = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    title = f"server's CPU a delivery, {MEMBERS} members, {many} in flight, {name} ({SIZES[name]} B): us"
    return [title, f"{today:.2f}", f"{before:.2f}", f"{ratio:.2f}", f"{MOST_RATIO}"]
