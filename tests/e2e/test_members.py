"""`lanline join`, `send`, `log`, `clients`, `rooms` and `dereg`, as people and scripts run them."""

from __future__ import annotations

import json
import random
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.founded import Founded
from e2e.house import command
from e2e.town import COMMAND, LIMIT_S, OUTSIDE, PASSWORD, Town, parsed
from serverhouse.ports import free_port

QUEUED = 75
USAGE = 64


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """With ann and ben; what one test says there the others may see."""
    made = Town(tmp_path_factory.mktemp("town"))
    try:
        made.open()
        assert made.join("ann").returncode == 0
        assert made.join("ben").returncode == 0
        yield made
    finally:
        made.dispose()


@pytest.fixture
def own_town(founded: Founded, tmp_path: Path) -> Iterator[Town]:
    """With a home of ann."""
    made = Town(tmp_path)
    founded.copy(tmp_path, made.port, "ann")
    try:
        made.open()
        yield made
    finally:
        made.dispose()


# Joining.


def test_nothing_is_sent_to_a_server_whose_key_nobody_has_accepted(town: Town) -> None:
    place = f"127.0.0.1:{town.port}"
    unasked = town.run("cai", "join", place, "--name", "cai", LANLINE_PASSWORD=PASSWORD)
    assert unasked.returncode != 0
    assert f"--accept-key '{town.key_words}'" in unasked.stderr
    other = town.run("cai", "join", place, "--name", "cai", "--accept-key", "acorn actor", LANLINE_PASSWORD=PASSWORD)
    assert other.returncode == 1
    assert town.key_words in other.stderr
    assert "cai" not in town.run("ann", "clients").stdout
    done = town.join("cai")
    assert done.returncode == 0
    assert "You are cai on" in done.stdout


def test_a_taken_name_is_refused_and_its_owner_adds_a_device(town: Town) -> None:
    taken = town.run(
        "impostor",
        "join",
        f"127.0.0.1:{town.port}",
        "--name",
        "Ann",
        "--accept-key",
        town.key_words,
        LANLINE_PASSWORD="something else entirely",
    )
    assert taken.returncode == 1
    assert "not the password of Ann" in taken.stderr
    again = town.run(
        "laptop",
        "join",
        f"127.0.0.1:{town.port}",
        "--name",
        "ann",
        "--accept-key",
        town.key_words.upper().replace(" ", "-"),
        "--password-command",
        f"printf '{PASSWORD}\\nmore'",
    )
    assert again.returncode == 0
    assert "now one of ann" in again.stdout


def test_joining_again_is_harmless_and_being_two_people_is_refused(town: Town) -> None:
    assert town.join("ann").returncode == 0
    other = town.run("ann", "join", f"127.0.0.1:{town.port}", "--name", "dora", LANLINE_PASSWORD=PASSWORD)
    assert other.returncode == 1
    assert "--home" in other.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["not a server", "--name", "x"],
        ["lanline://host/#short", "--name", "x"],
        ["127.0.0.1", "--name", "two words"],
        ["127.0.0.1", "--name", "x", "--password-command", "false"],
        ["127.0.0.1", "--name", "x", "--password-command", "/no/such/command"],
        ["127.0.0.1", "--name", "x", "--timeout", "0"],
        ["127.0.0.1"],
    ],
)
def test_what_was_typed_wrong_is_told_before_anything_is_called(town: Town, words: list[str]) -> None:
    done = town.run("nobody", "join", *words)
    assert (done.returncode, done.stdout) == (USAGE, "")


def test_where_nothing_listens_it_is_said_what_is_waited_for(tmp_path: Path) -> None:
    place = f"127.0.0.1:{free_port()}"
    result = command("join", place, "--name", "ann", "--timeout", "4", "--home", str(tmp_path / "ann"))
    assert result.returncode == 1
    told, last = result.stderr.splitlines()
    assert told.endswith("Is the server running, and is this its address? It is called again, for 4 seconds.")
    assert last.startswith("lanline: Nothing answers at 127.0.0.1")


def test_without_a_terminal_a_password_has_to_come_from_somewhere(town: Town) -> None:
    place = ("join", f"127.0.0.1:{town.port}", "--accept-key", town.key_words)
    taken = town.run("nobody", *place, "--name", "ann")
    assert taken.returncode == 1
    assert "The name ann is taken" in taken.stderr
    assert "LANLINE_PASSWORD" in taken.stderr
    free = town.run("nobody", *place, "--name", "nobody")
    assert free.returncode == 0, free.stderr
    assert "lanline password" in free.stderr


def test_a_home_that_has_joined_nothing_says_how_to(town: Town) -> None:
    for words in (["send", "ben", "hi"], ["log", "ben"], ["clients"], ["rooms"], ["dereg"]):
        done = town.run("stranger", *words)
        assert done.returncode == 1
        assert "lanline join" in done.stderr


# Saying and reading.


def test_what_is_sent_is_there_for_the_other(town: Town) -> None:
    done = town.run("ann", "send", "ben", "see", "you", "at", "8")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "see you at 8" in town.texts("ben", "ann")
    assert "see you at 8" in town.texts("ann", "ben")


@pytest.mark.parametrize("words", [[], ["-"]])
def test_text_comes_from_a_pipe(town: Town, words: list[str]) -> None:
    assert town.run("ann", "send", "#lobby", *words, given="disk\n  97 %\n").returncode == 0
    assert town.texts("ben", "#lobby")[-1] == "disk\n  97 %"


def test_any_character_passes_and_none_reaches_the_terminal_raw(town: Town) -> None:
    text = "\x1b[2J\x07 # : \u202e ünï \U0001f600"
    assert town.run("ann", "send", "#lobby", given=text).returncode == 0
    assert town.texts("ben", "#lobby")[-1] == text
    shown = town.run("ben", "log", "#lobby")
    assert not set("\x1b\x07\u202e") & set(shown.stdout)
    assert "ünï \U0001f600" in shown.stdout
    assert not set("\x1b\x07\u202e") & set(town.run("ben", "log", "#lobby", "--json").stdout)


@pytest.mark.parametrize("given", ["", " \n", "x" * 61 * 1024, "x" * 2_000_000, b"\xff\xfe"])
def test_what_is_no_message_is_refused_at_once(town: Town, given: str | bytes) -> None:
    done = town.run("ann", "send", "ben", given=given)
    assert done.returncode == USAGE
    assert len(done.stderr.splitlines()) == 1


def test_for_scripts_there_is_one_json_value_a_line(town: Town) -> None:
    done = town.run("ann", "send", "ben", "for a script", "--json")
    sent = parsed(done.stdout)
    assert (sent["to"], sent["state"]) == ("ben", "sent")
    last = parsed(town.run("ben", "log", "ann", "--last", "1", "--json").stdout)
    assert (last["id"], last["from"], last["text"], last["kind"]) == (sent["id"], "ann", "for a script", "text")


@pytest.mark.parametrize(("to", "why"), [("nobody-here", "nobody called"), ("#nix", "not in #nix")])
def test_what_can_go_nowhere_is_refused_and_does_not_stay(town: Town, to: str, why: str) -> None:
    done = town.run("ann", "send", to, "hello?")
    assert done.returncode == 1
    assert why in done.stderr
    assert town.run("ann", "log", to).returncode == 1


def test_log_goes_on_with_what_comes(town: Town) -> None:
    watcher = town.start("ben", "log", "#lobby", "--last", "0", "--follow", "--json")
    assert watcher.stdout is not None
    lines: list[str] = []
    # Whoever began to watch a moment later sees a later one.
    for number in range(50):
        assert town.run("ann", "send", "#lobby", f"live {number}").returncode == 0
        if watcher.stdout in _readable(watcher):
            lines.append(watcher.stdout.readline())
            break
    assert parsed(lines[0])["text"].startswith("live ")
    watcher.send_signal(signal.SIGINT)
    watcher.communicate(timeout=LIMIT_S)
    assert watcher.returncode == 130


def _readable(process: subprocess.Popen[str]) -> list[object]:
    return select.select([process.stdout], [], [], 0.2)[0]


# People and rooms.


def test_clients_shows_who_is_there_and_where(town: Town) -> None:
    town.start("ben", "log", "#lobby", "--follow", "--last", "1")
    limit = time.monotonic() + LIMIT_S
    while not re.search(r"^ben +online", (shown := town.run("ann", "clients")).stdout, re.MULTILINE):
        assert time.monotonic() < limit  # once the node has told the server
        time.sleep(0.2)
    assert "127.0.0.1:" in shown.stdout
    listed = {each["name"]: each for each in map(parsed, town.run("ann", "clients", "--json").stdout.splitlines())}
    assert listed["ann"]["online"] is False, "nobody sits there"
    assert listed["ben"]["online"] is True


def test_rooms_are_made_joined_and_left(town: Town) -> None:
    assert town.run("ann", "rooms", "create", "#lab", "--topic", "glass").returncode == 0
    assert town.run("ann", "rooms", "create", "#board", "--invite-only", "--topic", "brass").returncode == 0
    assert "brass" in town.run("ann", "rooms").stdout
    assert "glass" in (others := town.run("ben", "rooms").stdout)
    assert "#board" not in others
    assert "brass" not in others
    assert town.run("ben", "rooms", "join", "#board").returncode == 1
    assert town.run("ann", "rooms", "invite", "#board", "ben").returncode == 0
    assert town.run("ben", "rooms", "join", "#board").returncode == 0
    listed = {each["name"]: each for each in map(parsed, town.run("ben", "rooms", "--json").stdout.splitlines())}
    assert (listed["#lab"]["topic"], listed["#lab"]["joined"], listed["#board"]["joined"]) == ("glass", False, True)
    listed = {each["name"]: each for each in map(parsed, town.run("ben", "rooms", "--json").stdout.splitlines())}
    assert listed["#board"]["topic"] == "brass"
    assert town.run("ben", "send", "#board", "here").returncode == 0
    assert town.run("ben", "rooms", "leave", "#board").returncode == 0
    assert town.run("ben", "send", "#board", "still here?").returncode == 1
    assert town.texts("ben", "#board") == ["here"]
    left = town.run("ben", "log", "#board", "--follow")
    assert (left.returncode, "no longer in #board" in left.stderr) == (0, True)
    assert town.run("ben", "rooms", "create", "lab").returncode == USAGE


def test_dereg_signs_every_program_out(town: Town) -> None:
    done = town.run("ben", "dereg")
    assert (done.returncode, done.stdout) == (0, "You are offline.\n")


# When the server is away.


def test_what_cannot_be_sent_stays_queued_and_goes_out_with_the_next_command(own_town: Town) -> None:
    town = own_town
    assert town.run("ann", "send", "#lobby", "first").returncode == 0
    town.close(signal.SIGKILL)
    for number in range(2):
        late = town.run("ann", "send", "#lobby", f"late {number}", "--timeout", "0.5", "--json")
        assert late.returncode == QUEUED
        assert parsed(late.stdout)["state"] == "queued"
        assert "queued" in late.stderr
    limit = time.monotonic() + LIMIT_S
    while "Not connected" not in (kept := town.run("ann", "log", "#lobby")).stderr:
        assert kept.returncode == 0
        assert time.monotonic() < limit  # that a server was killed is noticed after a while
        time.sleep(0.2)
    assert [line.split("ann: ")[1] for line in kept.stdout.splitlines()] == [
        "first",
        "late 0  [queued]",
        "late 1  [queued]",
    ]
    assert town.run("ann", "clients", "--timeout", "0.5").returncode == 1
    town.open()
    assert town.run("ann", "send", "#lobby", "last").returncode == 0
    assert town.texts("ann", "#lobby") == ["first", "late 0", "late 1", "last"]


def test_a_server_with_another_key_gets_nothing(own_town: Town) -> None:
    town = own_town
    town.close()
    town.open("other-data")
    done = town.run("ann", "send", "#lobby", "secret", "--json")
    assert done.returncode == QUEUED, "or a script would say it twice"
    assert parsed(done.stdout)["state"] == "queued"
    assert done.stderr.startswith("lanline: Not sent yet: ")
    assert "another key" in done.stderr
    assert "stays queued here" in done.stderr
    assert town.run("ann", "clients").returncode == 1


def test_a_device_that_was_revoked_says_that_nothing_goes_out_from_it(own_town: Town) -> None:
    town = own_town
    command = [*COMMAND, "admin", "devices", "ann", "--json", "--data", str(town.folder / "data")]
    listed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_S, env=OUTSIDE)
    town.admin("devices", "ann", "--revoke", str(json.loads(listed.stdout)["id"]))
    done = town.run("ann", "send", "#lobby", "late")
    assert done.returncode == QUEUED
    assert "revoked" in done.stderr
    assert "cannot be sent from here" in done.stderr
    assert "goes out as soon as" not in done.stderr
    chat = town.run("ann", "chat", "#lobby", given="later\n")  # which ends before the line is read, or after
    assert chat.returncode != 0
    assert "revoked" in chat.stderr
    assert "will be sent" not in chat.stderr


def test_what_is_said_while_banned_stays_queued_and_goes_out_when_one_is_let_in_again(own_town: Town) -> None:
    town = own_town
    town.admin("ban", "ann")
    done = town.run("ann", "send", "#lobby", "let me in", "--json")
    assert done.returncode == QUEUED
    assert parsed(done.stdout)["state"] == "queued"
    assert done.stderr.startswith("lanline: Not sent yet: ")
    assert "banned" in done.stderr
    assert "stays queued here" in done.stderr
    town.admin("unban", "ann")
    assert town.run("ann", "send", "#lobby", "thanks").returncode == 0
    assert town.texts("ann", "#lobby") == ["let me in", "thanks"]


def test_of_a_server_that_does_not_answer_yet_nothing_else_is_told(own_town: Town) -> None:
    """It may be there, or killed a moment ago: nobody knows."""
    town = own_town
    assert town.run("ann", "send", "#lobby", "one", LANLINE_NODE_LINGER_S="120").returncode == 0
    town.signal(signal.SIGSTOP)
    try:
        done = town.run("ann", "send", "#lobby", "two", "--timeout", "0.5")
    finally:
        town.signal(signal.SIGCONT)
    assert done.returncode == QUEUED
    assert done.stderr.startswith(
        "lanline: Not sent yet: The server has not answered in this time. It stays queued here"
    )
    assert town.run("ann", "send", "#lobby", "three").returncode == 0
    assert town.texts("ann", "#lobby") == ["one", "two", "three"]


def test_killed_at_any_moment_a_message_is_said_once_or_never_and_in_order(own_town: Town) -> None:
    town = own_town
    chance = random.Random(3)
    sure = []
    for number in range(12):
        process = town.start("ann", "send", "#lobby", f"text {number}")
        try:
            process.wait(timeout=chance.uniform(0.15, 0.45))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        if process.returncode == 0:
            sure.append(f"text {number}")
    assert town.run("ann", "send", "#lobby", "the end").returncode == 0
    said = town.texts("ann", "#lobby")
    assert said == sorted(set(said), key=said.index)
    assert [text for text in said if text in sure] == sure
    assert said == [text for text in [*(f"text {number}" for number in range(12)), "the end"] if text in said]


def test_many_at_once_from_one_home_all_get_through(own_town: Town) -> None:
    town = own_town
    processes = [town.start("ann", "send", "#lobby", f"text {number}") for number in range(6)]
    for process in processes:
        _, problem = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, problem
    assert sorted(town.texts("ann", "#lobby")) == [f"text {number}" for number in range(6)]


@pytest.mark.parametrize(
    "words", [["log", "#lobby"], ["clients"], ["rooms", "--json"], ["invite"], ["--help"]], ids=str
)
@pytest.mark.parametrize("ends", ["exec >/dev/full", "exec >&-", "exec >/dev/full 2>&-"])
def test_where_nothing_can_be_written_a_sentence_says_so(town: Town, words: list[str], ends: str) -> None:
    if words == ["log", "#lobby"]:
        assert town.run("ann", "send", "#lobby", "a line").returncode == 0
    home = [] if words == ["--help"] else ["--home", str(town.folder / "ann")]
    script = f'{ends}; exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *COMMAND, *words, *home],
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT_S,
        env=OUTSIDE,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    if "2>&-" not in ends:
        assert done.stderr.startswith("lanline: ")
        assert done.stderr.count("\n") == 1


def test_the_commands_load_nothing_heavy_for_their_help() -> None:
    heavy = {"cryptography", "OpenSSL", "msgspec", "sqlite3", "asyncio", "websockets"}
    for words in (["join"], ["send"], ["log"], ["clients"], ["rooms"], ["rooms", "create"], ["dereg"]):
        program = (
            f"import sys; sys.argv = {['lanline', *words, '--help']!r}\n"
            "from lanline.cli.main import main\n"
            "try:\n    main()\nexcept SystemExit:\n    pass\n"
            "print(*sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert not heavy & set(done.stdout.splitlines()[-1].split()), words
        assert "lanline " + words[0] in done.stdout, "an example"
        assert all(len(line) <= 80 for line in done.stdout.splitlines()[:-1])
