"""`lanline smtp send` as a process: what a person or a script sees of it."""

from __future__ import annotations

import email.policy
import os
import signal
import ssl
import subprocess
import sys
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

import lanline
from mailhouse.certificates import Authority
from mailhouse.moody import CUT, EHLO, SILENCE, Moody
from mailhouse.office import PASSWORD, USER, Office
from mailhouse.person import ENVELOPE, Person, at_terminal, is_a_sentence
from mailhouse.stage import Stage


def test_a_message_is_sent_without_any_option_for_safety(person: Person, office: tuple[Office, int]) -> None:
    kept, port = office
    person.environment |= {"SMTP_USER": USER, "SMTP_PASS": PASSWORD}
    run = person.send(port, *ENVELOPE, "--subject", "Grüße", "--body", "hi", "--cc", "c@x.org", "--bcc", "d@x.org")
    assert (run.returncode, run.stderr) == (0, "")
    sender, recipients, content = kept.received[0]
    assert (sender, recipients) == ("ann@example.org", ["bob@example.org", "c@x.org", "d@x.org"])
    assert b"d@x.org" not in content
    parsed = BytesParser(policy=email.policy.default).parsebytes(content)
    assert parsed["Subject"] == "Grüße"
    assert f"Sent {parsed['Message-ID']} to" in run.stdout
    assert not person.outbox.exists()


def test_the_text_comes_from_stdin_or_a_file(person: Person, office: tuple[Office, int], tmp_path: Path) -> None:
    kept, port = office
    (tmp_path / "text").write_text("from a file\n")
    assert person.send(port, *ENVELOPE, input="from a pipe\n").returncode == 0
    assert person.send(port, *ENVELOPE, "--body-file", "-", input="from a dash\n").returncode == 0
    assert person.send(port, *ENVELOPE, "--body-file", str(tmp_path / "text")).returncode == 0
    contents = [content for _, _, content in kept.received]
    assert [b"from a pipe" in contents[0], b"from a dash" in contents[1], b"from a file" in contents[2]] == [True] * 3


def test_a_dry_run_shows_what_would_be_sent_and_needs_no_server(person: Person) -> None:
    run = person.run(
        "send", *ENVELOPE, "--bcc", "eve@example.org", "--subject", "x", "--html", "<b>hi</b>", "--dry-run"
    )
    assert run.returncode == 0
    assert "to bob@example.org, eve@example.org" in run.stderr
    assert "<b>hi</b>" in run.stdout
    assert "eve@example.org" not in run.stdout


SOURCES = ["environment", "command", "file-command", "file-variable", "option"]


@pytest.mark.parametrize("source", SOURCES)
def test_a_password_is_taken_from_each_source_and_shown_nowhere(
    person: Person, office: tuple[Office, int], tmp_path: Path, source: str
) -> None:
    _, port = office
    secret = tmp_path / "secret"
    secret.write_text(f"{PASSWORD}\nnot this line\n")
    config = tmp_path / "accounts.toml"
    head = f'[accounts.work]\nsmtp_host = "localhost"\nsmtp_port = {port}\nusername = "{USER}"\n'
    head += f'ca_file = "{person.ca[1]}"\n'
    words: list[str] = ["--username", USER]
    if source == "environment":
        person.environment["SMTP_PASS"] = PASSWORD
    elif source == "command":
        words += ["--password-command", f"cat '{secret}'"]
    elif source == "file-command":
        config.write_text(head + f'password_command = ["cat", "{secret}"]\n')
    elif source == "file-variable":
        config.write_text(head + 'password_env = "WORK_PASS"\n')
        person.environment["WORK_PASS"] = PASSWORD
    else:
        words += ["--password", PASSWORD]
    if source.startswith("file"):
        run = person.run("send", "--config", str(config), *ENVELOPE, "--body", "hi", "-v")
    else:
        run = person.send(port, *words, *ENVELOPE, "--body", "hi", "-v")
    assert run.returncode == 0, run.stderr
    assert "AUTH PLAIN ***" in run.stderr
    assert PASSWORD not in run.stdout + run.stderr
    assert ("--password in the process list" in run.stderr) == (source == "option")


def test_the_password_of_one_user_is_not_tried_for_another(person: Person, moody: Any) -> None:
    server, port = moody()
    person.environment |= {"SMTP_USER": "bob", "SMTP_PASS": "bobs"}
    run = person.send(port, "--username", "ann", *ENVELOPE, "--body", "hi", start_new_session=True)
    assert is_a_sentence(run, 64)
    assert server.connections == 0


def test_a_password_from_the_keyring_is_taken(person: Person, office: tuple[Office, int], tmp_path: Path) -> None:
    _, port = office
    (tmp_path / "ring.py").write_text(
        "from keyring.backend import KeyringBackend\n"
        "class Ring(KeyringBackend):\n"
        "    priority = 1\n"
        f"    def get_password(self, service, user): return {{('mail', {USER!r}): {PASSWORD!r}}}.get((service, user))\n"
        "    def set_password(self, service, user, password): pass\n"
    )
    config = tmp_path / "accounts.toml"
    config.write_text(
        f'[accounts.work]\nsmtp_host = "localhost"\nsmtp_port = {port}\nusername = "{USER}"\n'
        f'ca_file = "{person.ca[1]}"\npassword_keyring = "mail"\nfrom_addr = "Ann <ann@example.org>"\n'
    )
    places = f"{tmp_path}{os.pathsep}{Path(lanline.__file__).parents[1]}"
    person.environment |= {"PYTHON_KEYRING_BACKEND": "ring.Ring", "PYTHONPATH": places}
    assert person.run("send", "--config", str(config), "--to-addr", "b@x.org", "--body", "hi").returncode == 0
    config.write_text(config.read_text().replace('"mail"', '"other"'))
    assert "keyring set" in person.run("send", "--config", str(config), "--to-addr", "b@x.org", "--body", "hi").stderr


def test_a_password_is_asked_for_at_the_terminal_and_not_echoed(person: Person, office: tuple[Office, int]) -> None:
    _, port = office
    words = ["send", "--smtp-host", "localhost", "--smtp-port", str(port), *person.ca, "--username", USER]
    status, screen = at_terminal(person, [*words, *ENVELOPE, "--body", "hi"], f"{PASSWORD}\n".encode(), b"Password for")
    assert status == 0, screen
    assert PASSWORD.encode() not in screen


def test_ctrl_c_at_the_prompt_says_that_nothing_was_sent(person: Person, moody: Any) -> None:
    server, port = moody()
    words = ["send", "--smtp-host", "localhost", "--smtp-port", str(port), *person.ca, "--username", USER]
    status, screen = at_terminal(person, [*words, *ENVELOPE, "--body", "hi"], b"\x03", b"Password for")
    assert status == 130
    assert b"nothing was sent" in screen
    assert server.connections == 0


def test_a_large_message_shows_its_progress_on_a_terminal(
    person: Person, office: tuple[Office, int], tmp_path: Path
) -> None:
    _, port = office
    (tmp_path / "large").write_bytes(bytes(2_000_000))
    words = ["send", "--smtp-host", "localhost", "--smtp-port", str(port), *person.ca, *ENVELOPE, "--body", "hi"]
    status, screen = at_terminal(person, [*words, "--attach", str(tmp_path / "large")], b"", b"")
    assert status == 0, screen
    assert b"Sending" in screen
    assert b"100%" in screen


def test_without_a_terminal_a_missing_password_is_a_sentence(person: Person) -> None:
    words = ["--smtp-host", "localhost", "--smtp-port", "9", "--username", "ann", *ENVELOPE, "--body", "hi"]
    run = person.run("send", *words, start_new_session=True)
    assert is_a_sentence(run, 64)
    assert "SMTP_PASS" in run.stderr


@pytest.mark.parametrize(
    ("answers", "status", "hint"),
    [
        ({"EHLO": EHLO.replace(b"250-STARTTLS\r\n", b"")}, 1, "does not offer STARTTLS"),
        ({"RCPT": b"450 4.2.0 greylisted\r\n"}, 75, "greylisting"),
        ({"RCPT": b"550 5.1.1 user unknown\r\n"}, 1, "no such mailbox"),
        ({"MAIL": b"552 5.3.4 too big\r\n"}, 1, "larger"),
        ({"CONTENT": CUT}, 1, "Nobody can know"),
        ({"DATA": CUT}, 75, "Nothing was sent"),
        ({"GREETING": b"\x1b[2J garbage\r\n"}, 1, "does not speak SMTP"),
    ],
)
def test_each_kind_of_failure_has_its_exit_status(
    person: Person, moody: Any, answers: dict[str, Any], status: int, hint: str
) -> None:
    _, port = moody(answers)
    run = person.send(port, *ENVELOPE, "--body", "hi", "--timeout", "60")
    assert is_a_sentence(run, status), run
    assert hint in run.stderr
    assert "\x1b" not in run.stderr


@pytest.mark.parametrize("stdout", ["/dev/full", None])
def test_a_message_that_was_sent_stays_sent_when_nobody_can_be_told(
    person: Person, moody: Any, stdout: str | None
) -> None:
    """An exit status other than 0 would make a script send it once more."""
    server, port = moody()
    words = ["send", "--smtp-host", "localhost", "--smtp-port", str(port), *person.ca, *ENVELOPE, "--body", "hi"]
    redirection = f">{stdout}" if stdout else ">&-"
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *person.command(*words)]
    run = subprocess.run(command, env=person.environment, stderr=subprocess.PIPE, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert len(server.messages) == 1


def test_a_terminal_without_the_letters_gets_escapes(person: Person, moody: Any) -> None:
    _, port = moody()
    person.environment |= {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    run = person.send(port, "--from-addr", "ann@x.org", "--to-addr", "jörg@x.org", "--body", "hi")
    assert (run.returncode, run.stderr) == (0, "")
    assert "j\\xf6rg@x.org" in run.stdout


def test_a_dry_run_into_a_full_disk_is_a_sentence(person: Person) -> None:
    command = person.command("send", *ENVELOPE, "--body", "hi", "--dry-run")
    with open("/dev/full", "wb") as full:  # noqa: PTH123  a device
        run = subprocess.run(
            command, env=person.environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert run.returncode == 64
    assert "Traceback" not in run.stderr


def test_an_interruption_of_the_goodbye_does_not_unsend(person: Person, moody: Any) -> None:
    server, port = moody({"QUIT": SILENCE})
    options = ["--smtp-host", "localhost", "--smtp-port", str(port), *person.ca, *ENVELOPE, "--body", "hi"]
    process = person.start("send", *options)
    assert server.reached["QUIT"].wait(60)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")
    assert stdout.startswith("Sent ")


@pytest.mark.parametrize(("step", "words"), [("RCPT", "was not sent"), ("CONTENT", "Nobody can know")])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_says_whether_it_was_sent(
    person: Person, moody: Any, step: str, words: str, number: signal.Signals
) -> None:
    server, port = moody({step: SILENCE})
    options = ["--smtp-host", "localhost", "--smtp-port", str(port), *person.ca, *ENVELOPE, "--body", "hi"]
    process = person.start("send", *options)
    assert server.reached[step].wait(60)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert words in stderr
    assert "Traceback" not in stderr
    assert process.returncode == (130 if step == "RCPT" else 1)


_WITH_PEAK = """
import atexit, sys
atexit.register(lambda: sys.stderr.write(open("/proc/self/status").read()))
from lanline.cli.main import main
main()
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
def test_a_large_attachment_takes_little_memory(person: Person, office: tuple[Office, int], tmp_path: Path) -> None:
    """25 MB within 12 MB above what a tiny message takes, whether it goes straight or by the outbox."""
    kept, port = office
    large, tiny = tmp_path / "large.bin", tmp_path / "tiny.bin"
    large.write_bytes(os.urandom(25_000_000))
    tiny.write_bytes(b"x")

    def peak_kib(attachment: Path, *words: str) -> int:
        options = ["send", "--smtp-host", "localhost", "--smtp-port", str(port), *person.ca, *ENVELOPE, "--body", "hi"]
        command = [sys.executable, "-c", _WITH_PEAK, "smtp", *options, "--attach", str(attachment), *words]
        run = subprocess.run(command, capture_output=True, text=True, check=True, env=person.environment, timeout=60)
        return next(int(line.split()[1]) for line in run.stderr.splitlines() if line.startswith("VmHWM:"))

    base = peak_kib(tiny)
    for words in ((), ("--queue",)):
        assert peak_kib(large, *words) < base + 12_000
        parsed = BytesParser(policy=email.policy.default).parsebytes(kept.received[-1][2])
        (part,) = parsed.iter_attachments()
        assert part.get_content() == large.read_bytes()


def test_check_names_what_is_wrong_with_a_certificate(person: Person, stage: Stage, authority: Authority) -> None:
    for kind, words in (
        ("expired", "EXPIRED on"),
        ("wrong_name", "mail.example.org"),
        ("self_signed", "issued by itself"),
    ):
        server = Moody(tls=getattr(authority, kind).server_context())
        run = person.run(
            "check", "--smtp-host", "localhost", "--smtp-port", str(stage.serve_streams(server)), *person.ca
        )
        assert run.returncode == 1
        assert words in run.stdout
        assert "at most 50.0 MB" in run.stdout
        assert server.count(b"AUTH") == 0


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; import lanline.cli.main; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"aiosmtplib", "asyncio", "cryptography", "email_validator"}.isdisjoint(run.stdout.split())


def test_a_certificate_of_ones_own_signs_in(person: Person, stage: Stage, authority: Authority) -> None:
    context = authority.good.server_context()
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    server = Moody({"EHLO": b"250-m\r\n250-STARTTLS\r\n250 AUTH EXTERNAL\r\n"}, context)
    port, own = stage.serve_streams(server), authority.good
    shown = ["--tls-cert", str(own.certificate), "--tls-key", str(own.key)]
    run = person.send(port, *ENVELOPE, "--body", "hi", "--auth", "external", *shown)
    assert run.returncode == 0, run.stderr
    assert b"AUTH EXTERNAL =" in server.commands
    run = person.send(port, *ENVELOPE, "--body", "hi", "--auth", "external")
    assert is_a_sentence(run, run.returncode)
    assert run.returncode in {1, 75}  # the refusal of the other side, or the end that it made of it
    assert len(server.messages) == 1


def test_a_certificate_is_shown_that_was_not_known_when_the_mail_was_put_into_the_outbox(
    person: Person, stage: Stage, authority: Authority
) -> None:
    context = authority.good.server_context()
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    server, own = Moody({"EHLO": b"250-m\r\n250 STARTTLS\r\n"}, context), authority.good
    port = stage.serve_streams(server)
    run = person.send(port, *ENVELOPE, "--body", "hi", "--queue")
    assert "kept in the outbox" in run.stdout + run.stderr
    assert is_a_sentence(person.run("flush", "--tls-key", str(own.key)), 64)
    assert person.run("flush").returncode in {1, 75}
    assert server.messages == []
    shown = ["--tls-cert", str(own.certificate), "--tls-key", str(own.key)]
    assert person.run("flush", *shown).returncode == 0
    assert len(server.messages) == 1
    assert person.records() == []
