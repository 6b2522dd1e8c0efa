"""Further devices as people have them: by a link, by a code, by the recovery key; and what is lost is taken out."""

from __future__ import annotations

import contextlib
import json
import platform
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.house import House, clean_environment, house, well
from e2e.nodes import end_nodes
from e2e.program import COMMAND
from lanline.crypto.words import secret_of_words

LIMIT_S = 60.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        server = made.serve()
        founded = made.member("ana", "join", str(server.first_invite), "--name", "ana")
        assert founded.returncode == 0, founded.stderr
        (tmp_path / "words").write_text("\n".join(re.findall(r"^    (.+)$", founded.stdout, re.MULTILINE)))
        made.say("ana", "the harbour at midnight")
        yield made


def wait_for(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.2)  # each look starts a program


def states(home: House, name: str) -> dict[str, str]:
    listed = well(home.member(name, "devices", "--json")).splitlines()
    return {each["id"]: each["state"] for each in map(json.loads, listed)}


def listed(home: House, *command: str) -> list[dict[str, str]]:
    return list(map(json.loads, well(home.member(*command, "--json")).splitlines()))


def epochs(home: House) -> dict[bytes, int]:
    """How many each conversation has had."""
    with contextlib.closing(sqlite3.connect(home.data / "lanline.sqlite")) as database:
        return dict(database.execute("SELECT scope, count(*) FROM epochs GROUP BY scope").fetchall())


def test_by_a_link_of_the_first_device_the_second_comes_in_and_is_taken_out_again(home: House) -> None:
    adding = subprocess.Popen(
        [*COMMAND, "devices", "add", "--home", str(home.folder / "ana")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )
    assert adding.stdout is not None
    link = adding.stdout.readline().strip()
    port = home.servers[-1].port
    home.servers[-1].end(signal.SIGKILL)
    home.serve(port=port)
    joined = home.member("second", "join", link)  # before the first device is there again, so that it is not told
    assert "This device is now one of ana" in well(joined)
    said, told = adding.communicate(timeout=LIMIT_S)
    assert said.endswith("is one of your devices now.\n"), told
    wait_for(lambda: home.heard("second") == ["the harbour at midnight"])
    again = home.member("third", "join", link)
    assert again.returncode == 1
    assert "Make another: lanline devices add" in again.stderr
    [number] = [each for each, state in states(home, "second").items() if state == "this one"]
    assert home.member("ana", "devices", "rename", number, " ").returncode == 64
    assert well(home.member("ana", "devices", "rename", number, "old  laptop")) == "It is called old laptop now.\n"
    assert "old laptop" in well(home.member("ana", "devices"))
    wait_for(lambda: "old laptop" in well(home.member("second", "log", "ana") and home.member("second", "devices")))
    assert {each["label"] for each in listed(home, "ana", "admin", "devices", "ana")} == {""}
    stolen = b"".join(each.read_bytes() for each in home.data.rglob("*") if each.is_file())
    assert b"device_added" in stolen
    assert not [each for each in ("old laptop", f"{number} {platform.node()}") if each.encode() in stolen]
    well(home.member("ana", "send", "ana", "a note to myself"))
    assert set(epochs(home).values()) == {1}
    assert well(home.member("ana", "devices", "revoke", "old laptop")) == "It is out, for good.\n"
    assert sorted(epochs(home).values()) == [2, 2], "of the group, and of the notes: when the command is over"
    assert well(home.member("ana", "log", "ana", "--last", "1")).endswith("ana: a note to myself\n"), (
        "keys do not count"
    )
    home.say("ana", "among us")
    refused = home.member("second", "send", "#lobby", "still here")
    assert refused.returncode == 75
    assert "The key of this device was revoked" in refused.stderr
    assert ("old laptop", "taken out") in [(each["label"], each["state"]) for each in listed(home, "ana", "devices")]
    kept = home.member("second", "log", "#lobby")
    assert kept.returncode == 0
    assert kept.stdout.splitlines()[0].endswith("  ana: the harbour at midnight"), "what lies on its disk"
    assert "Not connected (The key of this device was revoked" in kept.stderr
    well(home.member("ana", "admin", "password", "ana", typed="correct horse 7\n"))
    late = home.member("third", "join", home.invite(), "--name", "ana")
    assert re.search(r"approve '(?:[A-Z2-7]{5} ){3}[A-Z2-7]{5}'", well(late)), "a code of its own, not that of the link"


def test_by_its_code_a_device_that_has_the_password_comes_in(home: House) -> None:
    well(home.member("ana", "admin", "password", "ana", typed="correct horse 7\n"))
    assert home.folder
    port = json.loads((home.data / "running.json").read_bytes())["port"]
    link = home.invite()
    joined = home.member("second", "join", link, "--name", "ana")
    shown = re.search(r"lanline devices approve '([A-Z2-7 ]+)'", well(joined))
    assert shown is not None, (joined.stdout, port)
    wrong = home.member("ana", "devices", "approve", "A" * 20)
    assert (wrong.returncode, wrong.stderr[:20]) == (1, "lanline: No device o")
    assert home.member("ana", "devices", "approve", "abc").returncode == 64
    approved = well(home.member("ana", "devices", "approve", shown[1]))
    assert approved == f"{platform.node()} is one of your devices now.\n"
    wait_for(lambda: home.heard("second") == ["the harbour at midnight"])


def test_with_the_words_of_the_recovery_key_alone_a_new_home_reads_everything(home: House) -> None:
    words = (home.folder / "words").read_text()
    port = json.loads((home.data / "running.json").read_bytes())["port"]
    damaged = words.replace(words.split()[0], "zebra", 1)
    refused = home.member("new", "recovery", "use", "--server", f"127.0.0.1:{port}", typed=damaged)
    assert (refused.returncode, "Word 1 is none" in refused.stderr) == (64, True)
    link = home.invite()
    used = home.member("new", "recovery", "use", "--server", link, typed=words)
    assert "This device is one of ana's again." in well(used)
    wait_for(lambda: home.heard("new") == ["the harbour at midnight"])


def test_a_recovery_key_whose_words_nobody_has_seen_is_shown_by_the_next_call(home: House) -> None:
    """As it is when the program is killed after the key stands, and before it has printed a word."""
    words, keys = (home.folder / "words").read_text(), home.folder / "ana" / "keys.json"
    assert "unshown" not in json.loads(keys.read_bytes())
    end_nodes(home.folder)
    chance = secret_of_words(words.split())
    keys.write_bytes(json.dumps({**json.loads(keys.read_bytes()), "unshown": chance.hex()}).encode())
    assert "You have no recovery key" in home.member("ana", "devices").stderr
    shown = well(home.member("ana", "recovery", "make"))
    assert shown.split("\n", 1)[1].split() == words.split()
    assert "recovery" not in home.member("ana", "devices").stderr
    assert "unshown" not in json.loads(keys.read_bytes())
    assert home.member("ana", "recovery", "make").returncode == 1


def test_a_recovery_file_replaces_the_words_and_its_passphrase_is_asked_for(home: House) -> None:
    words, file = (home.folder / "words").read_text(), home.folder / "stick.recovery"
    one = home.member("ana", "recovery", "make")
    assert (one.returncode, "recovery make --again" in one.stderr) == (1, True)
    well(home.member("ana", "recovery", "make", "--again", str(file), typed=words, LANLINE_PASSPHRASE="open sesame"))
    gone = home.member("other", "recovery", "use", "--server", home.invite(), typed=words)
    assert gone.returncode == 1, "the words of before are worth nothing"
    wrong = home.member("new", "recovery", "use", str(file), LANLINE_PASSPHRASE="close sesame")
    assert (wrong.returncode, "the passphrase is wrong" in wrong.stderr) == (1, True)
    well(home.member("new", "recovery", "use", str(file), LANLINE_PASSPHRASE="open sesame"))
    assert b"device_secret" not in (home.folder / "new" / "keys.json").read_bytes(), "the keys lie under it too"
    locked = home.member("new", "devices")
    assert (locked.returncode, "under a passphrase: set LANLINE_PASSPHRASE" in locked.stderr) == (1, True)
    assert "this one" in well(home.member("new", "devices", LANLINE_PASSPHRASE="open sesame"))


def test_the_keys_come_under_a_passphrase_under_another_and_under_none(home: House) -> None:
    first, second = {"LANLINE_PASSPHRASE": "open sesame"}, {"LANLINE_PASSPHRASE": "close sesame"}
    assert "under the passphrase" in well(home.member("ana", "passphrase", LANLINE_NEW_PASSPHRASE="open sesame"))
    for name in ("identity.pem", "keys.json", "keys-copy.json"):
        assert b"under_passphrase" in (home.folder / "ana" / name).read_bytes()
    for given in ({}, second):
        refused = home.member("ana", "devices", **given)
        assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
        assert "under a passphrase: set LANLINE_PASSPHRASE" in refused.stderr or "passphrase is wrong" in refused.stderr
    assert "this one" in well(home.member("ana", "devices", **first))
    well(home.member("ana", "passphrase", LANLINE_NEW_PASSPHRASE="close sesame", **first))
    wrong = home.member("ana", "passphrase", "--remove", **first)
    assert (wrong.returncode, wrong.stderr) == (1, "lanline: The passphrase is wrong. Nothing was changed.\n")
    removed = home.member("ana", "passphrase", "--remove", **second)
    assert "lie open now" in well(removed)
    assert "LANLINE_PASSPHRASE has another one" in removed.stderr
    assert "this one" in well(home.member("ana", "devices"))


def test_damaged_keys_are_taken_from_their_copy_which_is_said(home: House) -> None:
    keys = home.folder / "ana" / "keys.json"
    well(home.member("ana", "agent", "stop"))
    whole = keys.read_bytes()
    keys.write_bytes(whole[: len(whole) // 2])
    done = home.member("ana", "devices")
    assert "this one" in well(done)
    assert "Their last good copy was taken." in done.stderr
    assert json.loads(keys.read_bytes()) == json.loads(whole)
    for first in (("send", "#lobby", "hi"), ("log", "#lobby", "--json"), ("rooms", "--json")):
        well(home.member("ana", "agent", "stop"))
        keys.write_bytes(whole[: len(whole) // 2])
        told = [home.member("ana", *command) for command in (first, first)]
        assert [each.stderr.count("Their last good copy was taken.") for each in told] == [1, 0], first
        assert all(json.loads(line) for each in told for line in well(each).splitlines())
    keys.write_bytes(b"{}")
    (home.folder / "ana" / "keys-copy.json").write_bytes(b"{}")
    refused = home.member("ana", "devices")
    assert (refused.returncode, "nor their copy beside them" in refused.stderr) == (1, True)


def test_who_has_lost_everything_comes_back_as_another_account_which_everybody_sees(home: House) -> None:
    for name in ("ben", "cai"):
        home.join(name, home.member("ana", "invite").stdout.splitlines()[0])
    well(home.member("cai", "send", "ben", "to the first"))
    well(home.member("ben", "send", "ben", "a note"))
    assert "may come in anew" in well(home.member("ana", "admin", "lost", "ben"))
    well(home.member("ana", "admin", "password", "ben", typed="correct horse 7\n"))
    joined = home.member("new", "join", home.invite(), "--name", "ben")
    assert "An admin has to let you into its group" in well(joined)
    well(home.member("ana", "admit", "ben"))
    wait_for(lambda: home.heard("new") == ["the harbour at midnight"])
    seen = [json.loads(line) for line in well(home.member("cai", "clients", "--json")).splitlines()]
    assert [each["trust"] for each in seen if each["name"] == "ben"] == ["another account than before under this name"]
    put_off = home.member("cai", "send", "ben", "is it you", "--timeout", "5")
    assert put_off.returncode == 75
    assert "another account than before" in put_off.stderr
    well(home.member("cai", "verify", "ben", "--accept"))
    wait_for(lambda: "is it you" in home.member("new", "log", "cai", "--json").stdout)
    for of in ("cai", "ben"):  # nothing mends it, and that is said
        shown = json.loads(well(home.member("new", "log", of, "--json")).splitlines()[0])["text"]
        assert shown.startswith("(cannot be read: it is of the account that had your name before this one,"), of
