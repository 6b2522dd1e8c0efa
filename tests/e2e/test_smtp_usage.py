"""Whatever is typed wrong is answered with a sentence, before anything is sent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mailhouse.person import ENVELOPE, Person, is_a_sentence

LONG = "x" * 100_000
BAD = [
    ["--body-file", "/proc/self/mem"], ["--html-file", "/proc/self/mem"], ["--attach", "/proc/self/mem"],
    ["--smtp-host", ""], ["--smtp-host", LONG], ["--smtp-host", "a\nb"], ["--smtp-host", "a@b"],
    ["--smtp-host", "a:25"], ["--smtp-port", "0"], ["--smtp-port", "65536"], ["--smtp-port", "x"],
    ["--smtp-port", ""], ["--smtps", "--no-tls"], ["--ca-file", ""], ["--ca-file", "/no/such"], ["--ca-file", "/"],
    ["--ca-file", "/dev/null"], ["--username", ""], ["--username", "a\nb"], ["--username", "a", "--password", ""],
    ["--username", "a", "--password", "a\nb"], ["--username", "a", "--password-command", ""],
    ["--username", "a", "--password-command", "'"], ["--username", "a", "--password-command", "/no/such"],
    ["--username", "a", "--password-command", "false"], ["--username", "a", "--password-command", "true"],
    ["--auth", "none"], ["--config", ""], ["--config", "/no/such"], ["--config", "/"], ["--account", "x"],
    ["--from-addr", ""], ["--from-addr", "ann"], ["--from-addr", "a@b@c"], ["--from-addr", LONG],
    ["--from-addr", "a\nb@c.de"], ["--to-addr", ""], ["--to-addr", "bob"], ["--to-addr", "a@b@c"],
    ["--to-addr", LONG], ["--to-addr", "a@b.de\r\nBcc: c@d.e"], ["--cc", ""], ["--cc", "bob"], ["--cc", "a\n@b"],
    ["--bcc", ""], ["--bcc", "a@b@c"], ["--bcc", "a@b.c\n"], ["--subject", "a\nBcc: eve@example.org"],
    ["--subject", LONG], ["--subject", "\x1b[2J"], ["--subject", b"\xff"], ["--body-file", ""],
    ["--body-file", "/no/such"], ["--body-file", "/"], ["--body-file", "/bin/ls"], ["--body", b"\xff"],
    ["--body-file", "/dev/zero"], ["--html", "x", "--html-file", "y"], ["--html-file", "/no/such"],
    ["--html", b"\xff"], ["--attach", ""], ["--attach", "/no/such"], ["--attach", "/"], ["--attach", "/dev/zero"],
    ["--attach", LONG], ["--header", ""], ["--header", "x"], ["--header", ": x"],
    ["--header", "Bcc: eve@example.org"], ["--header", "X: a\nY: b"], ["--header", "X Y: b"], ["--header", LONG],
    ["--header", f"X: {LONG}"], ["--header", "Reply-To: nobody"], ["--timeout", "0"], ["--timeout", "-1"],
    ["--timeout", "nan"], ["--timeout", "x"], ["--outbox", "", "--queue"], ["--batch", ""], ["--batch", "/no/such"],
    ["--batch", "/"], ["--batch", "/bin/ls"], ["--start-line", "0"],
]  # fmt: skip


@pytest.mark.parametrize("words", BAD, ids=lambda words: " ".join(str(word) for word in words)[:40])
def test_what_is_typed_wrong_is_a_sentence_and_nothing_is_sent(person: Person, moody: Any, words: list[str]) -> None:
    server, port = moody()
    good = {"--smtp-host": "localhost", "--smtp-port": str(port), "--from-addr": "ann@example.org", "--body": "hi"}
    given = set(words[::2]) | ({"--body"} if "--body-file" in words else set())
    rest = [word for name, value in good.items() if name not in given for word in (name, value)]
    rest += [] if "--ca-file" in given else person.ca
    run = person.run("send", *rest, "--to-addr", "bob@example.org", *words, start_new_session=True)
    assert is_a_sentence(run, 64), run
    assert len(run.stderr) < 1500
    assert server.messages == []


@pytest.mark.parametrize(
    ("host", "port", "hint"),
    [("no-such-host.invalid", "587", "not known"), ("127.0.0.1", "1", "connection refused")],
)
def test_a_server_that_is_not_there_is_for_now(person: Person, host: str, port: str, hint: str) -> None:
    run = person.run("send", "--smtp-host", host, "--smtp-port", port, *ENVELOPE, "--body", "hi")
    assert is_a_sentence(run, 75)
    assert hint in run.stderr


def test_an_unreadable_attachment_is_a_sentence(person: Person, tmp_path: Path) -> None:
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    run = person.run("send", *ENVELOPE, "--body", "hi", "--attach", str(fifo), "--dry-run")
    assert is_a_sentence(run, 64)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("", "accounts"),
        ("[accounts", "TOML"),
        ('[accounts.a]\nsmtp_host="x"\npassword="hunter2"\n', "take it out"),
        ('[accounts.a]\nsmtp_host="x"\nsmpt_port=1\n', "smpt_port"),
        ("[accounts.a]\nsmtp_host=3\n", "str"),
        ('[accounts.a]\nsmtp_host="x"\npassword_env="A"\npassword_keyring="b"\n', "more than one"),
        ('[accounts.a]\nsmtp_host="x"\n[accounts.b]\nsmtp_host="y"\n', "choose one with --account"),
        ("[accounts]\n", "default"),
    ],
)
def test_a_bad_accounts_file_is_a_sentence(person: Person, tmp_path: Path, content: str, hint: str) -> None:
    config = tmp_path / "accounts.toml"
    config.write_text(content)
    run = person.run("send", "--config", str(config), *ENVELOPE, "--body", "hi")
    assert is_a_sentence(run, 64)
    assert hint in run.stderr
    assert "hunter2" not in run.stderr
