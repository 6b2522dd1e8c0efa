"""`lanline doctor --keys`: all is fetched anew with the server, checked without it; and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

from e2e.house import house, well


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
