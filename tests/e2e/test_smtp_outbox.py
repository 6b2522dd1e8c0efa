"""`--queue` and `lanline smtp flush`: nothing lost, nothing sent twice without a word."""

from __future__ import annotations

import json
import random
import resource
import signal
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mailhouse.moody import CUT, SILENCE
from mailhouse.person import ENVELOPE, Person, is_a_sentence
from mailhouse.postfix import wait_until


def test_what_cannot_go_now_is_kept_and_flushed(person: Person, moody: Any) -> None:
    server, port = moody({"GREETING": [b"421 not now\r\n", b"220 ready\r\n"]})
    person.environment |= {"SMTP_USER": "ann", "SMTP_PASS": "secret-word"}
    run = person.send(port, *ENVELOPE, "--body", "hi", "--queue")
    assert run.returncode == 0
    assert "kept in the outbox" in run.stdout
    kept = list(person.outbox.iterdir())
    assert stat.S_IMODE(person.outbox.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert not any(b"secret-word" in path.read_bytes() for path in kept)
    assert "queued" in person.run("flush", "--list").stdout
    run = person.run("flush")
    assert (run.returncode, run.stderr) == (0, "")
    assert len(server.messages) == 1
    assert list(person.outbox.iterdir()) == []
    assert "empty" in person.run("flush", "--list").stdout


def test_an_uncertain_message_is_sent_again_only_when_told(person: Person, moody: Any) -> None:
    server, port = moody({"CONTENT": [CUT, b"250 ok\r\n"]})
    assert person.send(port, *ENVELOPE, "--body", "hi", "--queue").returncode == 1
    (record,) = person.records()
    run = person.run("flush")
    assert run.returncode == 0
    assert record["message_id"] in run.stderr
    assert len(server.messages) == 1
    run = person.run("flush", "--resend", record["message_id"])
    assert run.returncode == 0
    assert len(server.messages) == 2
    assert server.messages[0] == server.messages[1]
    assert person.records() == []


@pytest.mark.parametrize("outbox", ["/etc/passwd", "/dev/null", ""])
def test_an_outbox_that_is_no_folder_is_a_sentence(person: Person, outbox: str) -> None:
    for words in (["flush"], ["flush", "--list"]):
        assert is_a_sentence(person.run(*words, "--outbox", outbox), 64 if not outbox else 1)


def test_an_uncertain_message_can_be_discarded(person: Person, moody: Any) -> None:
    _, port = moody({"CONTENT": CUT})
    person.send(port, *ENVELOPE, "--body", "hi")
    (record,) = person.records()
    assert is_a_sentence(person.run("flush", "--discard", "<nothing@like.it>"), 64)
    assert person.run("flush", "--discard", record["message_id"]).returncode == 0
    assert list(person.outbox.iterdir()) == []


def test_a_refused_message_stays_in_the_outbox_with_its_reason(person: Person, moody: Any) -> None:
    _, port = moody({"RCPT": [b"450 later\r\n", b"550 5.1.1 unknown\r\n"]})
    person.send(port, *ENVELOPE, "--body", "hi", "--queue")
    run = person.run("flush")
    assert run.returncode == 1
    assert "no such mailbox" in run.stderr
    assert "no such mailbox" in person.run("flush", "--list").stdout


def test_a_damaged_message_is_told_of_and_the_next_is_sent(person: Person, moody: Any) -> None:
    server, port = moody({"GREETING": [b"421 no\r\n"] * 3 + [b"220 ok\r\n"]})
    for body in ("gone", "cut", "whole"):
        person.send(port, *ENVELOPE, "--body", body, "--queue")
    gone, cut, _ = sorted(person.outbox.glob("*.eml"))
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-20])
    run = person.run("flush")
    assert is_a_sentence(run, 1)
    assert "is gone" in run.stderr
    assert "was changed" in run.stderr
    assert [message.split(b"\r\n\r\n")[1] for message in server.messages] == [b"whole\r\n"]
    assert len(person.records()) == 2


@pytest.mark.parametrize("state_home", [None, "state"])
def test_without_a_home_folder_an_outbox_has_to_be_named(
    person: Person, tmp_path: Path, state_home: str | None
) -> None:
    """A relative folder in XDG_STATE_HOME counts for nothing, says the specification."""
    del person.environment["LANLINE_OUTBOX"]
    person.environment |= {"XDG_STATE_HOME": state_home} if state_home else {}
    homeless = "import os, pathlib\ndef nowhere(): raise RuntimeError\npathlib.Path.home = nowhere"
    command = person.bootstrapped(homeless, "flush")
    run = subprocess.run(command, env=person.environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert is_a_sentence(run, 64)
    assert "--outbox" in run.stderr
    assert person.run("flush", "--outbox", str(tmp_path)).returncode == 0


def test_a_flush_killed_after_the_dot_leaves_the_message_uncertain(person: Person, moody: Any) -> None:
    server, port = moody({"GREETING": [b"421 no\r\n", b"220 ok\r\n"], "CONTENT": [SILENCE, b"250 ok\r\n"]})
    person.send(port, *ENVELOPE, "--body", "hi", "--queue")
    flush = person.start("flush")
    assert server.reached["CONTENT"].wait(60)
    other = person.run("flush")
    assert (other.returncode, other.stdout) == (0, "")
    flush.kill()
    flush.communicate()
    run = person.run("flush")
    assert is_a_sentence(run, 1)
    assert "may have been sent" in run.stderr
    assert len(server.messages) == 1


def test_a_flush_killed_before_the_dot_loses_and_doubles_nothing(person: Person, moody: Any) -> None:
    server, port = moody({"GREETING": [b"421 no\r\n", b"220 ok\r\n"], "DATA": [SILENCE, b"354 go\r\n"]})
    person.send(port, *ENVELOPE, "--body", "hi", "--queue")
    flush = person.start("flush")
    assert server.reached["DATA"].wait(60)
    flush.kill()
    flush.communicate()
    run = person.run("flush")
    assert (run.returncode, run.stderr) == (0, "")
    assert len(server.messages) == 1


def test_one_servers_password_never_goes_to_another(person: Person, moody: Any) -> None:
    person.environment |= {"SMTP_USER": "ann", "SMTP_PASS": "secret"}
    servers = [moody({"GREETING": [b"421 no\r\n", b"220 ok\r\n"]}) for _ in range(2)]
    for host, (_, port) in zip(["localhost", "127.0.0.1"], servers, strict=True):
        person.run(
            "send", "--smtp-host", host, "--smtp-port", str(port), *person.ca, *ENVELOPE, "--body", "hi", "--queue"
        )
    run = person.run("flush")
    assert run.returncode == 64
    assert "several sign-ins" in run.stderr
    assert [server.count(b"AUTH") for server, _ in servers] == [0, 0]
    assert person.run("flush", "--smtp-host", "localhost").returncode == 0
    assert [server.count(b"AUTH") for server, _ in servers] == [1, 0]


def test_a_full_disk_is_a_sentence_and_nothing_is_half_kept(person: Person, moody: Any, tmp_path: Path) -> None:
    server, port = moody()
    (tmp_path / "large").write_bytes(bytes(500_000))

    def small_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    run = person.send(
        port, *ENVELOPE, "--body", "hi", "--attach", str(tmp_path / "large"), "--queue", preexec_fn=small_disk
    )
    assert is_a_sentence(run, 75)
    assert "outbox" in run.stderr
    assert "Nothing was sent" in run.stderr
    assert list(person.outbox.iterdir()) == []
    assert server.messages == []


FULL_DISK = "import errno, os\ndef fsync(_): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\nos.fsync = fsync"


def test_a_flush_onto_a_full_disk_sends_nothing_and_keeps_everything(
    person: Person, moody: Any, tmp_path: Path
) -> None:
    server, port = moody({"GREETING": [b"421 no\r\n", b"220 ok\r\n"]})
    batch = tmp_path / "batch.jsonl"
    batch.write_text("".join(f'{{"to": "n{number}@x.org"}}\n' for number in range(3)))
    person.send(port, "--from-addr", "ann@x.org", "--batch", str(batch), "--queue")
    command = person.bootstrapped(FULL_DISK, "flush")
    run = subprocess.run(
        command, env=person.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert is_a_sentence(run, 75)
    assert "no room left" in run.stderr
    assert "3 messages stay in the outbox" in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert server.messages == []
    assert [record["state"] for record in person.records()] == ["queued"] * 3
    run = person.run("flush")
    assert (run.returncode, run.stderr) == (0, "")
    assert len(server.messages) == 3


@pytest.mark.parametrize("seed", range(3))
def test_flushes_killed_again_and_again_lose_nothing_and_double_nothing(
    person: Person, moody: Any, tmp_path: Path, seed: int
) -> None:
    server, port = moody({"GREETING": [b"421 no\r\n", b"220 ok\r\n"]})
    batch = tmp_path / "batch.jsonl"
    batch.write_text("".join(f'{{"to": "n{number}@x.org", "body": "n{number}"}}\n' for number in range(40)))
    person.send(port, "--from-addr", "ann@x.org", "--batch", str(batch), "--queue")
    chance = random.Random(seed)
    while any(record["state"] in {"queued", "sending"} for record in person.records()):
        enough = server.count(chance.choice([b"MAIL", b"RCPT", b"DATA"])) + chance.randint(1, 6)
        flush = person.start("flush")
        wait_until(lambda enough=enough, flush=flush: server.count(b"DATA") >= enough or flush.poll() is not None)
        flush.kill()
        flush.communicate()
    arrived = [message.split(b"\r\n\r\n")[1].strip().decode() for message in server.messages]
    uncertain = {record["envelope"]["recipients"][0].partition("@")[0] for record in person.records()}
    assert len(arrived) == len(set(arrived))
    assert set(arrived) | uncertain == {f"n{number}" for number in range(40)}


def test_what_waits_is_one_object_a_recipient(person: Person, moody: Any, tmp_path: Path) -> None:
    _, port = moody({"GREETING": b"421 no\r\n"})
    batch = tmp_path / "batch.jsonl"
    batch.write_text('{"to": ["a@x.org", "b@x.org"]}\n{"to": "c@x.org"}\n')
    run = person.send(port, "--from-addr", "ann@x.org", "--batch", str(batch), "--queue", "--json")
    kept = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(one["line"], one["recipient"], one["result"]) for one in kept] == [
        (1, "a@x.org", "queued"), (1, "b@x.org", "queued"), (2, "c@x.org", "queued"),
    ]  # fmt: skip
    run = person.run("flush", "--json")
    assert run.returncode == 75
    waiting = [json.loads(line) for line in run.stdout.splitlines()]
    assert [one["result"] for one in waiting] == ["queued"] * 3
    assert [(one["message_id"], one["recipient"]) for one in waiting] == [
        (one["message_id"], one["recipient"]) for one in kept
    ]


def test_two_flushes_at_once_send_everything_once(person: Person, moody: Any, tmp_path: Path) -> None:
    server, port = moody({"GREETING": [b"421 no\r\n", b"220 ok\r\n"]})
    batch = tmp_path / "batch.jsonl"
    batch.write_text("".join(f'{{"to": "n{number}@x.org"}}\n' for number in range(30)))
    person.send(port, "--from-addr", "ann@x.org", "--batch", str(batch), "--queue")
    flushes = [person.start("flush") for _ in range(2)]
    for flush in flushes:
        flush.communicate(timeout=60)
    wait_until(lambda: not list(person.outbox.iterdir()))
    assert [flush.returncode for flush in flushes] == [0, 0]
    assert len(server.messages) == 30
