"""What the program before wrote is opened by the program of today, and goes on: `tests/data/README.md`."""

from __future__ import annotations

import tarfile
from pathlib import Path

from e2e.house import House, house
from lanline.model.invites import InviteLink

ARCHIVE = Path(__file__).parents[1] / "data" / "before-sql-steps.tar.xz"
SAID = [
    *(f"{who} in the lab {number}" for number in range(1, 10) for who in ("ann", "ben")),
    *(f"eve in the lobby {number}" for number in range(1, 10)),
    "a word of mal",
    "the board meets",
    "thank you",
    "a note to myself",
]
WAITING = "said while the server was away"


def move_in(older: House) -> str:
    """The server listens at another port than then. Returns the invite to it."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(older.folder, filter="data")
    (older.folder / "server").rename(older.data)
    port = older.serve().port
    pin = older.folder / "ann" / "server.json"
    pin.write_text(pin.read_text().replace("15299", str(port)))
    invite = InviteLink.parse((older.folder / "invite").read_text())
    return str(invite.reached_at(f"127.0.0.1:{port}"))


def log_of(older: House, name: str, of: str) -> str:
    done = older.member(name, "log", of, "--last", "1000")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_server_and_a_home_of_the_program_before_go_on(tmp_path: Path) -> None:
    with house(tmp_path) as older:
        invite = move_in(older)
        assert older.member("ann", "send", "#lab", "and on it goes").returncode == 0
        logs = {of: log_of(older, "ann", of) for of in ("#lab", "#lobby", "#board", "ben", "ann")}
        everything = "\n".join(logs.values())
        assert [text for text in SAID if text not in everything] == []
        assert logs["#lab"].index("ben in the lab 9") < logs["#lab"].index(WAITING) < logs["#lab"].index("and on it")

        assert older.member("zoe", "join", invite, "--name", "zoe").returncode == 1, "a copied folder ends its invites"
        older.join("zoe", older.invite())
        assert older.member("zoe", "rooms", "join", "#lab").returncode == 0
        assert older.member("zoe", "send", "#lab", "new here").returncode == 0
        assert "new here" in log_of(older, "ann", "#lab")
        assert "ben in the lab 1" in log_of(older, "zoe", "#lab")

        users = {each["name"]: each for each in older.admin_json("admin", "users")}
        assert {name for name, each in users.items() if each["banned"]} == {"mal"}
        assert {name for name, each in users.items() if each["admin"]} == {"ann"}
        assert users["ann"]["file_bytes"] == 600 + 256


def test_who_was_banned_or_muted_stays_so(tmp_path: Path) -> None:
    with house(tmp_path) as older:
        invite = move_in(older)
        for name in ("mal", "eve"):
            done = older.member(name, "join", invite, "--name", name, "--password-command", "echo throw away")
            assert ("banned" in done.stderr) is (name == "mal"), done.stderr
        refused = older.member("eve", "send", "#lab", "let me speak")
        assert refused.returncode == 1
        assert "muted" in refused.stderr
        assert older.member("eve", "send", "#lobby", "here I may").returncode == 0
