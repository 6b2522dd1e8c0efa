"""A backup of a server that is in use, restored somewhere else: its people find it as it was."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from e2e.founded import Founded
from e2e.house import House, command
from serverhouse.ports import free_port


def test_people_go_on_at_the_restored_server_with_their_own_keys(founded: Founded, home: House, tmp_path: Path) -> None:
    port = free_port()
    founded.copy(tmp_path, port, "ann")
    server = home.serve(port=port)
    home.say("ann", "before the backup")
    archive = tmp_path / "backup.tar"
    assert "is made" in home.admin("admin", "backup", str(archive))
    refused = command("admin", "restore", str(archive), "--data", str(home.data))
    assert refused.stderr.startswith(f"lanline: A server runs on {home.data}.")
    server.end()

    restored = tmp_path / "elsewhere"
    done = command("admin", "restore", str(archive), "--data", str(restored))
    assert done.returncode == 0, done.stderr
    again = home.serve(data=restored, port=port)
    assert again.first_invite is None
    home.say("ann", "after it")
    assert [text for text in home.heard("ann") if "it" in text or "backup" in text] == ["before the backup", "after it"]


def test_an_export_goes_to_a_file_or_to_a_pipe(founded: Founded, home: House, tmp_path: Path) -> None:
    port = free_port()
    founded.copy(tmp_path, port, "ann")
    server = home.serve(port=port)
    home.say("ann", "one")
    lines = [json.loads(line) for line in home.admin("admin", "export").splitlines()]
    assert lines[-1] == {"type": "end", "lines": len(lines)}
    assert sum(line["type"] == "entry" for line in lines) == 1
    server.end()
    file = tmp_path / "all.jsonl"
    home.admin("admin", "export", str(file))
    assert [json.loads(line)["type"] for line in file.read_text().splitlines()] == [line["type"] for line in lines]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600, "everybody's words are in it"
    again = command("admin", "export", str(file), "--data", str(home.data))
    assert again.returncode == 64
    assert "overwrites nothing" in again.stderr
    nowhere = command("admin", "export", str(file / "inside"), "--data", str(home.data))
    assert nowhere.returncode == 1
    assert nowhere.stderr.startswith("lanline: The export ")
