"""What happens when a server says no, is slow, or half accepts: nobody sends a mail twice, or loses a text by it."""

from __future__ import annotations

import json
import os
import signal
import ssl
from pathlib import Path
from typing import Any

import pytest

from mailhouse.certificates import Authority
from mailhouse.moody import EHLO, SILENCE, Moody
from mailhouse.person import ENVELOPE, Person, at_terminal, is_a_sentence
from mailhouse.stage import Stage

OK = b"250 ok\r\n"


def batch_of(folder: Path, count: int) -> str:
    path = folder / "batch.jsonl"
    path.write_text("".join(f'{{"to": "n{number}@x.org", "body": "{number}"}}\n' for number in range(1, count + 1)))
    return str(path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_batch_stops_after_the_line_whose_reply_was_awaited(
    person: Person, moody: Any, tmp_path: Path, number: signal.Signals
) -> None:
    server, port = moody({"CONTENT": [SILENCE, OK]})
    way = ["--smtp-host", "localhost", "--smtp-port", str(port), *person.ca, "--from-addr", "ann@x.org"]
    process = person.start("send", *way, "--batch", batch_of(tmp_path, 27))
    assert server.reached["CONTENT"].wait(60)
    process.send_signal(number)
    server.late_reply(OK)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Line 1: Interrupted too late to stop it. Sent" in stdout
    assert "go on with --start-line 2" in stderr
    assert len(server.messages) == 1


def test_a_flush_stops_after_the_message_whose_reply_was_awaited(person: Person, moody: Any, tmp_path: Path) -> None:
    server, port = moody({"GREETING": [b"421 no\r\n", b"220 ok\r\n"], "CONTENT": [SILENCE, OK]})
    person.send(port, "--from-addr", "ann@x.org", "--batch", batch_of(tmp_path, 5), "--queue")
    process = person.start("flush")
    assert server.reached["CONTENT"].wait(60)
    process.send_signal(signal.SIGTERM)
    server.late_reply(OK)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "4 messages stay in the outbox" in stderr
    assert len(server.messages) == 1
    assert len(person.records()) == 4


@pytest.mark.parametrize(
    "answers", [{"MAIL": b"421 4.3.2 closing\r\n"}, {"MAIL": b"450 4.7.1 rate limit exceeded\r\n"}]
)
def test_a_server_that_throttles_ends_a_batch(
    person: Person, moody: Any, tmp_path: Path, answers: dict[str, Any]
) -> None:
    server, port = moody(answers)
    run = person.send(port, "--from-addr", "ann@x.org", "--batch", batch_of(tmp_path, 99))
    assert run.returncode == 75, run
    assert "go on with --start-line 1" in run.stderr
    assert server.connections <= 2


def test_a_server_that_counts_is_met_anew_and_loses_nothing(person: Person, moody: Any, tmp_path: Path) -> None:
    server, port = moody({"MAIL": [OK, b"421 4.3.2 enough for one connection\r\n"] * 4})
    run = person.send(port, "--from-addr", "ann@x.org", "--batch", batch_of(tmp_path, 4))
    assert run.returncode == 0, run
    assert (len(server.messages), server.connections) == (4, 4)


def test_a_server_that_counts_and_stays_is_met_anew_until_it_slows_a_new_connection(
    person: Person, moody: Any, tmp_path: Path
) -> None:
    counted = b"452 4.5.3 Too many recipients: Too many messages sent\r\n"
    server, port = moody({"MAIL": [OK, counted, OK, counted, counted]})
    run = person.send(port, "--from-addr", "ann@x.org", "--batch", batch_of(tmp_path, 4))
    assert run.returncode == 75, run
    assert "2 of 4 sent" in run.stderr
    assert (len(server.messages), server.connections) == (2, 3)


def test_a_server_that_says_how_long_is_waited_for(person: Person, moody: Any, tmp_path: Path) -> None:
    server, port = moody({"MAIL": [b"421 4.7.0 slow down, try again in 1 seconds\r\n", OK]})
    run = person.send(port, "--from-addr", "ann@x.org", "--batch", batch_of(tmp_path, 2))
    assert (run.returncode, len(server.messages)) == (0, 2), run


def test_what_is_throttled_is_queued_to_the_last(person: Person, moody: Any, tmp_path: Path) -> None:
    server, port = moody({"MAIL": b"421 4.7.0 too fast\r\n"})
    run = person.send(port, "--from-addr", "ann@x.org", "--batch", batch_of(tmp_path, 9), "--queue")
    assert run.returncode == 0, run
    assert len(person.records()) == 9
    assert server.connections == 1


ACCESS = {
    "wrong password": {"AUTH": b"535 5.7.8 no\r\n"},
    "stripped STARTTLS": {"EHLO": EHLO.replace(b"250-STARTTLS\r\n", b"")},
    "portal banner": {"GREETING": b"HTTP/1.1 302 Found\r\n"},
    "greeting": {"GREETING": b"554 no service for you\r\n"},
    "sign-in wanted": {"MAIL": b"530 5.7.0 authentication required\r\n"},
    "blocklist": {"RCPT": b"554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org\r\n"},
}


@pytest.mark.parametrize("name", ACCESS)
def test_only_a_verdict_on_the_message_drops_what_is_queued(person: Person, moody: Any, name: str) -> None:
    _, port = moody(ACCESS[name])
    person.environment |= {"SMTP_USER": "ann", "SMTP_PASS": "hunter2-long"}
    run = person.send(port, *ENVELOPE, "--body", "the only copy", "--queue")
    assert run.returncode == 1
    assert "kept in the outbox" in run.stderr
    (record,) = person.records()
    assert record["state"] == "queued"


def test_an_untrusted_certificate_drops_nothing(person: Person, stage: Stage, authority: Authority) -> None:
    server = Moody(tls=authority.self_signed.server_context())
    run = person.send(stage.serve_streams(server), *ENVELOPE, "--body", "the only copy", "--queue")
    assert run.returncode == 1
    assert [record["state"] for record in person.records()] == ["queued"]


def test_who_is_put_off_beside_one_who_got_it_invites_no_repeat(person: Person, moody: Any) -> None:
    server, port = moody({"RCPT": [OK, b"450 4.2.0 later\r\n"]})
    run = person.send(port, *ENVELOPE, "--to-addr", "eve@example.org", "--body", "hi")
    assert run.returncode == 1
    assert "Not sent to eve@example.org" in run.stderr
    assert len(server.messages) == 1


def test_every_refused_recipient_is_named(person: Person, moody: Any) -> None:
    _, port = moody({"RCPT": [OK] + [b"550 5.1.1 user unknown\r\n"] * 9})
    names = [f"n{number}@x.org" for number in range(9)]
    run = person.send(port, *ENVELOPE, *[word for name in names for word in ("--to-addr", name)], "--body", "hi")
    assert run.returncode == 1
    assert all(name in run.stderr for name in names)


@pytest.mark.parametrize("queue", [[], ["--queue"]])
def test_too_many_recipients_go_in_another_transaction(person: Person, moody: Any, queue: list[str]) -> None:
    crowded = b"452 4.5.3 too many recipients\r\n"
    server, port = moody({"RCPT": [OK, OK, crowded, crowded, OK, crowded, OK]})
    people = [word for number in range(3) for word in ("--to-addr", f"n{number}@x.org")]
    run = person.send(port, *ENVELOPE, *people, "--body", "hi", *queue)
    assert run.returncode == 0, run
    assert len(server.messages) == 3
    assert len(set(server.messages)) == 1
    assert person.records() == []


@pytest.mark.parametrize(
    "answers",
    [
        {"DATA": b"354 go on\r\n250 2.0.0 queued\r\n", "CONTENT": b""},
        {"MAIL": b"354 what\r\n"},
        {"MAIL": b"334 what\r\n"},
        {"MAIL": b"220 what\r\n"},
        {"RCPT": b"354 what\r\n"},
        {"DATA": b"250 what\r\n"},
    ],
)
def test_a_reply_that_does_not_fit_is_never_a_yes(person: Person, moody: Any, answers: dict[str, Any]) -> None:
    _, port = moody(answers)
    run = person.send(port, *ENVELOPE, "--body", "hi")
    assert is_a_sentence(run, 1), run
    assert "Sent" not in run.stdout


def test_a_refusal_is_told_though_the_server_falls_silent(person: Person, moody: Any) -> None:
    server, port = moody({"RCPT": b"550 5.1.1 user unknown\r\n", "RSET": SILENCE, "QUIT": SILENCE})
    run = person.send(port, *ENVELOPE, "--body", "hi", "--timeout", "2")
    assert is_a_sentence(run, 1)
    assert "no such mailbox" in run.stderr
    assert server.count(b"RSET") == 0


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--start-line", "2", "--body", "hi"], "--batch"),
        (["--batch", "BATCH", "--start-line", "9"], "no message at line 9"),
        (["--config", "ACCOUNTS", "--smtp-port", "0", "--body", "hi"], "not a port"),
        (["--tls-key", "x", "--body", "hi"], "--tls-cert"),
        (["--inline", "x", "--body", "hi"], "--html"),
        (["--raw", "--body", "hi"], "--raw"),
        (["--tls-fingerprint", "12", "--body", "hi"], "fingerprint"),
        (["--proxy", "http://x", "--body", "hi"], "SOCKS5"),
        (["--dsn-notify", "always", "--body", "hi"], "--dsn-notify"),
        (["--message-id", "nothing", "--body", "hi"], "Message-ID"),
        (["--date", "yesterday", "--body", "hi"], "date"),
        (["--log-file", "/no/such/log", "--body", "hi"], "log"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_sent(
    person: Person, moody: Any, tmp_path: Path, words: list[str], hint: str
) -> None:
    server, port = moody()
    config = accounts(tmp_path, f'smtp_host = "localhost"\nsmtp_port = {port}\n')
    named = {"BATCH": batch_of(tmp_path, 2), "ACCOUNTS": config}
    run = person.send(port, *ENVELOPE, *[named.get(word, word) for word in words])
    assert is_a_sentence(run, 64), run
    assert hint in run.stderr
    assert server.connections == 0


def accounts(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "accounts.toml"
    path.write_text(f"[accounts.work]\n{text}")
    path.chmod(mode)
    return str(path)


def test_what_is_typed_changes_the_account_and_undoes_nothing_else(person: Person, moody: Any, tmp_path: Path) -> None:
    server, port = moody()
    text = f'smtp_host = "no-such-host.invalid"\nsmtp_port = {port}\nca_file = "{person.ca[1]}"\nauth = "login"\n'
    config = accounts(tmp_path, text + 'username = "ann"\npassword_env = "WORK_PASS"\n')
    person.environment["WORK_PASS"] = "hunter2-long"
    options = ["send", "--config", config, "--smtp-host", "localhost", *ENVELOPE, "--body", "hi"]
    assert person.run(*options, "--auth", "auto").returncode == 0
    assert server.count(b"AUTH PLAIN") == 1
    person.run(*options)
    assert server.count(b"AUTH LOGIN") == 1


def test_accounts_are_found_in_their_default_place(person: Person, moody: Any, tmp_path: Path) -> None:
    server, port = moody()
    folder = tmp_path / "config" / "lanline"
    folder.mkdir(parents=True)
    (folder / "smtp.toml").write_text(
        f'[accounts.a]\nsmtp_host = "localhost"\nsmtp_port = {port}\nca_file = "{person.ca[1]}"\n'
        'from_addr = "a@x.org"\n'
    )
    person.environment["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    assert person.run("send", "--to-addr", "b@x.org", "--body", "hi").returncode == 0
    assert b"MAIL FROM:<a@x.org>" in server.commands[3]


@pytest.mark.parametrize(
    ("text", "mode", "hint"), [('smtp_host = "x"\n', 0o622, "chmod"), ('smtp_host = "a b"\n', 0o600, 'account "work"')]
)
def test_a_bad_account_is_named(person: Person, tmp_path: Path, text: str, mode: int, hint: str) -> None:
    run = person.run("send", "--config", accounts(tmp_path, text, mode), *ENVELOPE, "--body", "hi")
    assert is_a_sentence(run, 64)
    assert hint in run.stderr


@pytest.mark.parametrize("text", ["-- \nAnn", "--subject", "-5", "-"])
def test_a_text_that_begins_with_a_dash_is_a_text(person: Person, text: str) -> None:
    run = person.run("send", *ENVELOPE, "--body", text, "--subject", "-v", "--dry-run")
    assert run.returncode == 0, run
    assert "Subject: -v\n" in run.stdout
    assert text.strip("\n").splitlines()[-1] in run.stdout


def test_a_dry_run_takes_the_sender_from_the_environment(person: Person) -> None:
    person.environment["SMTP_USER"] = "ann@example.org"
    run = person.run("send", "--to-addr", "b@x.org", "--body", "hi", "--dry-run")
    assert run.returncode == 0
    assert "From: ann@example.org" in run.stdout


def test_the_way_to_settle_names_the_outbox(person: Person, moody: Any, tmp_path: Path) -> None:
    _, port = moody({"CONTENT": b"354 what\r\n"})
    run = person.send(port, *ENVELOPE, "--body", "hi", "--outbox", str(tmp_path / "other"))
    assert f"flush --outbox {tmp_path / 'other'} --resend" in run.stderr


def test_the_servers_own_certificate_will_do_as_authority(
    person: Person, moody: Any, authority: Authority, tmp_path: Path
) -> None:
    _, port = moody()
    leaf = authority.good.certificate.read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    (tmp_path / "leaf.pem").write_text(leaf)
    person.ca = ["--ca-file", str(tmp_path / "leaf.pem")]
    assert person.send(port, *ENVELOPE, "--body", "hi").returncode == 0


def test_a_fingerprint_alone_decides(person: Person, moody: Any, authority: Authority) -> None:
    server, port = moody()
    der = ssl.PEM_cert_to_DER_cert(authority.good.certificate.read_text().partition("-----END")[0] + _END)
    import hashlib  # noqa: PLC0415

    right = hashlib.sha256(der).hexdigest()
    person.ca = []
    assert person.send(port, *ENVELOPE, "--body", "hi", "--tls-fingerprint", right).returncode == 0
    run = person.send(port, *ENVELOPE, "--body", "hi", "--tls-fingerprint", "0" * 64)
    assert is_a_sentence(run, 1)
    assert right in run.stderr
    assert len(server.messages) == 1


_END = "-----END CERTIFICATE-----\n"


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="such files are those of /proc")
def test_files_without_a_size_and_pipes_go_along(person: Person, moody: Any, tmp_path: Path) -> None:
    server, port = moody()
    reader, writer = os.pipe()
    os.write(writer, b"from a pipe")
    os.close(writer)
    run = person.send(
        port, *ENVELOPE, "--body", "hi", "--attach", "/proc/version", "--attach", f"/dev/fd/{reader}", pass_fds=[reader]
    )
    os.close(reader)
    assert run.returncode == 0, run
    import email  # noqa: PLC0415

    parts = email.message_from_bytes(server.messages[0]).get_payload()
    assert parts[1].get_payload(decode=True) == Path("/proc/version").read_bytes()
    assert parts[2].get_payload(decode=True) == b"from a pipe"


def test_a_batch_comes_from_stdin(person: Person, moody: Any) -> None:
    server, port = moody()
    lines = '{"to": "a@x.org", "body": "1"}\n{"to": "b@x.org", "body": "2"}'
    run = person.send(port, "--from-addr", "ann@x.org", "--batch", "-", input=lines)
    assert (run.returncode, len(server.messages)) == (0, 2), run


@pytest.mark.parametrize(
    ("auth", "words", "ehlo", "hint"),
    [
        (b"334 eyJzdGF0dXMiOiI0MDEifQ==\r\n", ["--auth", "xoauth2"], b"250 AUTH XOAUTH2\r\n", "expired"),
        (b"334 eyJzdGF0dXMiOiI0MDEifQ==\r\n", ["--auth", "oauthbearer"], b"250 AUTH OAUTHBEARER\r\n", "expired"),
        (OK, [], b"250 AUTH XOAUTH2 OAUTHBEARER\r\n", "--auth xoauth2"),
    ],
)
def test_a_token_that_expired_or_is_the_only_way_has_clear_words(
    person: Person, moody: Any, auth: bytes, words: list[str], ehlo: bytes, hint: str
) -> None:
    _, port = moody({"EHLO": b"250-m\r\n250-STARTTLS\r\n" + ehlo, "AUTH": auth, "SECRET": b"535 5.7.8 bad\r\n"})
    person.environment |= {"SMTP_USER": "ann", "SMTP_PASS": "token-token"}
    run = person.send(port, *ENVELOPE, "--body", "hi", *words)
    assert is_a_sentence(run, 1)
    assert hint in run.stderr
    assert "wrong" not in run.stderr


def test_the_server_is_tried_before_a_text_is_typed(person: Person, moody: Any) -> None:
    server, port = moody({"AUTH": b"535 5.7.8 no\r\n"})
    person.environment |= {"SMTP_USER": "ann", "SMTP_PASS": "hunter2-long"}
    words = ["send", "--smtp-host", "localhost", "--smtp-port", str(port), *person.ca, *ENVELOPE]
    status, screen = at_terminal(person, words, b"", b"")
    assert status == 1
    assert b"Type the text" not in screen
    assert server.count(b"AUTH") == 1


def test_a_text_that_was_typed_and_refused_is_kept(person: Person, moody: Any) -> None:
    _, port = moody({"RCPT": b"550 5.1.1 user unknown\r\n"})
    words = ["send", "--smtp-host", "localhost", "--smtp-port", str(port), *person.ca, *ENVELOPE]
    status, screen = at_terminal(person, words, b"a long letter\n\x04", b"Type the text")
    assert status == 1, screen
    (record,) = person.records()
    assert record["state"] == "refused"
    assert b"a long letter" in next(person.outbox.glob("*.eml")).read_bytes()


def test_json_and_the_log_have_one_entry_a_recipient(person: Person, moody: Any, tmp_path: Path) -> None:
    _, port = moody({"RCPT": [OK, b"550 5.1.1 user unknown\r\n"]})
    log = tmp_path / "log"
    run = person.send(
        port, *ENVELOPE, "--to-addr", "eve@x.org", "--body", "hi", "--json", "--log-file", str(log)
    )  # fmt: skip
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(one["recipient"], one["result"]) for one in found] == [
        ("bob@example.org", "sent"),
        ("eve@x.org", "refused"),
    ]
    assert [line.split()[2:4] for line in log.read_text().splitlines()] == [
        ["bob@example.org", "sent"],
        ["eve@x.org", "refused"],
    ]
