"""`--batch`: many messages, and a word about each."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from mailhouse.moody import CUT, SILENCE
from mailhouse.person import Person, is_a_sentence
from mailhouse.postfix import wait_until


def test_a_batch_with_a_slip_sends_nothing(person: Person, moody: Any, tmp_path: Path) -> None:
    server, port = moody()
    batch = tmp_path / "batch.jsonl"
    batch.write_text('{"to": "a@x.org"}\n\n{"to": "b@x@y"}\n')
    run = person.send(port, "--from-addr", "ann@x.org", "--batch", str(batch))
    assert is_a_sentence(run, 64)
    assert "Line 3" in run.stderr
    assert server.connections == 0
    for line in (
        "nonsense",
        '{"too": "a@x.org"}',
        '{"to": 3}',
        '["a"]',
        '{"to": "a@x.org", "headers": {"Bcc": "x@y.org"}}',
        json.dumps({"to": [f"a{number}@x.org" for number in range(9000)]}),  # a header field that servers cut off
    ):
        batch.write_text(f"{line}\n")
        assert is_a_sentence(person.send(port, "--from-addr", "ann@x.org", "--batch", str(batch)), 64)


def test_a_batch_goes_on_over_refusals_and_lost_connections(person: Person, moody: Any, tmp_path: Path) -> None:
    ok = b"250 ok\r\n"
    server, port = moody({"MAIL": [ok, b"550 no\r\n", ok, CUT, ok], "CONTENT": [ok, ok, b"421 4.3.2 enough\r\n", ok]})
    batch = tmp_path / "batch.jsonl"
    batch.write_text("".join(f'{{"to": "n{number}@x.org", "body": "{number}"}}\n' for number in range(1, 6)))
    run = person.send(port, "--from-addr", "ann@x.org", "--batch", str(batch))
    assert run.returncode == 1, run
    assert "Line 2: The server refused" in run.stderr
    assert "3 of 5 sent" in run.stderr
    assert len(server.messages) == 4


def test_an_interrupted_batch_says_how_far_it_came(person: Person, moody: Any, tmp_path: Path) -> None:
    server, port = moody({"MAIL": [b"250 ok\r\n", CUT], "GREETING": [b"220 ok\r\n", SILENCE]})
    batch = tmp_path / "batch.jsonl"
    batch.write_text("".join(f'{{"to": "n{number}@x.org"}}\n' for number in range(1, 5)))
    options = ["--smtp-host", "localhost", "--smtp-port", str(port), *person.ca, "--from-addr", "ann@x.org"]
    process = person.start("send", *options, "--batch", str(batch))
    wait_until(lambda: server.connections == 2)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stdout.startswith("Line 1: Sent")
    assert "nothing was sent" not in stderr
    assert "1 of 4 sent. From line 2 on nothing was; go on with --start-line 2." in stderr
    process = person.start("send", *options, "--batch", str(batch), "--queue")
    wait_until(lambda: server.connections == 3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert len(person.records()) == 0


def test_a_batch_whose_server_goes_says_where_to_go_on(person: Person, moody: Any, tmp_path: Path) -> None:
    server, port = moody({"GREETING": [b"220 ok\r\n", b"421 gone\r\n"], "MAIL": [b"250 ok\r\n", CUT]})
    batch = tmp_path / "batch.jsonl"
    batch.write_text("".join(f'{{"to": "n{number}@x.org", "body": "{number}"}}\n' for number in range(1, 5)))
    run = person.send(port, "--from-addr", "ann@x.org", "--batch", str(batch))
    assert run.returncode == 75
    assert "--start-line" in run.stderr
    assert len(server.messages) == 1


def test_a_batch_whose_server_goes_is_queued_to_the_last(person: Person, moody: Any, tmp_path: Path) -> None:
    server, port = moody({"GREETING": [b"421 gone\r\n", b"220 ok\r\n"]})
    batch = tmp_path / "batch.jsonl"
    batch.write_text("".join(f'{{"to": "n{number}@x.org", "body": "{number}"}}\n' for number in range(1, 5)))
    assert person.send(port, "--from-addr", "ann@x.org", "--batch", str(batch), "--queue").returncode == 0
    assert len(person.records()) == 4
    assert person.run("flush").returncode == 0
    assert server.connections == 2
    assert [message.split(b"\r\n\r\n")[1] for message in server.messages] == [b"1\r\n", b"2\r\n", b"3\r\n", b"4\r\n"]
