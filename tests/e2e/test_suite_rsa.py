"""Row c2 with RSA keys: a pair and a private room whose members' public keys are registered under their names."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from e2e.house import House, house, well
from e2e.nodes import end_nodes
from lanline.client.chat.sealed.alarms import alarms_kept_in

RSA_BOX_BYTES = 384
QUEUED = 75


def wait(condition: Callable[[], bool], limit_s: float = 120.0) -> None:
    limit = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.2)  # each look starts a program


def said(home: House, name: str, where: str) -> list[str]:
    lines = well(home.member(name, "log", where, "--json")).splitlines()
    return [each["text"] for each in map(json.loads, lines) if each["kind"] != "alarm"]


def is_said_in_rsa(home: House, name: str, to: str, text: str) -> bool:
    """What stays queued goes out by itself: said again, it would stand there twice."""
    return home.member(name, "chat", "--suite", "rsa", to, typed=f"{text}\n").returncode in {0, QUEUED}


def told(home: House, name: str) -> list[str]:
    """That something is sealed in this suite, to whoever looked first."""
    kept = alarms_kept_in(home.folder / name / "chat.db", 9)
    return [each.text.split(" is sealed in suite rsa")[0] for each in kept if each.kind == "rsa"]


def sizes_of_boxes(data: Path) -> set[int]:
    with sqlite3.connect(f"file:{data / 'lanline.sqlite'}?mode=ro", uri=True) as database:
        return {row[0] for row in database.execute("SELECT length(data) FROM boxes")}


def test_a_pair_and_a_private_room_of_suite_rsa(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        server = home.serve()
        home.join("ana", server.first_invite)
        home.join("ben")
        away = home.member("ana", "chat", "--suite", "rsa", "ben", typed="to nobody\n")
        assert away.returncode == 1
        assert "ben has no RSA key yet" in away.stderr
        # ben's device makes its key when it sees that somebody uses the suite: its node has to stay for so long.
        end_nodes(tmp_path)
        well(home.member("ben", "clients", LANLINE_NODE_LINGER_S="600"))
        wait(lambda: is_said_in_rsa(home, "ana", "ben", "for your private key"))
        wait(lambda: said(home, "ben", "ana") == ["for your private key"])  # once its key is there
        well(home.member("ben", "send", "ana", "and for yours"))
        wait(lambda: said(home, "ana", "ben") == ["for your private key", "and for yours"])
        well(home.member("ana", "rooms", "create", "#lab", "--suite", "rsa"))
        well(home.member("ana", "rooms", "invite", "#lab", "ben"))
        well(home.member("ana", "send", "#lab", "in the lab"))
        wait(lambda: said(home, "ben", "#lab") == ["in the lab"])
        assert "invite-only, suite rsa" in well(home.member("ben", "rooms"))
        assert RSA_BOX_BYTES in sizes_of_boxes(home.data)
        assert told(home, "ben") == ["Your talk with ana", "#lab"]
        assert told(home, "ana") == ["Your talk with ben", "#lab"]
        fetched = well(home.member("ben", "doctor", "--keys"))
        assert fetched.endswith("All is as it was before.\n")
        assert said(home, "ben", "ana") == ["for your private key", "and for yours"]


def test_what_the_suite_is_not_for_is_told(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        server = home.serve()
        home.join("ana", server.first_invite)
        other = home.member("ana", "rooms", "create", "#lab", "--suite", "dsa")
        assert other.returncode == 64
        assert "only rsa" in other.stderr
        assert home.member("ana", "chat", "--suite", "rsa", "#lobby", typed="x\n").returncode == 64
        own = home.member("ana", "chat", "--suite", "rsa", "ana", typed="x\n")
        assert (own.returncode, "This is your own name." in own.stderr) == (64, True)
        nobody = home.member("ana", "chat", "--suite", "rsa", "zoe", typed="x\n")
        assert nobody.returncode == 1
        assert "zoe is not in the group" in nobody.stderr
