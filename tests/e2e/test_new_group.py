"""The last resort as people have it: the operator puts the group aside, one founds another, the others agree to it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.house import House, house

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


def test_a_group_whose_only_admin_is_lost_goes_on_as_another_once_each_has_agreed(home: House) -> None:
    assert "The group is put aside." in home.admin("admin", "new-group", "ben", "--yes")
    assert "put the group aside" in str(chain(home, "cai")["problem"])
    put_off = home.member("cai", "send", "#lobby", "waits for my yes", "--timeout", "2")
    assert put_off.returncode == 75, put_off.stderr
    assert "you are to found another" in str(chain(home, "ben")["problem"])
    assert "Awaited: cai" in well(home.member("ben", "seal", "--without", "ana", "--yes"))
    shown = chain(home, "cai")
    assert shown["new_group"] == {"founder": "ben", "known": True, "words": chain(home, "ben")["words"]}
    assert "Nothing is said in it before you agree" in str(shown["problem"])
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
