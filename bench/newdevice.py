"""How soon a new device reads: from the word that lets it in to the newest message of a long room on the screen.

Real programs: a server, an old device, and a new home. What was said is made in the server's folder, under the keys of
the old device.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from section import Options, Section, table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from chatcrowds import MESSAGE_BYTES
from e2e.house import COMMAND, House, clean_environment, house
from e2e.nodes import end_nodes
from lanline.client.chat.client import ChatClient
from lanline.client.chat.sealed.content import seal
from lanline.client.sealing.logchain import LogChain
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import room_key_of
from lanline.crypto.groups.said import RunKeys, Where, seal_words
from lanline.ids import new_entry_id
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.content import Text
from lanline.model.logs import LogId, NewEntry
from lanline.storage.sqlite.engine import SqliteEngine
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import SAID_SUITE, Header, Words
from lanline.wire.sealing.strict import ZEROS, encode_strictly

NAME = "newdevice"
BEHIND = 100_000
QUICK_BEHIND = 5_000
DEVICES = 3
MOST_S = 3.0
AT_ONCE = 1_000
RUN_OF = 250
OWNER = "ana"
LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Coming:
    behind: int
    in_s: float
    """Until `lanline join` is over, and the device one of the account's."""
    read_s: float
    """Until the newest message was shown."""


async def measure(options: Options) -> Section:
    behind, devices = (QUICK_BEHIND, 1) if options.quick else (BEHIND, DEVICES)
    found = [await asyncio.to_thread(_coming, each, devices) for each in (1, behind)]
    rows = [[f"{each.behind:,}", f"{each.in_s:.2f}", f"{each.read_s:.2f}"] for each in found]
    header = ("messages in the room", "the device is in: s", "newest message read: s")
    setting = (
        f"`lanline devices add` on an old device waits; then `lanline join LINK` in a new home and `lanline log "
        f"'#lobby' --last 1`, with the start of both programs. Median of {devices} devices, one after the other. The "
        f"messages have {MESSAGE_BYTES} bytes, all of the old device. At most {MOST_S:.0f} s are allowed."
    )
    return Section(
        NAME,
        "A new device in a room with much history",
        setting,
        [table(header, rows)],
        [asdict(each) for each in found],
    )


def _coming(behind: int, devices: int) -> Coming:
    with tempfile.TemporaryDirectory() as folder, house(Path(folder)) as place:
        server = place.serve()
        place.join(OWNER, server.first_invite)
        end_nodes(place.folder)
        said = asyncio.run(_said(place.folder / OWNER, behind))
        port = server.port
        server.end()
        newest = _append(place.data, said)
        place.serve(port=port)
        times = [_times(place, f"device{number}", newest) for number in range(devices)]
        came, read = zip(*times, strict=True)
        return Coming(behind, statistics.median(came), statistics.median(read))


def _times(place: House, name: str, newest: str) -> tuple[float, float]:
    adding = subprocess.Popen(
        [*COMMAND, "devices", "add", "--home", str(place.folder / OWNER)],
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )
    assert adding.stdout is not None
    link = adding.stdout.readline().strip()
    started = time.perf_counter()
    joined = place.member(name, "join", link)
    assert joined.returncode == 0, joined.stderr
    in_s = time.perf_counter() - started
    while newest not in _last(place, name):
        assert time.perf_counter() - started < LIMIT_S
        time.sleep(0.01)
    read_s = time.perf_counter() - started
    adding.communicate(timeout=LIMIT_S)
    end_nodes(place.folder)
    return in_s, read_s


def _last(place: House, name: str) -> str:
    done = place.member(name, "log", "#lobby", "--last", "1", "--json")
    assert done.returncode == 0, done.stderr
    return done.stdout


async def _said(home: Path, count: int) -> list[tuple[bytes, int, bytes]]:
    """What the device of this home says of so many messages: ids, times and contents."""
    client = ChatClient.at_home(home)
    member = client.node.seals.member
    assert member is not None
    copy = member.copy
    async with client:
        assert await client.wait_until(lambda: member.is_settled and copy.sealing_epoch() is not None, LIMIT_S)
        epoch = copy.sealing_epoch()
        assert epoch is not None
        secret, history = copy.secret(epoch.epoch_id), bytes.fromhex(client.node.server_history)[:8]
        assert secret is not None
    room_id = ids.open_room_id_of(copy.chain.group_id, "lobby")
    room_key, log_chain = room_key_of(secret, room_id), LogChain(0, ids.log_start_of(room_id))
    said, prev = [], ZEROS
    for place in range(1, count + 1):
        number = (place - 1) % RUN_OF
        if number == 0:
            header = Header(epoch.epoch_id, copy.device_id, os.urandom(16), b"")
            keys = RunKeys(room_key, copy.device_id, header.run)
        now_ms = int(time.time() * 1000)
        entry_id = new_entry_id(now_ms, os.urandom)
        body = seal(Text(_text(place)))[1]
        chain = copy.chain
        words = Words(number, prev, now_ms, chain.height, chain.head, history, *log_chain.seen, (), body)
        where = Where(room_id, copy.account_id, entry_id)
        content, prev = seal_words(keys, copy.signer, header, where, encode_strictly(words), os.urandom(32))
        log_chain.add([LogEntry(place, entry_id, 1, 1, now_ms, SAID_SUITE, content)])
        said.append((entry_id, now_ms, content))
    return said


def _text(place: int) -> str:
    return f"{place:08}" + "x" * (MESSAGE_BYTES - 8)


def _append(data: Path, said: list[tuple[bytes, int, bytes]]) -> str:
    """The text of the newest."""
    engine = SqliteEngine.open(data)
    try:
        room = engine.read(lambda view: view.rooms.all()[0].log)
        for start in range(0, len(said), AT_ONCE):
            entries = list(_entries(room, said[start : start + AT_ONCE]))
            (problem,) = engine.transact([lambda transaction, entries=entries: transaction.logs.append(entries)])
            if isinstance(problem, Exception):
                raise problem
    finally:
        engine.close()
    return _text(len(said))


def _entries(room: LogId, said: list[tuple[bytes, int, bytes]]) -> Iterator[NewEntry]:
    for entry_id, time_ms, content in said:
        yield NewEntry(room, entry_id, AccountId(1), DeviceId(1), time_ms, SAID_SUITE, content)


def main() -> None:
    behind, devices = int(sys.argv[1]), int(sys.argv[2])
    print(_coming(behind, devices))


if __name__ == "__main__":
    main()
