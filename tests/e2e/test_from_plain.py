"""A server and homes of a program that sealed nothing (`tests/data/README.md`): one yes, and all goes on, sealed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.house import House, clean_environment, house
from e2e.program import COMMAND, Program
from serverhouse.ports import free_port

ARCHIVE = Path(__file__).parents[1] / "data" / "before-sealing.tar.xz"
NAMES = ("ann", "ben", "cai", "dee")
LIMIT_S = 180.0
STAYS = {"LANLINE_NODE_LINGER_S": "300"}
"""For nodes that go on while no command runs."""
OLD_LOBBY = ["ann of old", "ben of old", "cai of old"]


@pytest.fixture
def older(tmp_path: Path) -> Iterator[House]:
    """Ann and cai are admins; ben owns #board, where ann and dee are too; dee has typed something since."""
    with house(tmp_path) as made:
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(made.folder, filter="data")
        (made.folder / "server").rename(made.data)
        port = free_port()
        for name in NAMES:
            pin = made.folder / name / "server.json"
            pin.write_text(pin.read_text().replace("15299", str(port)))
        made.serve(port=port)
        yield made


def run(older: House, name: str, *words: str, status: int = 0) -> str:
    done = older.member(name, *words, **STAYS)
    assert done.returncode == status, (words, done.stdout, done.stderr)
    return done.stdout


def said(older: House, name: str, of: str) -> list[tuple[str, bool]]:
    """What was said there, and whether it was sealed."""
    lines = map(json.loads, run(older, name, "log", of, "--last", "100", "--json").splitlines())
    return [(each["text"], each["sealed"]) for each in lines if "sealed" in each]


def wait(condition: Callable[[], bool], each_s: float = 0.02) -> None:
    limit = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit
        time.sleep(each_s)


def wait_said(older: House, name: str, of: str, text: str) -> None:
    wait(lambda: (text, True) in said(older, name, of), each_s=0.2)  # each look starts a program


def check_sealed(older: House) -> None:
    """Everybody reads what was said before, marked, and what is said now; nobody has typed anything in vain."""
    run(older, "ben", "send", "#lobby", "ben from now on")
    run(older, "ben", "send", "#board", "board from now on")
    for name in NAMES:
        for text in ("ben from now on", "said while away"):
            wait_said(older, name, "#lobby", text)
        lobby = said(older, name, "#lobby")
        assert lobby[:3] == [(text, False) for text in OLD_LOBBY]
        assert sorted(lobby[3:]) == [("ben from now on", True), ("said while away", True)]
    for name in ("ann", "ben", "dee"):
        wait_said(older, name, "#board", "board from now on")
        assert said(older, name, "#board") == [("board of old", False), ("board from now on", True)]
    assert said(older, "ben", "ann") == [("between us of old", False)]
    wait_said(older, "ann", "dee", "secret while away")
    assert "(not sealed) ann of old" in run(older, "dee", "log", "#lobby")
    assert run(older, "cai", "log", "#board", status=1) == ""
    assert trusts(older, "ben") == {
        "ann": "founded the group",
        "ben": "you",
        "cai": "let in by ann",
        "dee": "let in by ann",
    }
    kept = b"".join(path.read_bytes() for path in older.data.glob("lanline.sqlite*"))
    assert b"of old" in kept
    assert b"from now on" not in kept
    assert b"while away" not in kept


def test_after_a_yes_old_homes_go_on_and_all_is_sealed(older: House) -> None:
    assert said(older, "ben", "#lobby") == [(text, False) for text in OLD_LOBBY]
    unsealed = older.member("ann", "rooms", "create", "#key", "--suite", "rsa", **STAYS)
    assert (unsealed.returncode, "Nobody has founded a group" in unsealed.stderr) == (1, True)
    assert "#key" not in run(older, "ann", "rooms")
    asked = json.loads(run(older, "ann", "seal", "--json"))
    assert asked["people"] == ["ben", "cai", "dee"]
    assert run(older, "ben", "seal", status=1).endswith("only an admin of the server can change that.\n")
    assert older.member("ann", "seal").returncode == 64, "nobody is there to ask"
    asking = Program("seal", "--home", str(older.folder / "ann"), at_terminal=True, environment=STAYS)
    asking.wait_out(r"Do you want that\? \(yes or no\)")
    asking.write("no\n")
    assert asking.wait_end() == 1
    assert "Nothing was changed." in asking.out.text
    asking.dispose()
    assert chain_height(older) == 0
    told = run(older, "ann", "seal", "--yes")
    assert "These are let in, as soon as each is there with a Lanline of today: ben, cai (an admin), dee." in told
    assert "What is said from now on is sealed." in told
    # Ben is in without a word; the room that he owns waits for his yes.
    wait(lambda: trusts(older, "ben")["ben"] == "you", each_s=0.2)
    early = older.member("ben", "send", "#board", "early", "--timeout", "1", **STAYS)
    assert "#board is not sealed yet: its owner has to do it, once, with /seal or lanline seal." in early.stderr
    assert "#board goes on, with you and those who are in it: ann, dee." in run(older, "ben", "seal", "--yes")
    wait_said(older, "ben", "#board", "early")
    run(older, "dee", "rooms")
    wait(lambda: chain_height(older) == 5)  # found, ben, the room, dee, dee in the room
    # Cai is an admin of the group too, and makes links into it.
    run(older, "cai", "rooms")
    wait(lambda: chain_height(older) == 7)  # cai, and as an admin
    wait(lambda: len(run(older, "cai", "invite").splitlines()[0].rpartition(".")[2]) > 50, each_s=0.2)
    assert run(older, "ann", "seal") == "Nothing is left to seal here.\n"
    wait_said(older, "dee", "#board", "early")


def trusts(older: House, name: str) -> dict[str, str]:
    people = map(json.loads, run(older, name, "clients", "--json").splitlines())
    return {each["name"]: each["trust"] for each in people}


def chain_height(older: House) -> int:
    with contextlib.closing(sqlite3.connect(older.data / "lanline.sqlite")) as database:
        found = database.execute("SELECT height FROM chains").fetchone()
    return 0 if found is None else int(found[0])


def kill_node(older: House, name: str) -> None:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(json.loads((older.folder / name / "node.json").read_bytes())["pid"], signal.SIGKILL)


def agreed_rows(older: House, name: str) -> int:
    with (
        contextlib.closing(sqlite3.connect(older.folder / name / "chat.db")) as database,
        contextlib.suppress(sqlite3.OperationalError),  # the new program has not opened it yet
    ):
        return int(database.execute("SELECT count(*) FROM agreed").fetchone()[0])
    return 0


def test_killed_again_and_again_on_the_way_it_ends_the_same(older: House) -> None:
    """The server and the admin's node, once the yes is on the disk and at each further entry of the chain."""
    for name in ("ben", "cai"):
        run(older, name, "rooms")
    port = older.servers[-1].port
    words = [*COMMAND, "seal", "--yes", "--home", str(older.folder / "ann")]
    with subprocess.Popen(words, env=clean_environment(**STAYS), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        wait(lambda: agreed_rows(older, "ann") > 0)
        for height in range(5):
            wait(lambda height=height: chain_height(older) >= height)  # type: ignore[misc]
            older.servers[-1].end(signal.SIGKILL)
            kill_node(older, "ann")
            older.serve(port=port)
            run(older, "ann", "rooms")
            if height == 1:
                run(older, "dee", "rooms")
    wait(lambda: agreed_rows(older, "ann") == 0)
    assert chain_height(older) == 5  # found, three let in, cai made an admin
    wait(lambda: older.member("ben", "seal", "--yes", **STAYS).returncode == 0, each_s=0.2)  # once his link is up again
    wait(lambda: agreed_rows(older, "ben") == 0)
    check_sealed(older)
    assert chain_height(older) == 6, "nothing stands there twice"
