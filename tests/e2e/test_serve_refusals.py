"""What keeps a server from starting, or a command from its work: one sentence, a status, no traceback."""

from __future__ import annotations

import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from e2e.house import LIMIT_S, House, Server, command
from e2e.nodes import end_nodes


def refused(server: Server, status: int = 1) -> str:
    """The one sentence of a server that does not start."""
    assert server.process.wait(LIMIT_S) == status
    server.end()
    assert server.said == ""
    told = [line for line in server.logged.splitlines() if line.startswith("lanline: ")]
    assert len(told) == 1, server.logged
    return told[0].removeprefix("lanline: ")


@pytest.mark.parametrize(("kind", "name"), [(socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")])
def test_a_port_that_another_program_has_is_told(home: House, kind: socket.SocketKind, name: str) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        told = refused(home.start(port=port))
    assert told == f"{name} port {port} on 127.0.0.1 is taken by another program. Stop it, or choose another port."


def test_two_servers_get_into_each_others_way_with_a_sentence(home: House, tmp_path: Path) -> None:
    server = home.serve()
    assert "is taken by another program" in refused(home.start(data=tmp_path / "other", port=server.port))
    assert refused(home.start(), 75) == (
        f"Another Lanline server uses the folder {home.data}. Stop it first, or choose another folder."
    )
    assert home.invite().startswith("lanline://127.0.0.1:")


def test_a_health_port_that_is_taken_is_told(home: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refused(home.start("--metrics-port", str(port))).startswith(f"TCP port {port} on 127.0.0.1 is taken")
    assert not (home.data / "running.json").exists()


def test_a_folder_that_is_none_is_told(home: House, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be used" in refused(home.start(data=tmp_path / "file"))
    assert "cannot be used" in refused(home.start(data=Path("/proc/lanline")))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(home: House, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "cannot be" in refused(home.start(data=tmp_path / "locked"))


def test_a_damaged_chain_of_the_group_is_told_and_not_built_upon(home: House) -> None:
    server = home.serve()
    home.join("ana", server.first_invite)
    assert server.end() == 0
    end_nodes(home.folder)
    with closing(sqlite3.connect(home.data / "lanline.sqlite")) as database:
        found = "SELECT log, sequence, content FROM entries WHERE suite = 'key/1' ORDER BY log, sequence LIMIT 1"
        log, sequence, content = database.execute(found).fetchone()
        damaged = bytes((*content[:40], content[40] ^ 1, *content[41:]))
        database.execute("UPDATE entries SET content = ? WHERE (log, sequence) = (?, ?)", (damaged, log, sequence))
        database.commit()
    assert refused(home.start()).startswith("The database is damaged: the entries that say who is in the group")


def test_a_damaged_or_newer_database_is_left_alone(home: House) -> None:
    home.serve().end()
    path = home.data / "lanline.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 9999")
        database.commit()
    before = path.read_bytes()
    assert "newer Lanline" in refused(home.start())
    assert path.read_bytes() == before
    path.write_bytes(b"garbage " * 1000)
    assert "damaged. Restore it from a backup." in refused(home.start())
    assert path.read_bytes() == b"garbage " * 1000


def test_a_lost_key_is_made_anew_only_when_told_to(home: House) -> None:
    server = home.serve()
    home.join("ann", server.first_invite)
    server.end()
    was = (home.data / "identity.pem").read_bytes()
    (home.data / "identity.pem").unlink()
    assert "restore it from a backup, or see lanline serve --new-key" in refused(home.start())
    home.serve("--new-key").end()
    assert (home.data / "identity.pem").read_bytes() != was


def test_mistakes_in_settings_are_told_with_their_place(home: House) -> None:
    home.data.mkdir()
    (home.data / "lanline.toml").write_text("# ours\nprot = 7\n")
    told = refused(home.start(), 64)
    assert told.startswith(f"{home.data}/lanline.toml, line 2: there is no setting 'prot'. Did you mean 'port'?")
    (home.data / "lanline.toml").unlink()
    assert refused(home.start("--public-host", "a b"), 64).startswith("'public_host' has to be a host name")
    assert refused(home.start(LANLINE_METRICS_PORT="many"), 64).startswith("LANLINE_METRICS_PORT is 'many'")
    assert not (home.data / "lanline.sqlite").exists()


def test_an_unfinished_restore_is_no_server(home: House) -> None:
    home.data.mkdir()
    (home.data / "restore-unfinished").touch()
    assert "cut short" in refused(home.start())


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["invite"], 1, "There is no key"),
        (["admin", "users"], 1, "Start the server there first"),
        (["invite", "--expires", "soon"], 64, "'soon' is no time an invite can last"),
        (["invite", "--expires", "9999w"], 64, "ten years at most"),
        (["admin", "backup", "b.tar"], 1, "There is no server's database"),
        (["admin", "export"], 1, "There is no server's database"),
        (["admin", "restore", "missing.tar"], 1, "There is no backup missing.tar."),
    ],
)
def test_a_command_without_a_server_says_so(home: House, words: list[str], status: int, told: str) -> None:
    done = command(*words, "--data", str(home.data))
    assert (done.returncode, done.stdout) == (status, "")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_command_for_nobody_in_particular_asks_which_server(home: House, tmp_path: Path) -> None:
    done = command("admin", "users", "--home", str(tmp_path / "nobody"), HOME=str(tmp_path))
    assert done.returncode == 64
    assert done.stderr.startswith("lanline: Which server?")


def test_invite_when_the_server_was_stopped_says_how_to_start_it(home: House) -> None:
    home.serve().end()
    done = command("invite", "--data", str(home.data))
    assert done.returncode == 1
    assert done.stderr == f"lanline: No server runs on {home.data}. Start it: lanline serve --data {home.data}\n"
