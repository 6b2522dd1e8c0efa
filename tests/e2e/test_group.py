"""A group as people have it: who founds it, who comes in by which link, and what the server's disk tells."""

from __future__ import annotations

import json
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.house import House, house
from lanline.cli.nodecall import node_call
from lanline.client.node.protocol import ListMembers, MembersListed, SendAway, SetAccess, SetRole
from lanline.errors import RequestRefused
from lanline.model.rooms import Access, Role

LIMIT_S = 60.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        server = made.serve()
        founded = made.member("ana", "join", str(server.first_invite), "--name", "ana")
        assert founded.returncode == 0, founded.stderr
        assert len(re.findall(r"^    (?:[a-z]+ ?)+$", founded.stdout, re.MULTILINE)) == 3, "17 words, for once"
        made.say("ana", "the harbour at midnight")
        yield made


def test_by_a_members_link_one_reads_at_once_and_the_server_never_can(home: House) -> None:
    invite = home.member("ana", "invite").stdout.splitlines()[0]
    home.join("ben", invite)
    assert home.heard("ben") == ["the harbour at midnight"]
    home.say("ben", "we sail")
    assert home.heard("ana") == ["the harbour at midnight", "we sail"]
    kept = b"".join(path.read_bytes() for path in home.data.glob("lanline.sqlite*"))
    assert b"harbour" not in kept
    assert b"we sail" not in kept
    assert stat.S_IMODE((home.folder / "ben" / "keys.json").stat().st_mode) == 0o600


def test_a_link_damaged_near_its_end_makes_an_account_in_no_group_and_the_whole_one_mends_it(home: House) -> None:
    invite = home.member("ana", "invite").stdout.splitlines()[0]
    damaged = invite[:-10] + ("b" if invite[-10] != "b" else "c") + invite[-9:]
    joined = home.member("ben", "join", damaged, "--name", "ben")
    assert joined.returncode == 1
    assert joined.stderr.startswith("lanline: The link is not of this group: it was damaged on its way")
    assert home.member("ben", "join", invite, "--name", "ben").returncode == 0  # its only use was not spent on nothing
    assert home.heard("ben") == ["the harbour at midnight"]


def test_by_a_link_of_the_servers_machine_one_asks_and_an_admin_lets_in(home: House) -> None:
    joined = home.member("cai", "join", home.invite(), "--name", "cai")
    assert joined.returncode == 0, joined.stderr
    assert "An admin has to let you into its group" in joined.stdout
    waiting = json.loads(home.member("ana", "admit", "--json").stdout)
    assert waiting["name"] == "cai"
    assert waiting["words"].split() == " ".join(re.findall(r"^    (.+)$", joined.stdout, re.MULTILINE)).split()
    assert home.heard("cai") == ["(cannot be read yet: this device is not in the group)"]
    early = home.member("ana", "send", "cai", "welcome", "--timeout", "1")
    assert early.returncode == 75
    assert "cai is not in the group yet. What you say to them is kept here, and sent when they are." in early.stderr
    admitted = home.member("ana", "admit", "cai")
    assert (admitted.returncode, admitted.stdout) == (0, "cai is in the group now.\n")
    limit = time.monotonic() + LIMIT_S
    while (heard := home.heard("cai"))[0].startswith("(cannot be read yet: "):
        assert time.monotonic() < limit  # the key comes to the program that asks for the log, or to the next
        time.sleep(0.2)
    assert heard == ["the harbour at midnight"]
    assert home.member("ana", "rooms").returncode == 0  # any command sends what waits
    while "welcome" not in home.member("cai", "log", "ana", "--json").stdout:
        assert time.monotonic() < limit
        time.sleep(0.2)
    again = home.member("ana", "admit", "cai")
    assert again.returncode == 1
    assert again.stderr == "lanline: cai does not wait to be let in. See who does: lanline admit\n"


def test_what_two_say_and_what_is_said_in_a_private_room_no_admin_reads(home: House) -> None:
    for name in ("ben", "cai"):
        home.join(name, home.member("ana", "invite").stdout.splitlines()[0])
    assert home.member("ben", "send", "cai", "by the lighthouse").returncode == 0
    assert home.heard("cai", "ben") == ["by the lighthouse"]
    assert home.member("ben", "rooms", "create", "#board", "--invite-only", "--topic", "of brass").returncode == 0
    assert home.member("ben", "rooms", "create", "#lab", "--topic", "of glass").returncode == 0
    invited = home.member("ben", "rooms", "invite", "#board", "cai")
    assert (invited.returncode, invited.stdout) == (0, "cai is in #board now.\n"), invited.stderr
    assert home.member("ben", "send", "#board", "with a lantern").returncode == 0
    assert home.heard("cai", "#board") == ["of brass", "with a lantern"]
    topics = {name: home.member(name, "rooms").stdout for name in ("cai", "ana")}
    assert "of brass" in topics["cai"]
    assert "of glass" in topics["cai"]
    with node_call(home.folder / "ben") as call:
        view = call.follow()
        board, ana = view.conversation_titled("#board"), view.person_named("ana")
        assert board is not None
        assert ana is not None
        for command in (SetRole(board.log, ana.account, Role.MODERATOR), SendAway(board.log, ana.account)):
            with pytest.raises(RequestRefused, match=r"^ana is not in #board\.$"):
                call.ask(command)
    # Ana is the admin, of the group and of the server.
    assert "of brass" not in topics["ana"]
    assert "of glass" in topics["ana"]
    assert home.member("ana", "rooms", "join", "#board").returncode == 1
    assert home.member("ana", "rooms", "invite", "#board", "ana").returncode == 1
    kept = b"".join(path.read_bytes() for path in home.data.glob("lanline.sqlite*"))
    assert b"lighthouse" not in kept
    assert b"lantern" not in kept
    assert b"brass" not in kept
    assert b"glass" not in kept


def test_a_room_that_becomes_private_keeps_its_owners(home: House) -> None:
    home.join("ben", home.member("ana", "invite").stdout.splitlines()[0])
    assert home.member("ana", "rooms", "create", "#board").returncode == 0
    assert home.member("ben", "rooms", "join", "#board").returncode == 0
    with node_call(home.folder / "ana") as call:
        view = call.follow()
        room, ben = view.conversation_titled("#board"), view.person_named("ben")
        assert room is not None
        assert ben is not None
        call.ask(SetRole(room.log, ben.account, Role.OWNER))
        call.ask(SetAccess(room.log, Access.INVITE_ONLY))
        listed = call.ask(ListMembers(room.log))
    assert isinstance(listed, MembersListed)
    assert [each.role for each in listed.members] == [Role.OWNER, Role.OWNER]
    # By the group's word too, not only by the server's: ben takes ana's right, and may send her out then.
    with node_call(home.folder / "ben") as call:
        call.follow()
        call.ask(SetRole(room.log, view.account, Role.MEMBER))
        call.ask(SendAway(room.log, view.account))
    assert home.member("ana", "send", "#board", "still here").returncode == 1


def test_beside_each_name_stands_how_they_came_and_words_that_are_the_same_are_remembered(home: House) -> None:
    home.join("ben", home.member("ana", "invite").stdout.splitlines()[0])
    home.member("cai", "join", home.invite(), "--name", "cai")
    assert trust(home, "ana") == {"ana": "you", "ben": "by your invite", "cai": "asks to be let in"}
    assert trust(home, "ben") == {"ana": "you came by their invite", "ben": "you", "cai": "not in the group"}
    shown = [
        json.loads(home.member(one, "verify", other, "--json").stdout)
        for one, other in (("ana", "ben"), ("ben", "ana"))
    ]
    assert shown[0]["words"] == shown[1]["words"]
    assert len(shown[0]["words"].split()) == 20
    wrong = home.member("ana", "verify", "ben", "--words", " ".join(["acorn"] * 20))
    assert (wrong.returncode, "not the words with ben" in wrong.stderr) == (1, True)
    right = home.member("ana", "verify", "ben", "--words", shown[1]["words"])
    assert (right.returncode, right.stdout) == (0, "ben is verified by words.\n"), right.stderr
    assert trust(home, "ana")["ben"] == "verified by words"
    assert home.member("ana", "verify", "cai").returncode == 1


def test_a_link_that_is_dropped_ends_in_the_group_too(home: House) -> None:
    link = home.member("ana", "invite", "--uses", "5").stdout.splitlines()[0]
    listed = json.loads(home.member("ana", "admin", "invites", "--json").stdout)
    dropped = home.member("ana", "admin", "invites", "--drop", listed["id"])
    assert (dropped.returncode, dropped.stdout) == (0, "This invite is no more.\n"), dropped.stderr
    assert home.member("ana", "admin", "invites", "--json").stdout == ""
    refused = home.member("ben", "join", link, "--name", "ben")
    assert refused.returncode == 1
    home.say("ana", "without that link")
    again = home.member("ana", "admin", "invites", "--drop", listed["id"])
    assert again.returncode == 1


def trust(home: House, name: str) -> dict[str, str]:
    done = home.member(name, "clients", "--json")
    assert done.returncode == 0, done.stderr
    return {each["name"]: each["trust"] for each in map(json.loads, done.stdout.splitlines())}
