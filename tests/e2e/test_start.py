"""`lanline start` and `lanline` alone, as a person at a terminal has them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.house import LIMIT_S, PASSWORD, clean_environment, command, house
from e2e.nodes import end_nodes
from e2e.program import COMMAND, Program
from serverhouse.ports import free_port

QUEUED = 75
INVITE = r"lanline://[^']+"


class Person:
    """At a machine of their own, with a home and perhaps a server."""

    def __init__(self, folder: Path) -> None:
        self.data, self.home = folder / "data", folder / "home"
        self.port = free_port()
        self._programs: list[Program] = []

    def at_terminal(self, *words: str, without_password: bool = False) -> Program:
        env = {"LANLINE_DATA": str(self.data), "LANLINE_HOME": str(self.home), "LANLINE_PUBLIC_HOST": "127.0.0.1"}
        environment = {**clean_environment(), **env, "COLUMNS": "200"}
        if without_password:
            del environment["LANLINE_PASSWORD"]
        program = Program(*words, at_terminal=True, environment=environment)
        self._programs.append(program)
        return program

    def start(self, *words: str) -> Program:
        return self.at_terminal("start", "--port", str(self.port), *words)

    def close(self) -> None:
        for program in self._programs:
            program.dispose()


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    with contextlib.closing(Person(tmp_path)) as made:
        yield made


def told(program: Program) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", program.out.text)


def shown_invite(program: Program) -> str:
    return re.findall(INVITE, told(program).replace("\n", ""))[0]


def leave(program: Program) -> None:
    program.write(b"\x04")
    program.wait_out("press Enter")
    program.wait_out("New password")
    program.write("\n")
    assert program.wait_end() == 0


def has_server(person: Person) -> bool:
    with socket.socket() as call:
        return call.connect_ex(("127.0.0.1", person.port)) == 0


def test_one_question_then_a_server_an_invite_and_the_chat_and_the_next_start_goes_on(person: Person) -> None:
    first = person.start()
    first.wait_out("Your name: ")
    first.write("two words\n")
    first.wait_out("Your name: .*\n[^\n]+\n.*Your name: ")
    first.write("me\n")
    first.wait_out("Nobody can be called me: .*\n.*Your name: ")
    first.write("ana\n")
    first.wait_out("#lobby>")
    invite = shown_invite(first)
    first.write("the first word\n")
    first.wait_out("✓")
    joined = command("join", invite, "--name", "bo", "--home", str(person.home.parent / "bo"))
    assert joined.returncode == 0, joined.stderr
    leave(first)
    assert not has_server(person)
    assert "lanline serve" in told(first)
    assert "had ended before" not in told(first)

    end_nodes(person.home.parent)
    again = person.start()
    again.wait_out("the first word")
    again.wait_out("Connected to")
    assert "Not connected" not in told(again), "the account has called before the server was there"
    assert "Your name" not in told(again)
    assert invite in told(again).replace("\n", "")
    again.write(b"\x04")
    assert again.wait_end() == 0
    assert not has_server(person)
    assert stat.S_IMODE((person.data / "invite-of-start").stat().st_mode) == 0o600


def test_ctrl_c_at_the_question_leaves_nothing_running(person: Person) -> None:
    program = person.start()
    program.wait_out("Your name: ")
    program.write(b"\x03")
    program.wait_out(r"\^C")
    with contextlib.suppress(OSError):  # one that comes before Python reads is heard with whatever comes next
        program.write("\n")
    assert program.wait_end() == 0
    assert not has_server(person)


def test_ctrl_c_in_the_chat_stops_the_server_and_asks_nothing_more(person: Person) -> None:
    program = person.start("--name", "ana")
    program.wait_out("#lobby>")
    program.write(b"\x03")
    assert program.wait_end() == 0
    assert "password" not in told(program).rpartition("#lobby>")[2]
    assert "The server is stopped" in told(program)
    assert not has_server(person)


def test_a_server_that_runs_is_used_and_stays(person: Person, tmp_path: Path) -> None:
    with house(tmp_path) as home:
        server = home.serve(data=person.data, port=person.port)
        program = person.start("--name", "ana")
        program.wait_out("#lobby>")
        assert home.admin_json("admin", "users")[0]["admin"]
        leave(program)
        assert server.process.poll() is None
        assert server.end() == 0


def server_pid(person: Person) -> int:
    return int(json.loads((person.data / "running.json").read_bytes())["pid"])


def test_a_server_that_was_killed_runs_again_and_the_chat_goes_on(person: Person) -> None:
    program = person.start("--name", "ana")
    program.wait_out("#lobby>")
    first = server_pid(person)
    os.kill(first, signal.SIGKILL)
    program.write("still here\n")
    program.wait_out("The server had ended, and not by you. It runs again.")
    program.wait_out("(?s)ana.*still here.*✓")
    assert server_pid(person) != first
    program.write(b"\x04")
    program.wait_out("New password")
    program.write("\n")
    assert program.wait_end() == 0
    assert "had ended before" not in told(program)
    assert not has_server(person)


def test_a_server_that_ends_at_each_start_is_left_alone(person: Person) -> None:
    program = person.start("--name", "ana")
    program.wait_out("#lobby>")
    (person.data / "lanline.toml").write_text("port = no number")
    os.kill(server_pid(person), signal.SIGKILL)
    program.wait_out("The server ends again and again, and is not started any more")
    program.write(b"\x03")
    assert program.wait_end() == 0
    assert "The server had ended before, and not by you" in told(program)


def test_a_server_that_has_taken_the_place_of_ones_own_stays(person: Person, tmp_path: Path) -> None:
    program = person.start("--name", "ana")
    program.wait_out("#lobby>")
    os.kill(server_pid(person), signal.SIGTERM)
    program.wait_out("The server was stopped, and not by you")
    with house(tmp_path) as home:
        server = home.serve(data=person.data, port=person.port)
        program.write("still here\n")
        program.wait_out("(?s)ana.*still here.*✓")
        program.write(b"\x03")
        assert program.wait_end() == 0
        assert "The server is stopped" not in told(program)
        assert server.end() == 0


def test_who_leaves_with_words_that_wait_is_told_how_to_go_on(person: Person) -> None:
    program = person.start("--name", "ana")
    program.wait_out("#lobby>")
    os.kill(server_pid(person), signal.SIGTERM)
    program.wait_out("The server was stopped, and not by you")
    program.write("still here\n")
    program.wait_out("(?s)still here.*not sent yet")
    program.write(b"\x04")
    assert program.wait_end() == QUEUED
    assert "The server had ended before, and not by you" in told(program)
    assert "Again as before:  lanline start" in told(program)


def test_of_two_that_start_in_the_same_moment_the_later_one_uses_the_server_of_the_first(
    person: Person, tmp_path: Path
) -> None:
    names = ("ana", "bo")
    programs = {name: person.start("--name", name, "--home", str(tmp_path / name)) for name in names}
    for name in names:
        programs[name].wait_out("#lobby>")
    for name, other in (names, names[::-1]):
        programs[name].write(f"this is {name}\n")
        programs[other].wait_out(f"this is {name}")
    server = server_pid(person)
    starter = int(subprocess.run(["ps", "-o", "ppid=", "-p", str(server)], capture_output=True, check=True).stdout)
    [guest] = [each for each in programs.values() if each.process.pid != starter]
    leave(guest)
    assert has_server(person)
    assert "Stopping the server" not in told(guest)
    [owner] = [each for each in programs.values() if each is not guest]
    leave(owner)
    assert not has_server(person)


def test_who_comes_by_an_invite_is_asked_for_a_name_only(person: Person, tmp_path: Path) -> None:
    started = person.start("--name", "ana")
    started.wait_out("#lobby>")
    invite = shown_invite(started)
    friend = person.at_terminal("chat", "--server", invite, "--home", str(tmp_path / "friend"), without_password=True)
    friend.wait_out("Nickname:")
    friend.write("bo\n")
    friend.wait_out("#lobby>")
    friend.write("hello\n")
    started.wait_out("hello")
    assert "assword" not in told(friend)
    leave(friend)
    leave(started)


def test_a_server_at_another_place_is_found_by_its_starter_and_by_the_new_line(person: Person, tmp_path: Path) -> None:
    started = person.start("--name", "ana")
    started.wait_out("#lobby>")
    home = ("--home", str(tmp_path / "friend"))
    before = shown_invite(started)
    assert command("join", before, "--name", "bo", *home, LANLINE_PASSWORD=PASSWORD).returncode == 0
    leave(started)
    settings = person.data / "lanline.toml"
    settings.write_text(settings.read_text().replace(str(person.port), str(free_port())))
    again = person.at_terminal("start")
    again.wait_out("#lobby>")
    again.wait_out("Connected to")
    now = shown_invite(again)
    assert now != before
    friend = person.at_terminal("chat", "--server", now, *home, without_password=True)
    friend.wait_out("#lobby>")
    friend.write("found you\n")
    again.wait_out("found you")
    friend.write(b"\x04")
    assert friend.wait_end() == 0
    again.write(b"\x04")
    assert again.wait_end() == 0


def test_a_server_of_its_own_ends_in_order_when_the_command_is_killed(person: Person) -> None:
    program = person.start("--name", "ana")
    program.wait_out("#lobby>")
    program.write("kept\n")
    program.wait_out("✓")
    program.kill()
    program.pump(lambda: not has_server(person), "end of the server")
    program.pump(lambda: not (person.data / "running.json").exists(), "orderly end")
    again = person.start()
    again.wait_out("kept")
    again.write(b"\x04")
    assert again.wait_end() == 0


def test_a_taken_port_is_told_in_a_sentence(person: Person) -> None:
    with socket.create_server(("127.0.0.1", person.port)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", person.port))
        program = person.start("--name", "ana")
        assert program.wait_end() == 1
    assert re.search(rf"lanline: .*{person.port} on .* is taken by another program", told(program))


def test_a_folder_that_is_none_is_told_in_a_sentence(person: Person) -> None:
    person.data.write_text("a file")
    program = person.start("--name", "ana")
    assert program.wait_end() == 1
    assert "Choose another one with --data." in told(program)


def test_without_a_server_no_serve_says_how_to_start_one(person: Person) -> None:
    program = person.start("--name", "ana", "--no-serve")
    assert program.wait_end() == 1
    assert f"lanline serve --data {person.data}" in told(program)


def test_without_a_terminal_it_serves(tmp_path: Path) -> None:
    words = ["start", "--data", str(tmp_path / "data"), "--port", str(free_port())]
    process = subprocess.Popen(
        [*COMMAND, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=clean_environment()
    )
    assert process.stdout is not None
    said = ""
    while "lanline join" not in said:
        said += process.stdout.readline()
    assert "is ready." in said
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0


def test_people_at_one_machine_have_a_home_for_each_name(person: Person, tmp_path: Path) -> None:
    with house(tmp_path) as home:
        home.serve(data=person.data, port=person.port)
        words = ("--no-serve", "--homes", str(tmp_path / "homes"))
        ana = person.start(*words)
        ana.wait_out("Your name: ")
        ana.write("ana\n")
        ana.wait_out("#lobby>")
        bo = person.start(*words, "--name", "bo")
        bo.wait_out("#lobby>")
        bo.write("hello ana\n")
        ana.wait_out("hello ana")
        leave(bo)
        bo = person.start(*words, "--name", "bo")
        bo.wait_out("#lobby>")
        assert sorted(user["name"] for user in home.admin_json("admin", "users")) == ["ana", "bo"]
        assert {path.name for path in (tmp_path / "homes").iterdir()} == {"ana", "bo"}


def test_a_password_is_set_and_changed_and_lets_another_device_in(person: Person, tmp_path: Path) -> None:
    with house(tmp_path) as home:
        server = home.serve(data=person.data, port=person.port)
        program = person.start("--name", "ana")
        program.wait_out("#lobby>")
        program.write(b"\x04")
        program.wait_out("New password")
        program.write(f"{PASSWORD}\n")
        program.wait_out("The same again")
        program.write(f"{PASSWORD}\n")
        program.wait_out("The password is set")
        assert program.wait_end() == 0
        invite = command("invite", "--data", str(person.data)).stdout.split()[0]
        second = command("join", invite, "--name", "ana", "--home", str(tmp_path / "second"))
        assert second.returncode == 0, second.stderr

        change = person.at_terminal("password")
        change.wait_out("New password")
        change.write("another long phrase\n")
        change.wait_out("The same again")
        change.write("another long phrase\n")
        change.wait_out("until now")
        change.write(f"{PASSWORD}\n")
        change.wait_out("The password is set")
        assert change.wait_end() == 0
        third = command("join", invite, "--name", "ana", "--home", str(tmp_path / "third"))
        assert third.returncode == 1, "the old password"
        assert server.end() == 0


def test_an_account_without_a_password_is_not_opened_by_an_empty_one(person: Person, tmp_path: Path) -> None:
    with house(tmp_path) as home:
        home.serve(data=person.data, port=person.port)
        program = person.start("--name", "ana")
        program.wait_out("#lobby>")
        invite = command("invite", "--data", str(person.data)).stdout.split()[0]
        thief = command("join", invite, "--name", "ana", "--home", str(tmp_path / "thief"), LANLINE_PASSWORD="")
        assert thief.returncode != 0


def test_lanline_alone_offers_what_to_do_next(person: Person) -> None:
    menu = person.at_terminal()
    menu.wait_out("start a group")
    menu.write("x\n")
    menu.wait_out("Type one of s, j, p, q")
    menu.write("q\n")
    assert menu.wait_end() == 0

    started = person.start("--name", "ana")
    started.wait_out("#lobby>")
    menu = person.at_terminal()
    menu.wait_out("You are ana on")
    menu.write("t\n")
    menu.wait_out("#lobby>")
    menu.write(b"\x03")
    menu.wait_out("(?s)#lobby>.*You are ana on")
    menu.write("leave\n")
    assert menu.wait_end() == 0
    leave(started)
    assert not has_server(person)


def test_without_a_terminal_lanline_alone_shows_its_help_and_tells_its_version() -> None:
    shown = command()
    assert shown.returncode == 0
    assert "start " in shown.stdout
    assert "..." not in shown.stdout.partition("Commands:")[2], "a line that is cut off"
    assert re.fullmatch(r"lanline \d+\.\d+\.\d+\n", command("--version").stdout)
