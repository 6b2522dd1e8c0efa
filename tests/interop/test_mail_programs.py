"""Other people's mail servers, and the programs that call us `sendmail`."""

from __future__ import annotations

import email.policy
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from mailhouse import dovecot, exim, opensmtpd
from mailhouse import postfix as postfix_module
from mailhouse.certificates import Authority
from mailhouse.dovecot import Dovecot
from mailhouse.exim import MAX_MESSAGES, Exim
from mailhouse.moody import Moody
from mailhouse.opensmtpd import OpenSmtpd
from mailhouse.person import Person
from mailhouse.postfix import USER, Postfix
from mailhouse.stage import Stage

TO_BOB = ["--from-addr", "ann@example.test", "--to-addr", "bob@example.test"]


def needs(reason: str | None) -> pytest.MarkDecorator:
    return pytest.mark.skipif(reason is not None, reason=str(reason))


def needs_program(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")


@pytest.fixture(scope="module", params=[exim, opensmtpd], ids=["exim", "opensmtpd"])
def counting(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Exim | OpenSmtpd]:
    """A server that takes so many messages a connection."""
    if (reason := request.param.why_not()) is not None:
        pytest.skip(reason)
    with Exim(authority.good) if request.param is exim else OpenSmtpd() as running:
        yield running


@pytest.fixture(scope="module")
def postfix_by_dovecot(authority: Authority) -> Iterator[Postfix]:
    with Dovecot() as checking, Postfix(authority.good, checking.port) as running:
        yield running


@needs(postfix_module.why_not() or dovecot.why_not())
@pytest.mark.parametrize("way", ["auto", "plain", "login", "cram-md5", "scram-sha-256"])
def test_dovecot_takes_each_way_of_signing_in(person: Person, postfix_by_dovecot: Postfix, way: str) -> None:
    person.environment |= {"SMTP_USER": USER, "SMTP_PASS": dovecot.PASSWORD}
    run = person.send(postfix_by_dovecot.starttls_port, *TO_BOB, "--body", "hi", "--auth", way, "-v")
    assert run.returncode == 0, run.stderr
    assert ("AUTH SCRAM-SHA-256" in run.stderr) == (way in {"auto", "scram-sha-256"})
    postfix_by_dovecot.delivered()
    person.environment["SMTP_PASS"] = "wrong-horse"
    run = person.send(postfix_by_dovecot.starttls_port, *TO_BOB, "--body", "hi", "--auth", way)
    assert run.returncode == 1
    assert "password is wrong" in run.stderr


@pytest.mark.parametrize("queue", [[], ["--queue"]], ids=["", "queue"])
def test_a_server_that_counts_messages_gets_all_of_a_batch(
    person: Person, counting: Exim | OpenSmtpd, tmp_path: Path, queue: list[str]
) -> None:
    count, had = 2 * MAX_MESSAGES + 1, set(counting.bodies(0))
    batch = tmp_path / "batch.jsonl"
    lines = [f'{{"to": "batch@{counting.domain}", "body": "n{number}{queue}"}}\n' for number in range(count)]
    batch.write_text("".join(lines).replace("'", ""))
    run = sent(person, counting, "--from-addr", "ann@x.test", "--batch", str(batch), *queue)
    assert run.returncode == 0, run.stderr
    assert person.records() == []
    found = set(counting.bodies(count + len(had))) - had
    assert found == {f"n{number}{queue}".replace("'", "") for number in range(count)}


def test_a_sign_in_that_lacks_and_an_unknown_recipient_are_explained(
    person: Person, counting: Exim | OpenSmtpd
) -> None:
    to_both = ["--from-addr", "ann@x.test", "--to-addr", f"bob@{counting.domain}", "--body", "hi"]
    if counting.has_tls:
        run = person.send(counting.port, *to_both)
        assert run.returncode == 1
        assert "--username" in run.stderr
    nobody = f"nobody@{counting.domain}"
    run = sent(person, counting, *to_both, "--to-addr", nobody)
    assert run.returncode == 1
    assert f"Not sent to {nobody}" in run.stderr
    assert "no such mailbox" in run.stderr


def sent(person: Person, server: Exim | OpenSmtpd, *words: str) -> subprocess.CompletedProcess[str]:
    """With all the protection that it has."""
    if not server.has_tls:
        return person.send(server.port, *words, "--no-tls")
    person.environment |= {"SMTP_USER": exim.USER, "SMTP_PASS": exim.PASSWORD}
    return person.send(server.port, *words)


class Called:
    """Ourselves under the name that other programs look for, with an account in the default place."""

    def __init__(self, folder: Path, person: Person, server: Moody, port: int) -> None:
        self.server = server
        (folder / "config" / "lanline").mkdir(parents=True)
        (folder / "config" / "lanline" / "smtp.toml").write_text(
            f'[accounts.a]\nsmtp_host = "localhost"\nsmtp_port = {port}\nca_file = "{person.ca[1]}"\n'
        )
        self.path = folder / "sendmail"
        main = "from lanline.__main__ import main\nmain()\n"
        self.path.write_text(f"#!{sys.executable}\n{main}")
        self.path.chmod(0o755)
        self.environment = person.environment | {"XDG_CONFIG_HOME": str(folder / "config"), "HOME": str(folder)}

    def run(self, *words: str, text: str = "", **settings: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.path), *words], input=text, env=self.environment, capture_output=True, text=True, check=False,
            timeout=60, **settings,
        )  # fmt: skip

    def message(self) -> Any:
        (content,) = self.server.messages
        return BytesParser(policy=email.policy.default).parsebytes(content)


@pytest.fixture
def called(tmp_path: Path, person: Person, stage: Stage, authority: Authority) -> Called:
    server = Moody(tls=authority.good.server_context())
    return Called(tmp_path, person, server, stage.serve_streams(server))


def test_sendmail_takes_a_whole_message_and_its_recipients(called: Called) -> None:
    text = "From: Ann <ann@x.org>\nTo: Bob <bob@x.org>, eve@x.org\nBcc: secret@x.org\nMessage-ID: <own@x.org>\n"
    text += "Subject: Hi\n\nline\n.\n..dots\n"
    run = called.run("-t", "-i", text=text)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert [command.split(b" SIZE")[0] for command in called.server.commands if b":<" in command] == [
        b"MAIL FROM:<ann@x.org>", b"RCPT TO:<bob@x.org>", b"RCPT TO:<eve@x.org>", b"RCPT TO:<secret@x.org>",
    ]  # fmt: skip
    parsed = called.message()
    assert parsed["Message-ID"] == "<own@x.org>"
    assert parsed["Bcc"] is None
    assert parsed["Date"] is not None
    assert parsed.get_payload() == "line\r\n.\r\n..dots\r\n"


def test_sendmail_without_i_ends_at_a_lone_dot_and_writes_what_lacks(called: Called) -> None:
    run = called.run("-oem", "-f", "cron@x.org", "-F", "Cron Daemon", "bob@x.org", text="just words\n.\nnot this\n")
    assert (run.returncode, run.stderr) == (0, "")
    parsed = called.message()
    assert parsed["From"] == "Cron Daemon <cron@x.org>"
    assert parsed.get_payload() == "just words\r\n"


def test_sendmail_passes_eight_bits_and_an_empty_sender(called: Called) -> None:
    run = called.run(
        "-i", "-f", "<>", "bob@x.org", text="Subject: ü\nContent-Type: text/plain; charset=utf-8\n\nGrüße\n"
    )
    assert (run.returncode, run.stderr) == (0, "")
    mail = next(command for command in called.server.commands if command.startswith(b"MAIL"))
    assert mail.startswith(b"MAIL FROM:<> ")
    assert b"BODY=8BITMIME" in mail
    assert "Grüße\r\n".encode() in called.server.messages[0]


@pytest.mark.parametrize(
    ("words", "status"), [(["-bs"], 64), (["-q"], 64), (["-Z"], 64), (["-i"], 64), (["-i", "no-address"], 64)]
)
def test_what_sendmail_does_not_know_is_a_sentence(called: Called, words: list[str], status: int) -> None:
    run = called.run(*words, text="\nhi\n")
    assert run.returncode == status
    assert run.stderr.startswith("lanline: ")
    assert called.server.messages == []


def test_raw_is_the_same_with_the_options_of_send(person: Person, stage: Stage, authority: Authority) -> None:
    server = Moody(tls=authority.good.server_context())
    port = stage.serve_streams(server)
    run = person.send(port, "--raw", input="From: a@x.org\nTo: b@x.org\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n\nhi\n")
    assert run.returncode == 0, run.stderr
    assert server.messages[0].startswith(b"From: a@x.org\r\nTo: b@x.org\r\nDate: Thu, 1 Jan 2026")


@needs_program("git")
def test_git_send_email_sends_a_patch(called: Called, tmp_path: Path) -> None:
    where = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()
    if not Path(where, "git-send-email").exists():
        pytest.skip("git send-email is not installed")
    work = tmp_path / "work"
    author = {"GIT_CONFIG_NOSYSTEM": "1"} | {f"GIT_{who}_NAME": "Ann Ü" for who in ("AUTHOR", "COMMITTER")}
    author |= {f"GIT_{who}_EMAIL": "ann@x.org" for who in ("AUTHOR", "COMMITTER")}
    environment = called.environment | author

    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=work, env=environment, check=True, capture_output=True, timeout=60)

    work.mkdir()
    git("init", "-q")
    (work / "a").write_text("Grüße\n")
    git("add", "a")
    git("commit", "-qm", "Add greetings")
    git("format-patch", "-q", "--root", "-1", "-o", "patches")
    git("send-email", "--to=list@x.org", "--from=ann@x.org", "--confirm=never", "--8bit-encoding=UTF-8",
        f"--sendmail-cmd={called.path}", "patches")  # fmt: skip
    parsed = called.message()
    assert parsed["Subject"] == "[PATCH] Add greetings"
    assert "+Grüße" in parsed.get_content()


@needs_program("mutt")
def test_mutt_sends_by_the_name_of_sendmail(called: Called, tmp_path: Path) -> None:
    (tmp_path / "muttrc").write_text(
        f'set sendmail="{called.path}"\nset from="ann@x.org"\nset use_from=yes\nset use_envelope_from=yes\n'
        "set charset=utf-8\nset send_charset=utf-8\nset copy=no\n"
    )
    (tmp_path / "picture.bin").write_bytes(bytes(range(256)))
    command = ["mutt", "-n", "-F", str(tmp_path / "muttrc"), "-s", "Grüße", "-a", str(tmp_path / "picture.bin"), "--"]
    run = subprocess.run(
        [*command, "bob@x.org"], input="hi\n", env=called.environment | {"LC_ALL": "C.UTF-8"}, capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run
    parsed = called.message()
    assert parsed["Subject"] == "Grüße"
    (part,) = parsed.iter_attachments()
    assert part.get_content() == bytes(range(256))


@needs_program("swaks")
def test_what_swaks_writes_goes_as_it_is(called: Called) -> None:
    data = "From: ann@x.org\\nTo: bob@x.org\\nSubject: swaks\\nX-Mailer: swaks\\n\\nhi"
    shown = subprocess.run(
        ["swaks", "--dump-mail", "--to", "bob@x.org", "--from", "ann@x.org", "--data", data],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert called.run("-t", "-i", text=shown).returncode == 0
    assert called.message()["Subject"] == "swaks"


def test_the_installed_name_is_there() -> None:
    path = Path(sys.executable).parent / "lanline-sendmail"
    if not path.exists():
        pytest.skip("installed before the name was")
    run = subprocess.run([str(path), "--help"], capture_output=True, text=True, check=False, env=os.environ, timeout=60)
    assert run.stdout.startswith("usage: sendmail")
