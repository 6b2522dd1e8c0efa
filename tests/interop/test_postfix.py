"""Postfix takes what we send, over every kind of protection, and delivers it byte for byte."""

from __future__ import annotations

import email.policy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest

from mailhouse.certificates import Authority
from mailhouse.postfix import PASSWORD, USER, Postfix, why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture(scope="module")
def postfix(authority: Authority) -> Iterator[Postfix]:
    with Postfix(authority.good) as running:
        yield running


class Sender:
    def __init__(self, postfix: Postfix, authority: Authority, outbox: Path) -> None:
        self._postfix = postfix
        self._options = ["--smtp-host", "localhost", "--ca-file", str(authority.ca_file)]
        self._environment = os.environ | {"SMTP_USER": USER, "SMTP_PASS": PASSWORD, "LANLINE_OUTBOX": str(outbox)}

    def __call__(self, *options: str, port: int | None = None, **settings: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lanline", "smtp", options[0], *self._options]
        command += ["--smtp-port", str(port or self._postfix.starttls_port), *options[1:]]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env=self._environment, timeout=60, **settings
        )


@pytest.fixture
def sender(postfix: Postfix, authority: Authority, outbox_folder: Path) -> Sender:
    return Sender(postfix, authority, outbox_folder)


TO_BOB = ["--from-addr", "ann@example.test", "--to-addr", "bob@example.test"]


def read(content: bytes) -> EmailMessage:
    return BytesParser(policy=email.policy.default).parsebytes(content)


@pytest.mark.parametrize("method", ["auto", "plain", "login", "cram-md5"])
def test_each_way_of_signing_in_is_accepted(sender: Sender, postfix: Postfix, method: str) -> None:
    run = sender("send", *TO_BOB, "--body", "hi", "--auth", method)
    assert (run.returncode, run.stderr) == (0, "")
    assert "queued as" in run.stdout
    assert read(postfix.delivered()).get_content() == "hi\n"


def test_smtps_is_accepted(sender: Sender, postfix: Postfix) -> None:
    run = sender("send", *TO_BOB, "--body", "hi", "--smtps", port=postfix.smtps_port)
    assert (run.returncode, run.stderr) == (0, "")
    postfix.delivered()


def test_a_wrong_password_is_explained(sender: Sender) -> None:
    sender._environment["SMTP_PASS"] = "wrong-one"
    run = sender("send", *TO_BOB, "--body", "hi")
    assert run.returncode == 1
    assert "password is wrong" in run.stderr
    assert "wrong-one" not in run.stderr


def test_a_sender_that_is_not_the_users_own_is_explained(sender: Sender) -> None:
    run = sender("send", "--from-addr", "boss@example.test", "--to-addr", "bob@example.test", "--body", "hi")
    assert run.returncode == 1
    assert "may not send as" in run.stderr


def test_the_wrong_port_for_the_tls_mode_is_explained(sender: Sender, postfix: Postfix) -> None:
    run = sender("send", *TO_BOB, "--body", "hi", "--smtps")
    assert run.returncode == 1
    assert "leave out --smtps" in run.stderr
    run = sender("send", *TO_BOB, "--body", "hi", port=postfix.smtps_port)
    assert run.returncode == 1
    assert "use --smtps" in run.stderr


def test_what_arrives_is_what_was_meant(sender: Sender, postfix: Postfix, tmp_path: Path) -> None:
    text = ".\r\n..two\n.\nFrom here\n" + "long " * 3000 + "\nbare\rreturn\0nul\ttab  \n-- \nüñí 漢字\n"
    (tmp_path / "text").write_bytes(text.encode())
    data = bytes(range(256)) * 500 + b"\r.\r\n.\n"
    attachment = tmp_path / "Übersicht 漢字 €.bin"
    attachment.write_bytes(data)
    run = sender(
        "send", "--from-addr", "Jörg, A. <ann@example.test>", "--to-addr", '"Bob \\"B\\" Ü" <bob@example.test>',
        "--subject", "Grüße  mit  Lücken 漢字", "--body-file", str(tmp_path / "text"), "--attach", str(attachment),
        "--header", "X-Note: Größe",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    parsed = read(postfix.delivered())
    assert parsed["Subject"] == "Grüße  mit  Lücken 漢字"
    assert parsed["X-Note"] == "Größe"
    assert parsed["From"].addresses[0].display_name == "Jörg, A."
    assert parsed["To"].addresses[0].display_name == 'Bob "B" Ü'
    (part,) = parsed.iter_attachments()
    assert part.get_filename() == attachment.name
    assert part.get_content() == data
    body = parsed.get_body().get_payload(decode=True)
    assert body == re.sub("\r?\n", "\r\n", text).encode()


def test_an_international_address_is_accepted(sender: Sender, postfix: Postfix) -> None:
    run = sender("send", "--from-addr", "ann@example.test", "--to-addr", "jörg@example.test", "--body", "hi")
    assert run.returncode == 0, run.stderr
    assert "jörg@example.test".encode() in postfix.delivered("joerg")


def test_a_message_over_the_limit_is_refused_before_it_is_sent(sender: Sender, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as stream:
        stream.truncate(35_000_000)
    run = sender("send", *TO_BOB, "--body", "hi", "--attach", str(large))
    assert run.returncode == 1
    assert "at most 40.0 MB" in run.stderr


def test_an_unknown_recipient_is_explained_and_the_other_gets_it(sender: Sender, postfix: Postfix) -> None:
    run = sender("send", *TO_BOB, "--to-addr", "nobody@example.test", "--body", "hi")
    assert run.returncode == 1
    assert "nobody@example.test" in run.stderr
    assert "no such mailbox" in run.stderr
    postfix.delivered()


def test_check_describes_it_in_plain_words(sender: Sender) -> None:
    run = sender("check")
    assert (run.returncode, run.stderr) == (0, "")
    for words in (
        "TLS 1.2, TLS 1.3",
        "localhost, valid until",
        "PLAIN, LOGIN, CRAM-MD5",
        "at most 40.0 MB",
        "accepted",
    ):
        assert all(word in run.stdout for word in words.split(", "))


def test_a_batch_goes_over_one_connection(sender: Sender, postfix: Postfix, tmp_path: Path) -> None:
    lines = [f'{{"to": "n{number}@elsewhere.test", "subject": "{number}", "body": "hi"}}\n' for number in range(50)]
    (tmp_path / "batch.jsonl").write_text("".join(lines))
    before = postfix.log().count(": connect from")
    run = sender("send", "--from-addr", "ann@example.test", "--batch", str(tmp_path / "batch.jsonl"))
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith("50 of 50 sent.\n")
    assert postfix.log().count(": connect from") == before + 1


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks not installed")
def test_a_dry_run_is_a_message_that_other_senders_take(sender: Sender, postfix: Postfix, tmp_path: Path) -> None:
    shown = sender("send", *TO_BOB, "--subject", "Grüße", "--body", "hi\n.x\n", "--dry-run")
    (tmp_path / "mail.eml").write_text(shown.stdout)
    subprocess.run(
        ["swaks", "--server", "127.0.0.1", "--port", str(postfix.open_port), "--from", "ann@example.test", "--to",
         "bob@example.test", "--data", f"@{tmp_path / 'mail.eml'}"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    parsed = read(postfix.delivered())
    assert parsed["Subject"] == "Grüße"
    assert parsed.get_content().rstrip("\n") == "hi\n.x"  # swaks adds a line break of its own
