from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path

import pytest

from lanline.errors import StorageUnusable
from lanline.server.export import export_lines
from lanline.storage.sqlite.database import SqliteDatabase
from storage.shelf import new_entry
from unit.server.kept import ENTRIES, furnish


def test_an_export_of_a_running_server_has_everything_but_secrets(tmp_path: Path) -> None:
    shelf = furnish(tmp_path)
    raw = list(export_lines(SqliteDatabase(tmp_path)))
    shelf.store.close()
    lines = [json.loads(line) for line in raw]
    assert Counter(line["type"] for line in lines) == {
        "lanline-export": 1, "account": 2, "device": 1, "room": 1, "direct": 1, "entry": ENTRIES + 1, "end": 1
    }  # fmt: skip
    assert lines[0]["format"] == 1
    assert lines[-1] == {"type": "end", "lines": len(lines)}
    assert b"argon2" not in b"".join(raw)
    entries = [line for line in lines if line["type"] == "entry"]
    assert [entry["sequence"] for entry in entries if entry["log"] == 1] == list(range(1, ENTRIES + 1))
    assert base64.b64decode(entries[0]["content"]) == b"sealed 0"
    assert base64.b64decode(entries[-1]["content"]) == b"\0\xff"
    assert (entries[0]["suite"], entries[0]["entry_id"]) == ("plain", "00" * 16)
    room = next(line for line in lines if line["type"] == "room")
    assert (room["name"], room["access"], room["members"][0]["role"]) == ("#lab", "open", 3)
    assert next(line for line in lines if line["type"] == "direct")["accounts"] == [1, 2]
    assert next(line for line in lines if line["type"] == "device")["fingerprint"].startswith(b"key of ann".hex())


def test_an_export_is_of_one_moment(tmp_path: Path) -> None:
    shelf = furnish(tmp_path)
    lines = export_lines(SqliteDatabase(tmp_path))
    first = next(lines)
    shelf.append([new_entry(2, 77), new_entry(1, 78)])
    rest = [json.loads(line) for line in lines]
    shelf.store.close()
    assert first
    assert sum(line["type"] == "entry" for line in rest) == ENTRIES + 1


def test_there_is_no_export_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageUnusable, match="no server's database"):
        next(export_lines(SqliteDatabase(tmp_path)))
