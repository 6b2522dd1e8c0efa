"""What an admin does beside a running server, by the operator's key and by an account's."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.founded import Founded
from e2e.house import COMMAND, LIMIT_S, House, clean_environment, command, house
from lanline.model.invites import InviteLink
from serverhouse.ports import free_port


@pytest.fixture
def home(founded: Founded, tmp_path: Path) -> Iterator[House]:
    port = free_port()
    founded.copy(tmp_path, port, "ann", "ben")
    with house(tmp_path) as made:
        made.serve(port=port)
        yield made


def user(home: House, name: str) -> dict[str, object]:
    return next(user for user in home.admin_json("admin", "users") if user["name"] == name)


def test_people_are_banned_and_let_in_again(home: House) -> None:
    assert home.admin("admin", "ban", "BEN", "--reason", "shouting") == "ben is banned.\n"
    assert user(home, "ben")["banned"] is True
    sent = home.member("ben", "send", "#lobby", "hello?")
    assert sent.returncode == 75
    assert "banned" in sent.stderr
    assert home.admin("admin", "unban", "ben") == "ben may sign in again.\n"
    home.say("ben", "hello again")


def test_admins_are_made_and_unmade_and_may_work_from_their_own_home(home: House) -> None:
    refused = home.member("ben", "invite")
    assert (refused.returncode, refused.stdout) == (1, "")
    promoted = home.member("ann", "admin", "promote", "ben")
    assert promoted.returncode == 0, promoted.stderr
    invited = home.member("ben", "invite", "--uses", "2")
    assert invited.returncode == 0, invited.stderr
    home.join("cara", invited.stdout.splitlines()[0])
    assert home.member("ben", "admin", "demote", "ben").returncode == 0
    assert user(home, "ben")["admin"] is False


def test_what_a_banned_admin_gave_is_shown_and_taken_back(home: House) -> None:
    assert home.member("ann", "admin", "promote", "ben").returncode == 0
    invited = home.member("ben", "invite", "--admin")
    assert invited.returncode == 0, invited.stderr
    home.join("eve", invited.stdout.splitlines()[0])
    banned = home.member("ann", "admin", "ban", "ben")
    assert banned.returncode == 0, banned.stderr
    assert ["eve", "admin"] in [line.split() for line in banned.stdout.splitlines()]
    assert "lanline admin ban ben --take-back" in banned.stdout
    assert user(home, "eve")["admin"] is True
    taken = home.member("ann", "admin", "ban", "ben", "--take-back")
    assert taken.returncode == 0, taken.stderr
    assert user(home, "eve")["admin"] is False


@pytest.mark.parametrize("deed", [["ban"], ["delete", "--yes"], ["lost"]])
def test_who_puts_somebody_out_is_told_which_invites_ended_and_which_are_open(home: House, deed: list[str]) -> None:
    link = home.member("ann", "invite", "--uses", "5").stdout.splitlines()[0]
    home.join("dora", link)
    [class_link] = home.admin_json("admin", "invites")
    assert home.member("ann", "invite").returncode == 0
    done = home.member("ann", "admin", *deed, "dora")
    assert f"{class_link['id']}. Others need a new link." in done.stdout, done.stderr
    assert "Open still: 1. " in done.stdout


def test_a_name_that_nobody_has_is_told_with_one_that_is_like_it(home: House) -> None:
    done = command("admin", "ban", "bem", "--data", str(home.data))
    assert (done.returncode, done.stderr) == (1, "lanline: Nobody here is called bem. Did you mean ben?\n")


def test_a_device_that_is_lost_is_shut_out(home: House) -> None:
    [device] = home.admin_json("admin", "devices", "ben")
    home.admin("admin", "devices", "ben", "--revoke", str(device["id"]))
    assert home.member("ben", "send", "--timeout", "5", "#lobby", "hello?").returncode == 75
    assert home.admin_json("admin", "devices", "ben")[0]["revoked"] is True
    done = command("admin", "devices", "ann", "--revoke", "99", "--data", str(home.data))
    assert "ann has no device 99" in done.stderr


def test_a_password_is_changed_without_standing_on_a_command_line(home: House) -> None:
    def give(text: str) -> subprocess.CompletedProcess[str]:
        words = [*COMMAND, "admin", "password", "ben", "--data", str(home.data)]
        return subprocess.run(
            words, input=text, capture_output=True, text=True, timeout=LIMIT_S, check=False, env=clean_environment()
        )

    assert give("another horse 8\n").stdout == "ben has a new password.\n"
    address = home.admin_json("invite")[0]["link"]
    old = home.member("second", "join", address, "--name", "ben")
    assert old.returncode == 1
    new = command(
        "join", address, "--name", "ben", "--home", str(home.folder / "s"), LANLINE_PASSWORD="another horse 8"
    )
    assert new.returncode == 0, new.stderr
    assert len(user(home, "ben")["devices"]) == 2  # type: ignore[arg-type]
    assert "empty" in give("").stderr
    assert give("short\n").returncode == 1


def test_invites_are_listed_and_ended(home: House) -> None:
    link = home.invite("--uses", "3", "--expires", "2h")
    [kept] = [each for each in home.admin_json("admin", "invites") if each["uses_left"] == 3]
    assert InviteLink.parse(link).token.hex() not in json.dumps(kept)
    home.admin("admin", "invites", "--drop", kept["id"].upper())
    refused = home.member("cara", "join", link, "--name", "cara")
    assert refused.returncode == 1
    done = command("admin", "invites", "--drop", "ffffffff", "--data", str(home.data))
    assert "There is no invite ffffffff" in done.stderr


def test_an_invite_names_the_place_it_is_told_and_shows_a_code(home: House) -> None:
    assert home.invite("--host", "chat.example.org").startswith("lanline://chat.example.org:")
    assert home.invite("--host", "[2001:db8::1]:7").startswith("lanline://[2001:db8::1]:7/#")
    shown = home.admin("invite", "--qr").splitlines()
    assert shown[0].startswith("lanline://127.0.0.1:")
    assert len(shown) > 15
    done = command("invite", "--host", "a b", "--data", str(home.data))
    assert done.returncode == 64


def test_the_journal_is_read_from_a_home_and_from_the_folder_also_of_a_server_that_stands(home: House) -> None:
    home.admin("admin", "ban", "ben", "--reason", "shouting")
    shown = home.member("ann", "admin", "journal")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[-1].endswith("(operator)    banned ben: shouting")
    assert home.member("ben", "admin", "journal").returncode == 1
    home.servers[-1].end()
    deeds = [json.loads(line) for line in home.admin("admin", "journal", "--json").splitlines()]
    assert [(each["by"], each["deed"], each["whom"]) for each in deeds][-1] == ("(operator)", "banned", "ben")
    assert deeds[0]["time"].endswith("Z")


def test_who_follows_the_journal_hears_of_what_comes(home: House) -> None:
    words = [*COMMAND, "admin", "journal", "--follow", "--last", "1", "--json", "--data", str(home.data)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=clean_environment()) as follower:
        assert follower.stdout is not None
        follower.stdout.readline()
        home.admin("admin", "promote", "ben")
        assert json.loads(follower.stdout.readline())["deed"] == "promoted"
        follower.terminate()
        assert follower.wait(LIMIT_S) == 130


def test_tables_are_for_people(home: House) -> None:
    shown = home.admin("admin", "users").splitlines()
    assert [line.split()[:2] for line in shown] == [["NAME", "STANDING"], ["ann", "admin"], ["ben", "member"]]
    assert home.admin("admin", "rooms").splitlines()[1].split()[:3] == ["#lobby", "open", "2"]
    assert "appends_total" in home.admin("admin", "status")


def test_a_member_deletes_the_own_account_and_what_they_said_stays(home: House) -> None:
    home.say("ben", "remember me")
    asked = home.member("ben", "leave", "--delete")
    assert asked.returncode == 64
    assert "Goes:" in asked.stdout
    assert "Stays:" in asked.stdout
    done = home.member("ben", "leave", "--delete", "--yes")
    assert done.returncode == 0, done.stderr
    shown = home.member("ann", "log", "#lobby")
    assert shown.stdout.splitlines()[-1].endswith("ben (deleted): remember me")
    assert [each["name"] for each in home.admin_json("admin", "users")] == ["ann"]
    assert "deleted" in home.member("ben", "send", "#lobby", "--timeout", "5", "still here?").stderr
    again = home.member("second", "join", home.members_invite(), "--name", "ben")
    assert "free again on" in again.stderr


def test_a_member_shows_a_message_to_the_admin_with_proof_of_who_said_it(home: House) -> None:
    home.join("cara", home.member("ann", "invite").stdout.splitlines()[0])
    home.say("cara", "good morning")
    home.say("ben", "you are an idiot")
    lines = home.member("cara", "log", "#lobby", "--json").stdout.splitlines()
    [number] = [each["sequence"] for each in map(json.loads, lines) if each["text"] == "you are an idiot"]
    told = home.member("cara", "report", "#lobby", str(number), "An", "insult.")
    assert told.stdout == "The message goes to ann, with proof of who said it.\n", told.stderr
    home.member("cara", "send", "ann", "see above")
    shown = [json.loads(line) for line in home.member("ann", "log", "cara", "--json").stdout.splitlines()]
    [found] = [each for each in shown if each["kind"] == "report"]
    assert (found["author"], found["room"], found["text"]) == ("ben", "#lobby", "you are an idiot")
    assert (found["reason"], found["before"], found["verdict"]) == ("An insult.", ["cara: good morning"], "proven")
    assert home.member("cara", "report", "#lobby", "999").returncode == 64
    assert "no other admin" in home.member("ann", "report", "#lobby", str(number)).stderr


def test_an_admin_deletes_accounts_and_rooms_and_the_group_follows(home: House) -> None:
    assert home.member("ben", "rooms", "create", "#old").returncode == 0
    deleted = home.member("ann", "admin", "delete", "#old", "--yes")
    assert deleted.stdout == "#old is deleted.\n", deleted.stderr
    assert [room["name"] for room in home.admin_json("admin", "rooms")] == ["#lobby"]
    beside = home.admin("admin", "delete", "ben", "--yes")
    assert beside.startswith("The account ben is deleted.\nIf ben was in the group:")
    limit = time.monotonic() + LIMIT_S
    while "ben is not in the group" not in home.member("ann", "verify", "ben").stderr:
        assert time.monotonic() < limit, "no device of an admin's has said so"
        time.sleep(0.2)
    missing = home.member("ann", "admin", "delete", "ben", "--yes")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert home.member("ann", "admin", "delete").returncode == 64
    assert "Nobody here is called" in home.member("ann", "admin", "delete", os.fsdecode(b"caf\xe9"), "--yes").stderr
    own = home.member("ann", "admin", "delete", "ann", "--yes")
    assert "leave --delete" in own.stderr
    home.say("ann", "still in the group")
