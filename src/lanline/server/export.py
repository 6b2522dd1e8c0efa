"""Everything a server keeps, as JSON lines for other programs: what people said stays sealed, as it lies on the disk.

The first line names the format, the last one counts: without a last line an export was cut short. No passwords' hashes,
no invites, no keys.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from lanline.model.logs import Entry, LogId
from lanline.storage.api import Database, View

FORMAT = 1
_ENTRIES_AT_ONCE = 1000

Line = dict[str, Any]


def export_lines(database: Database) -> Iterator[bytes]:
    """As the server is at one moment, also while it runs. Raises StorageError."""
    encode = msgspec.json.Encoder().encode
    with database.reading() as view:
        yield encode({"type": "lanline-export", "format": FORMAT, "made_ms": time.time_ns() // 1_000_000}) + b"\n"
        count = 1
        for line in _lines(view):
            count += 1
            yield encode(line) + b"\n"
        yield encode({"type": "end", "lines": count + 1}) + b"\n"


def _lines(view: View) -> Iterator[Line]:
    accounts = view.accounts.all()
    for account in accounts:
        yield {"type": "account", **_fields(account)}
        for device in view.accounts.devices(account.id):
            yield {"type": "device", **_fields(device), "fingerprint": device.fingerprint.hex()}
    logs: list[LogId] = []
    for room in view.rooms.all():
        logs.append(room.log)
        members = [_fields(member) for member in view.rooms.members(room.log)]
        yield {"type": "room", **_fields(room), "members": members}
    directs = {direct.log: direct for account in accounts for direct in view.rooms.directs(account.id)}
    for direct in directs.values():
        logs.append(direct.log)
        yield {"type": "direct", "log": direct.log, "accounts": sorted({direct.lower, direct.higher})}
    for log in logs:
        yield from map(_entry, _entries(view, log))


def _fields(struct: msgspec.Struct) -> Line:
    return msgspec.structs.asdict(struct)


def _entries(view: View, log: LogId) -> Iterable[Entry]:
    sequence = 0
    while found := view.logs.after(log, sequence, _ENTRIES_AT_ONCE):
        yield from found
        sequence = found[-1].sequence


def _entry(entry: Entry) -> Line:
    return {
        "type": "entry",
        **_fields(entry),
        "entry_id": entry.entry_id.hex(),
        "content": base64.b64encode(entry.content).decode(),
    }
