"""The life of a server: its first start, a stop, a kill, and the start after it, with nobody at hand."""

from __future__ import annotations

import json
import re
import signal
import socket
import stat
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from e2e.founded import Founded
from e2e.house import LIMIT_S, PASSWORD, House, command
from e2e.town import words_of_server
from lanline.model.invites import InviteLink
from serverhouse.ports import free_port

READY_WITHIN_S, TRIES = 10.0, 5
"""Half a second on a quiet machine; tests run on busy ones."""


def test_a_first_start_makes_everything_and_names_its_admin_by_an_invite(home: House) -> None:
    server = home.serve()
    with socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S):
        pass
    assert {path.name for path in home.data.iterdir()} >= {"identity.pem", "operator.pem", "lanline.sqlite"}
    assert stat.S_IMODE(home.data.stat().st_mode) == 0o700
    invite = server.first_invite
    assert invite is not None
    assert "from the home that joined: lanline invite (to let them only ask" in server.said
    assert (InviteLink.parse(invite).host, InviteLink.parse(invite).port) == ("127.0.0.1", server.port)
    home.join("ann", invite)
    [user] = home.admin_json("admin", "users")
    assert (user["name"], user["admin"]) == ("ann", True)
    assert home.member("ben", "join", invite, "--name", "ben").returncode == 1
    assert server.end() == 0
    again = home.serve()
    assert again.first_invite is None
    assert f"lanline invite --data {home.data}" in again.said, "as it stands there it works"


def test_a_first_start_is_soon_ready(home: House, tmp_path: Path) -> None:
    def is_soon_ready(data: Path) -> bool:
        began = time.monotonic()
        home.serve(data=data)
        return time.monotonic() - began < READY_WITHIN_S

    assert any(is_soon_ready(tmp_path / f"try{number}") for number in range(TRIES))


def test_until_somebody_has_joined_each_start_invites(home: House) -> None:
    server = home.serve("--qr")
    first = server.first_invite
    assert server.end() == 0
    assert server.said.count("\N{FULL BLOCK}") > 100
    again = home.serve().first_invite
    assert None not in {first, again}
    assert first != again


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_polite_end_is_no_failure_and_loses_nothing(founded: Founded, home: House, number: int) -> None:
    port = free_port()
    founded.copy(home.folder, port, "ann")
    server = home.serve(port=port)
    home.say("ann", "before")
    assert server.end(number) == 0
    assert {path.name for path in home.data.iterdir()} & {"running.json", "lanline.sqlite-wal"} == set()
    home.serve(port=port)
    assert "before" in home.heard("ann")


def test_after_a_kill_it_starts_by_itself_with_all_that_was_acknowledged(founded: Founded, home: House) -> None:
    port = free_port()
    founded.copy(home.folder, port, "ann")
    server = home.serve(port=port)
    home.say("ann", "acknowledged")
    server.process.kill()
    server.process.wait()
    down = home.member("ann", "send", "--timeout", "1", "#lobby", "meanwhile")
    assert down.returncode != 0
    home.serve(port=port)
    home.say("ann", "after")
    heard = home.heard("ann")
    assert [text for text in heard if text in {"acknowledged", "after"}] == ["acknowledged", "after"]


def test_a_stale_note_of_where_it_ran_is_no_trouble(home: House) -> None:
    server = home.serve()
    server.process.kill()
    server.process.wait()
    done = command("invite", "--data", str(home.data))
    assert done.returncode == 1
    assert "lanline serve --data" in done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


def test_logs_hold_no_secrets_and_nothing_that_was_said(home: House) -> None:
    server = home.serve("--log-level", "debug", "--log-format", "json")
    assert server.first_invite is not None
    home.join("ann", server.first_invite)
    home.say("ann", "between you and me")
    words = words_of_server(home.data)
    done = home.member("ben", "join", f"127.0.0.1:{server.port}", "--name", "ann", "--accept-key", words)
    assert done.returncode in {0, 1}
    assert server.end() == 0
    for line in server.logged.splitlines():
        assert json.loads(line)["level"]
    for secret in (PASSWORD, "between you", server.first_invite.rpartition(".")[2]):
        assert secret not in server.logged
    assert len(server.logged.splitlines()) < 20


def test_health_and_figures_are_served_on_loopback(home: House) -> None:
    server = home.serve("--metrics-port", "0")
    address = server.said.partition("Health   ")[2].split()[0]
    home.join("ann", server.first_invite)
    home.say("ann", "one")
    with urllib.request.urlopen(address, timeout=LIMIT_S) as answer:
        assert (answer.status, answer.read()) == (200, b"ok\n")
    with urllib.request.urlopen(address.replace("health", "metrics"), timeout=LIMIT_S) as answer:
        figures = answer.read().decode()
    assert "\nlanline_appends_total 1.0\n" in figures
    assert "\nlanline_accounts 1.0\n" in figures
    assert home.admin_json("admin", "status")[0]["appends_total"] == 1
    page = (Path(__file__).parents[2] / "docs" / "server.md").read_text(encoding="utf-8")
    for name in re.findall(r"^# TYPE lanline_(\S+)", figures, re.MULTILINE):
        assert f"`{name}`" in page, name


def test_settings_come_from_the_file_in_the_folder(home: House) -> None:
    home.data.mkdir()
    (home.data / "lanline.toml").write_text('server_name = "the ship"\nopen = true\nlobby = "#deck"\n')
    server = home.serve()
    assert "Lanline server the ship is ready." in server.said
    words = words_of_server(home.data)
    done = home.member("ann", "join", f"127.0.0.1:{server.port}", "--name", "ann", "--accept-key", words)
    assert done.returncode == 0, done.stderr
    assert [room["name"] for room in home.admin_json("admin", "rooms")] == ["#deck"]
