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
from chatcrowds.sealed import BEGINS_FILE, SEALED_BYTES
from chatservers import Place, Serving
from chatservers.lanline import prepared, serving_prepared
from lanline.crypto.groups.epochs import commitment_of, epoch_id_of
from lanline.wire.sealing.said import Header
from sealedgroup import SealedGroup
from unsealed import checkout, told_by

MEMBERS = 100
MOST_RATIO = 1.03
TITLE, CROWD = "Lanline", "sealed"
_PLAIN = """
import asyncio, json, sys
from dataclasses import asdict
import chat
from chatservers import load_server
loads = asyncio.run(chat._loads(load_server("lanline"), int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
print(json.dumps({str(each.in_flight): each.cpu_us for each in loads}))
"""


def why_not() -> str | None:
    return None


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


async def _sealed(rounds: int, seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), MEMBERS, Place()) as running:
        async with chat.gathered(_SERVER, running, MEMBERS, folder) as crowd:
            await asyncio.sleep(chat.SETTLE_S)
            return {
                str(many): (await chat.load(running, crowd, MEMBERS, many, rounds, seconds)).cpu_us
                for many in chat.IN_FLIGHT
            }


class _SERVER:
    """As `chatservers.ChatServer`."""

    TITLE = TITLE
    CROWD = CROWD


def rows(rounds: int, is_quick: bool) -> list[list[str]]:
    seconds = chat.QUICK_SECONDS if is_quick else chat.SECONDS
    with checkout() as before:
        pairs = [
            (asyncio.run(_sealed(1, seconds)), told_by(before, _PLAIN, str(MEMBERS), "1", str(seconds)))
            for _ in range(rounds)
        ]
    found = []
    for many in map(str, chat.IN_FLIGHT):
        sealed, plain = (statistics.median(each[many] for each in side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(one[many] / other[many] for one, other in pairs)
        name = (
            f"server's CPU a delivery, {MEMBERS} members, {many} in flight: us ({SEALED_BYTES} B sealed, 200 B plain)"
        )
        found.append([name, f"{sealed:.2f}", f"{plain:.2f}", f"{ratio:.2f}", f"{MOST_RATIO}"])
    return found
