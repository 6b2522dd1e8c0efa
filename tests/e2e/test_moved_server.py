"""A server that has moved: a home finds it again with the key that it has, and a chat that runs goes there too."""

from __future__ import annotations

import subprocess

import pytest

from e2e.square import Square
from e2e.test_node import pid_of
from e2e.town import LIMIT_S, OUTSIDE
from programhouse.starting import COMMAND
from serverhouse.ports import free_port


@pytest.mark.parametrize("way", ["join", "chat"])
def test_a_running_chat_calls_the_new_address_and_nobody_is_asked_for_a_password(square: Square, way: str) -> None:
    chat = square.enters("ann")
    square.close()
    square.port = free_port()
    square.open()
    chat.wait_out("(?s)Connected to.*(not reach|lost|away|Connection)")
    chat.write("said while it was away\r")
    place = f"127.0.0.1:{square.port}"
    if way == "join":
        done = square.run("ann", "join", place)
        assert done.returncode == 0, done.stderr
        assert "assword" not in done.stdout + done.stderr
    else:
        square.at_terminal("ann", "--server", place)
    chat.wait_out("ann: said while it was away ✓")
    chat.write("said there\r")
    chat.wait_out("ann: said there ✓")
    assert square.texts("ann", "#lobby")[-2:] == ["said while it was away", "said there"]


@pytest.mark.parametrize("by_link", [True, False])
def test_an_agent_goes_there_too_and_keeps_the_home(square: Square, by_link: bool) -> None:
    agent = square.start("ann", "agent")
    assert agent.stdout is not None
    agent.stdout.readline()
    chat = square.enters("ann")
    square.close()
    square.port = free_port()
    square.open()
    done = square.run("ann", "join", link_of(square) if by_link else f"127.0.0.1:{square.port}")
    assert done.returncode == 0, done.stderr
    chat.write("said there\r")
    chat.wait_out("ann: said there ✓")
    assert (pid_of(square, "ann"), agent.poll()) == (agent.pid, None)
    assert square.run("ann", "agent", "stop").stdout == "It has ended.\n"
    assert agent.communicate(timeout=LIMIT_S) == ("", "")
    assert agent.returncode == 0


def link_of(square: Square) -> str:
    command = [*COMMAND, "invite", "--data", str(square.folder / "data")]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=OUTSIDE).stdout.splitlines()[0]
