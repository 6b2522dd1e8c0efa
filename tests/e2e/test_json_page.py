"""docs/json.md names every command with --json and what it prints, and each of them is run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.founded import Founded
from e2e.house import House, house
from e2e.program import Program
from lanline.cli.commands import COMMANDS
from lanline.cli.lazycommand import load_command
from serverhouse.ports import free_port

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| (`lanline [^|]+) \| ([^|]+) \|$", re.MULTILINE)
_TIMES = {"time", "seen", "added", "made", "expires"}
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_HASH = re.compile(r"[0-9a-f]{64}")


def keys_of_page() -> dict[str, set[str]]:
    found = {
        name: set(re.findall(r"`([a-z_]+)`", keys))
        for names, keys in _ROW.findall(PAGE)
        for name in re.findall(r"`lanline ([^`]+)`", names)
    }
    fields = PAGE.partition("## Messages")[2]
    messages = set(re.findall(r"`([a-z_]+)`", " ".join(re.findall(r"^\| ([^|]+) \|", fields, re.MULTILINE))))
    return found | {
        "log": messages,
        "chat": messages,
        "rooms pins": messages,
        "admin videos list": found["video library"],
    }


def commands_with_json() -> Iterator[str]:
    def walk(command: Any, name: str) -> Iterator[str]:
        if any("--json" in option.opts for option in command.params):
            yield name
        for word, below in getattr(command, "commands", {}).items():
            yield from walk(below, f"{name} {word}")

    for name, (place, _) in COMMANDS.items():
        if name != "smtp":  # it parses its words itself, and has a page of its own
            yield from walk(load_command(place), name)


@pytest.fixture
def home(founded: Founded, tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        port = free_port()
        founded.copy(tmp_path, port, "ann", "ben")
        made.serve(port=port)
        yield made


def test_every_command_with_json_is_on_the_page() -> None:
    assert set(commands_with_json()) == {name for name in keys_of_page() if not name.startswith("smtp")}


def test_every_command_prints_the_keys_of_the_page_one_object_a_line(home: House) -> None:
    assert home.member("carl", "join", home.invite(), "--name", "carl").returncode == 0
    home.say("ben", "hello")
    words = {
        "log": ("log", "#lobby"),
        "send": ("send", "#lobby", "hi"),
        "verify": ("verify", "ben"),
        "admin devices": ("admin", "devices", "ben"),
        "doctor": ("doctor", "--keys"),
        "invite": ("invite", "--expires", "2h"),
        "rooms names": ("rooms", "names", "#lobby"),
        "rooms pins": ("rooms", "pins", "#lobby"),
        "ignore": ("ignore", "carl"),
    }
    said = json.loads(home.member("ann", "log", "#lobby", "--last", "1", "--json").stdout)
    assert home.member("ann", "rooms", "pin", "#lobby", str(said["sequence"])).returncode == 0
    for name, keys in keys_of_page().items():
        if name.startswith("smtp") or name == "chat":  # which prints what comes: see below
            continue
        done = home.member("ann", *words.get(name, name.split()), "--json")
        assert done.returncode == 0, (name, done.stderr)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert rows, name
        for row in rows:
            check(name, row, keys)


def check(name: str, row: dict[str, Any], keys: set[str]) -> None:
    if name in {"log", "chat", "rooms pins"}:
        assert set(row) <= keys, name
        assert row["own"] is (row["from"] == "ann")
    elif name == "admin status":
        assert keys < set(row)
        assert all(isinstance(row[each], float | int) for each in set(row) - keys)
    else:
        assert set(row) == keys, name
    for key in _TIMES & set(row):
        assert row[key] is None or _UTC.fullmatch(row[key]), (name, key, row[key])
    for device in row.get("devices", ()):
        check("admin devices", device, keys_of_page()["admin devices"])
    hashes = [key for key, value in row.items() if isinstance(value, str) and _HASH.fullmatch(value)]
    assert set(hashes) <= ({"id"} if name in {"log", "chat", "send"} else {"key", "head", "shown_head"}), (name, hashes)


def test_a_chat_marks_what_another_program_of_the_same_person_has_said(home: House) -> None:
    chat = Program("chat", "--stay", "--json", "--home", str(home.folder / "ann"))
    try:
        chat.wait_aside("Connected to")
        for name in ("ann", "ben"):
            home.say(name, f"of {name}")
            chat.wait_out(f'"of {name}".*\n')
        chat.end_input()
    finally:
        chat.dispose()
    rows = [json.loads(line) for line in chat.out.text.splitlines()]
    assert [row["own"] for row in rows if row["text"].startswith("of ")] == [True, False]
    for row in rows:
        check("chat", row, keys_of_page()["chat"])
