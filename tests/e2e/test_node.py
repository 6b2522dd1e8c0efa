"""The process that owns a home, as people meet it: killed, stopped, kept, and ended, with programs at work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.program import Program
from e2e.square import Square
from e2e.town import LIMIT_S, OUTSIDE, Town, parsed
from programhouse.starting import COMMAND


def pid_of(town: Town, name: str) -> int | None:
    """Of the process that owns the home."""
    try:
        return int(json.loads((town.folder / name / "node.json").read_bytes())["pid"])
    except FileNotFoundError:
        return None


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


def eventually(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_programs_go_on_when_the_node_is_killed_and_nothing_is_lost(town: Town) -> None:
    chat = Program("chat", "--stay", "--json", "--home", str(town.folder / "ann"))
    follower = Program("log", "#lobby", "--follow", "--json", "--home", str(town.folder / "ann"))
    try:
        chat.wait_aside("Connected to")
        chat.write("before\n")
        follower.wait_out('"before"')
        for number in range(3):
            pid = pid_of(town, "ann")
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            chat.write(f"after {number}\n")
            assert town.run("ben", "send", "#lobby", f"ben {number}").returncode == 0
            chat.wait_out(f'"ben {number}"')
            follower.wait_out(f'"ben {number}"')
        chat.end_input()
    finally:
        for program in (chat, follower):
            program.dispose()
    lines = [parsed(line) for line in follower.out.text.splitlines() if line.endswith("}")]
    heard = [line["text"] for line in lines if line["sequence"]]  # what was still queued at first is told again
    assert heard == list(dict.fromkeys(heard)), "each once"
    said = town.texts("ben", "#lobby")
    assert [text for text in said if not text.startswith("ben")] == ["before", *(f"after {n}" for n in range(3))]
    assert said == list(dict.fromkeys(said))


def test_a_frozen_program_disturbs_no_other(town: Town) -> None:
    frozen = Program("chat", "--stay", "--json", "--home", str(town.folder / "ann"))
    try:
        frozen.wait_aside("Connected to")
        frozen.signal(signal.SIGSTOP)
        for number in range(3):
            assert town.run("ann", "send", "ben", f"text {number}").returncode == 0
        frozen.signal(signal.SIGCONT)
        frozen.wait_out('"text 2"')
    finally:
        frozen.dispose()


def test_all_programs_of_a_home_share_one_process_that_ends_after_the_last(town: Town) -> None:
    first = town.start("ann", "log", "#lobby", "--follow")
    eventually(lambda: pid_of(town, "ann") is not None)
    pid = pid_of(town, "ann")
    assert pid is not None
    for _ in range(3):
        assert town.run("ann", "send", "#lobby", "hello").returncode == 0
        assert pid_of(town, "ann") == pid
    first.kill()
    first.communicate()
    eventually(lambda: not is_running(pid))
    assert pid_of(town, "ann") is None


def test_an_agent_stays_until_it_is_stopped_and_is_what_programs_use(town: Town) -> None:
    agent = town.start("ann", "agent")
    assert agent.stdout is not None
    assert "stays connected" in agent.stdout.readline()
    assert pid_of(town, "ann") == agent.pid
    assert town.run("ann", "send", "ben", "hi").returncode == 0
    assert pid_of(town, "ann") == agent.pid
    assert town.run("ann", "agent", "stop").stdout == "It has ended.\n"
    assert agent.wait(LIMIT_S) == 0
    assert town.run("ann", "agent", "stop").stdout == "No such process runs.\n"


def test_an_agent_that_is_stopped_while_a_chat_is_open_leaves_the_home_to_the_chat(square: Square) -> None:
    agent = square.start("ann", "agent")
    assert agent.stdout is not None
    agent.stdout.readline()
    chat = square.enters("ann")
    chat.write("before\r")
    chat.wait_out("ann: before ✓")
    assert square.run("ann", "agent", "stop").stdout == "It has ended.\n"
    assert agent.wait(LIMIT_S) == 0
    chat.write("after\r")
    chat.wait_out("ann: after ✓")
    assert pid_of(square, "ann") not in {None, agent.pid}
    chat.write(b"\x04")
    assert chat.wait_end() == 0
    assert square.texts("ann", "#lobby") == ["before", "after"]


@pytest.mark.parametrize("closed", ["<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_program_without_standard_streams_starts_a_node_that_has_its_own(town: Town, closed: str) -> None:
    """Or what the node opens first, its log, its lock or its socket, would be one of them."""
    words = ["send", "#lobby", "without", "--home", str(town.folder / "ann")]
    command = ["/bin/sh", "-c", f'exec "$0" "$@" {closed}', *COMMAND, *words]
    assert subprocess.run(command, timeout=LIMIT_S, env=OUTSIDE, check=False).returncode == 0
    streams = [Path(f"/proc/{pid_of(town, 'ann')}/fd/{number}").readlink() for number in range(3)]
    assert streams == [Path(os.devnull), Path(os.devnull), town.folder / "ann" / "node.log"]
    assert town.texts("ann", "#lobby") == ["without"]


def test_what_cannot_be_opened_is_told_by_the_program_that_wanted_it(town: Town) -> None:
    assert town.run("ann", "send", "ben", "hi").returncode == 0
    town.run("ann", "agent", "stop")
    for name in ("chat.db", "chat.db-wal", "chat.db-shm"):
        (town.folder / "ann" / name).unlink(missing_ok=True)
    (town.folder / "ann" / "chat.db").write_bytes(b"not a database at all" * 100)
    done = town.run("ann", "send", "ben", "hi")
    assert done.returncode == 1
    assert "damaged" in done.stderr


def test_a_home_that_is_removed_takes_its_process_along(town: Town) -> None:
    agent = town.start("ann", "agent")
    assert agent.stdout is not None
    agent.stdout.readline()
    (town.folder / "ann").rename(town.folder / "elsewhere")
    assert agent.wait(LIMIT_S) == 0
