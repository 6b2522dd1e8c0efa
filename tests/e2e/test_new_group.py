"""The last resort as people have it: the operator puts the group aside, one founds another, the others agree to it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.house import House, house
from e2e.program import Program

LIMIT_S = 60.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """Ana, who is lost with all her devices; ben and cai."""
    with house(tmp_path) as made:
        server = made.serve()
        well(made.member("ana", "join", str(server.first_invite), "--name", "ana"))
        link = well(made.member("ana", "invite", "--uses", "2")).splitlines()[0]
        for name in ("ben", "cai"):
            well(made.member(name, "join", link, "--name", name))
        made.say("ana", "in the group of ana")
        for name in ("ben", "cai"):
            wait_for(lambda name=name: bool(said(made, name)))  # type: ignore[misc]
        yield made


def well(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_for(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit


def said(home: House, name: str) -> list[tuple[str, bool]]:
    """What was said in the lobby, and whether in the group before."""
    lines = map(json.loads, well(home.member(name, "log", "#lobby", "--json")).splitlines())
    return [(each["text"], each.get("earlier_group", False)) for each in lines if "sealed" in each]


def chain(home: House, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(well(home.member(name, "chain", "--json")))
    return found


def check_nothing_is_thrown_away(home: House, why: str) -> None:
    """What opens the words of the old group is with its members, and not with a server that has another one. And each
    who looks is told why nothing new can be read, not only the first.
    """
    for _ in range(2):
        assert why in home.member("cai", "log", "#lobby").stderr
    done = home.member("cai", "doctor", "--keys", "--timeout", "5")
    assert done.returncode == 1
    assert done.stdout.startswith("Nothing was thrown away")
    assert why in done.stdout


def check_nothing_is_sealed(home: House, why: str) -> None:
    """Whatever cai does: why not is said, and no half of it is done."""
    for words in (("seal",), ("rooms", "create", "#den", "--invite-only")):
        done = home.member("cai", *words)
        assert (done.returncode, why in done.stdout + done.stderr) == (1, True), done.stderr
    assert "#den" not in home.admin("admin", "rooms")


def test_a_group_whose_only_admin_is_lost_goes_on_as_another_once_each_has_agreed(home: House) -> None:
    asking = Program("admin", "new-group", "ben", "--data", str(home.data), at_terminal=True)
    asking.wait_out(r"Do you want that\? \(yes or no\)")
    asking.write("no\n")
    assert (asking.wait_end(), "Nothing was changed." in asking.out.text) == (1, True)
    asking.dispose()
    assert "The group is put aside." in home.admin("admin", "new-group", "ben", "--yes")
    assert "put the group aside" in str(chain(home, "cai")["problem"])
    put_off = home.member("cai", "send", "#lobby", "waits for my yes", "--timeout", "2")
    assert put_off.returncode == 75, put_off.stderr
    check_nothing_is_thrown_away(home, "put the group aside")
    check_nothing_is_sealed(home, "put the group aside")
    assert "you are to found another" in str(chain(home, "ben")["problem"])
    invited = home.member("ben", "invite")
    assert (invited.returncode, "leads to the server only" in invited.stderr) == (0, True), invited.stderr
    assert "Awaited: cai" in well(home.member("ben", "seal", "--without", "ana", "--yes"))
    shown = chain(home, "cai")
    assert shown["new_group"] == {"founder": "ben", "known": True, "words": chain(home, "ben")["words"]}
    assert "Nothing is said in it before you agree" in str(shown["problem"])
    check_nothing_is_thrown_away(home, "has founded it, with the key that they have in yours")
    check_nothing_is_sealed(home, "Nothing is said in it before you agree")
    alone = home.member("cai", "devices", "add").stderr  # without what the home has of its group
    assert "ben has founded it. Nothing is said" in alone
    assert said(home, "ben") == [("in the group of ana", True)]
    nobody = home.member("cai", "chain", "--new-group", typed="")
    assert (nobody.returncode, "nobody to ask whether the words" in nobody.stderr) == (64, True)
    well(home.member("cai", "chain", "--new-group", "--yes"))
    well(home.member("ben", "send", "#lobby", "in the group of ben"))
    wait_for(lambda: len(said(home, "cai")) == 3 and len(said(home, "ben")) == 3)
    for name in ("ben", "cai"):
        found = said(home, name)
        assert found[0] == ("in the group of ana", True)
        assert sorted(found[1:]) == [("in the group of ben", False), ("waits for my yes", False)]
    again = home.member("cai", "chain", "--new-group", "--yes")
    assert (again.returncode, "nothing to go over to" in again.stderr) == (1, True)
