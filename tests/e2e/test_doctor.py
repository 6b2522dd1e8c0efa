"""`lanline doctor --keys`: all is fetched anew with the server, checked without it; and nothing is lost."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

from e2e.house import House, command, house, well
from lanline.client.chat.client import HISTORY_FILE
from lanline.client.chat.sealed.alarms import alarms_kept_in

LIMIT_S = 60.0


def wait_for(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.2)  # each look starts a program


def devices(home: House) -> dict[str, str]:
    """Of ana: the number and the state of each."""
    listed = well(home.member("ana", "devices", "--json")).splitlines()
    return {each["id"]: each["state"] for each in map(json.loads, listed)}


def is_gathering(home: House, data: Path) -> bool:
    for name in ("ana", "ben", "second"):
        home.member(name, "rooms", "--timeout", "5")
    told = command("admin", "chain", "--json", "--data", str(data))
    return bool(json.loads(well(told))["gathering"])


def test_the_keys_are_the_same_after_it_with_the_server_and_without(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        server = home.serve()
        home.join("ana", server.first_invite)
        home.join("ben")
        home.say("ana", "in the lobby")
        well(home.member("ana", "send", "ben", "for you alone"))
        fetched = well(home.member("ana", "doctor", "--keys"))
        assert fetched.startswith("Thrown away: the group's chain (")
        assert fetched.endswith("All is as it was before.\n")
        assert "for you alone" in well(home.member("ben", "log", "ana"))
        told = json.loads(well(home.member("ben", "doctor", "--keys", "--json")))
        assert told["whole"]
        assert "2 of conversations" in told["lines"][1]
        assert server.end() == 0
        away = well(home.member("ben", "doctor", "--keys", "--timeout", "5"))
        assert away.startswith("The server is not there")
        assert away.endswith("All is as it was before.\n")
        assert "for you alone" in well(home.member("ben", "log", "ana"))


def test_without_a_home_or_without_saying_what_it_says_what_to_do(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        nobody = home.member("eve", "doctor", "--keys")
        assert nobody.returncode == 1
        assert "join" in nobody.stderr
        assert home.member("eve", "doctor").returncode == 64


def test_after_a_backup_of_before_the_key_was_turned_is_put_back_an_only_device_has_all_of_it(tmp_path: Path) -> None:
    """While the server gathers nothing is thrown away, and that is said; what was taken out stays out."""
    with house(tmp_path) as home:
        server = home.serve()
        home.join("ana", server.first_invite)
        home.join("ben")
        port = server.port
        joined = well(home.member("second", "join", home.invite(), "--name", "ana"))
        shown = re.search(r"lanline devices approve '([A-Z2-7 ]+)'", joined)
        assert shown is not None, joined
        well(home.member("ana", "devices", "approve", shown[1]))
        home.say("ana", "before")
        file = str(tmp_path / "kept.tar")
        home.admin("admin", "backup", file)
        [lost] = [number for number, state in devices(home).items() if number and state != "this one"]
        well(home.member("ana", "devices", "revoke", lost))
        home.say("ana", "since")
        well(home.member("ben", "send", "ana", "for you alone"))
        said = home.heard("ana")
        assert server.end() == 0
        restored = tmp_path / "restored"
        well(command("admin", "restore", file, "--data", str(restored)))
        home.serve(data=restored, port=port)
        wait_for(lambda: "not connected" not in home.member("ana", "rooms", "--timeout", "5").stderr.lower())
        gathering = home.member("ana", "doctor", "--keys")
        assert gathering.returncode == 1, gathering.stdout
        assert gathering.stdout.startswith("Nothing was thrown away: the server does not have all that this device has")
        wait_for(lambda: not is_gathering(home, restored))  # every device of the backup has told: none can bring more
        fetched = well(home.member("ana", "doctor", "--keys"))
        assert fetched.startswith("Thrown away: the group's chain (")
        assert "keys (2 of your account, " in fetched
        assert fetched.endswith("All is as it was before.\n")
        home.say("ana", "after")
        # What was lost may be brought back before that, or behind it.
        wait_for(lambda: sorted(home.heard("ben")) == sorted(home.heard("ana")) == sorted([*said, "after"]))
        wait_for(lambda: "for you alone" in well(home.member("ana", "log", "ben")))
        assert home.member("second", "send", "#lobby", "still here", "--timeout", "5").returncode == 75
        assert devices(home)[lost] == "taken out"
        assert [alarms_kept_in(tmp_path / name / HISTORY_FILE, 100) for name in ("ana", "ben")] == [[], []]
