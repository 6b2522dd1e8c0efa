"""An older backup is put back while people have more than it: nobody misses what is said from then on."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

from e2e.house import command
from e2e.nodes import end_nodes
from e2e.program import Program
from e2e.town import LIMIT_S, Town, parsed


def say(town: Town, name: str, text: str, to: str = "#lobby") -> None:
    done = town.run(name, "send", to, text)
    assert done.returncode == 0, done.stderr


def back_up(town: Town) -> Path:
    file = town.folder / "backup.tar"
    done = command("admin", "backup", str(file), "--data", str(town.folder / "data"))
    assert done.returncode == 0, done.stderr
    return file


def texts_once(town: Town, name: str, of: str, *expected: str) -> list[str]:
    """When all of these are there."""
    until = time.monotonic() + LIMIT_S
    while not set(expected) <= set(texts := town.texts(name, of)) and time.monotonic() < until:
        time.sleep(0.2)
    return texts


def talk_and_lose(town: Town) -> list[str]:
    """One and two are in the backup, three and four on both devices only; five and six take their places."""
    say(town, "ann", "one")
    say(town, "ben", "two")
    file = back_up(town)
    say(town, "ann", "three")
    say(town, "ben", "four")
    assert town.texts("ann", "#lobby") == town.texts("ben", "#lobby") == ["one", "two", "three", "four"]
    town.close()
    done = command("admin", "restore", str(file), "--data", str(town.folder / "restored"))
    assert done.returncode == 0, done.stderr
    town.open("restored")
    return ["one", "two", "five", "six"]


def test_after_a_restore_all_see_the_same_are_told_once_what_is_lost_and_bring_it_back(town: Town) -> None:
    whole, lost = [*talk_and_lose(town), "seven"], ["three", "four"]
    # Ben is away until the log is longer than his copy: its length tells him nothing.
    for text in whole[2:]:
        say(town, "ann", text)
    for name in ("ann", "ben"):
        first = town.run(name, "log", "#lobby", "--json")
        shown = [parsed(line)["text"] for line in first.stdout.splitlines()]
        assert [each for each in shown if each not in lost] == whole
        is_back = set(lost) <= set(shown)  # before anybody looked, between two others: then nothing is missing
        assert ("2 messages in #lobby are not there any more" in first.stderr) is not is_back
        assert town.run(name, "log", "#lobby", "--json").stderr == ""
    everything = texts_once(town, "ann", "#lobby", *lost)
    assert [each for each in everything if each not in lost] == whole
    assert [each for each in everything if each in lost] == lost
    for name in ("ann", "ben"):
        assert texts_once(town, name, "#lobby", *lost) == everything
        said = [parsed(line) for line in town.run(name, "log", "#lobby", "--json").stdout.splitlines()]
        brought = [each for each in said if each["text"] in lost]
        assert [(each["from"], each["own"]) for each in brought] == [("ann", name == "ann"), ("ben", name == "ben")]
        assert {each["carried_by"] for each in brought} <= {"ann", "ben"}
        assert town.run(name, "log", "#lobby", "--set-aside").stdout == ""
    assert town.run("ann", "log", "#lobby").stdout.count("(lost in a restore, brought back") == 2


def test_programs_that_ran_all_the_time_miss_nothing(town: Town) -> None:
    watcher = Program("log", "#lobby", "--follow", "--json", "--home", str(town.folder / "ben"))
    chat = Program("chat", "--json", "--home", str(town.folder / "ann"), stdin=subprocess.PIPE)
    try:
        talk_and_lose(town)
        for program in (watcher, chat):
            program.pump(lambda program=program: "not there any more" in program.aside.text, "the news")
        say(town, "ben", "five")
        say(town, "ben", "six")
        for program in (watcher, chat):
            program.pump(lambda program=program: '"six"' in program.out.text, "what is said after")
    finally:
        for program in (watcher, chat):
            program.process.kill()
            program.process.communicate()
    shown = [json.loads(line) for line in watcher.out.text.splitlines()]
    said = [each["text"] for each in shown if "suite" not in each]  # what came before its key did is shown again
    # What is lost is shown again when it is brought back, which may be before or after.
    assert sorted(set(said)) == sorted(["one", "two", "three", "four", "five", "six"])
    assert [each for each in said if each not in {"three", "four"}] == ["one", "two", "five", "six"]
    heard = [json.loads(line) for line in chat.out.text.splitlines()]
    assert [each["text"] for each in heard if each.get("text") in {"five", "six"}] == ["five", "six"]


def test_a_folder_that_was_copied_back_by_hand_is_noticed(town: Town) -> None:
    say(town, "ann", "one")
    town.close()
    shutil.copytree(town.folder / "data", town.folder / "copy", copy_function=shutil.copy2)
    town.open()
    say(town, "ann", "lost")
    assert town.texts("ben", "#lobby") == ["one", "lost"]
    town.close()
    town.open("copy")
    say(town, "ann", "two")
    for name in ("ben", "ann"):
        assert sorted(texts_once(town, name, "#lobby", "lost", "two")) == ["lost", "one", "two"]
    town.close()


def test_what_waited_to_be_sent_goes_to_whom_it_was_meant_for(town: Town) -> None:
    """Ben's conversation with ann has a number that the restored server gives to another one."""
    file = back_up(town)
    say(town, "ann", "hello", to="ben")
    assert town.texts("ben", "ann") == ["hello"]
    town.close()
    assert town.run("ben", "send", "ann", "for ann alone", "--timeout", "0.3").returncode == 75
    assert command("admin", "restore", str(file), "--data", str(town.folder / "restored")).returncode == 0
    end_nodes(town.folder)  # which would come by themselves
    town.open("restored")
    said = (
        town.join("cai", "--timeout", seconds).stderr for seconds in ("3", "10", "30")
    )  # a busy machine takes longer
    assert any("waits for its members" in each for each in said)
    for name in ("ann", "ben"):  # when all devices have come, nothing more can be brought
        assert town.run(name, "rooms").returncode == 0
    assert town.join("cai").returncode == 0
    assert town.run("ann", "admit", "cai").returncode == 0
    say(town, "cai", "a note to ann", to="ann")
    assert town.run("ben", "rooms").returncode == 0
    say(town, "ben", "and to all")
    assert town.texts("cai", "ann") == ["a note to ann"]
    assert texts_once(town, "ann", "ben", "hello") == texts_once(town, "ben", "ann", "hello")
    assert sorted(town.texts("ann", "ben")) == ["for ann alone", "hello"]
    assert town.run("ben", "log", "ann", "--set-aside", "--json").stdout == ""
