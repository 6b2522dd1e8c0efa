"""Replies as the big providers and the common servers word them."""

import pytest

from lanline.model.mail.refusal import Refusal, Reply, Stage, explanation, one_line

CASES = [
    (Stage.AUTH, 534, "5.7.9 Application-specific password required. For more information, go to", "app password"),
    (
        Stage.AUTH,
        535,
        "5.7.8 Username and Password not accepted. For more information, go to",
        "user name or the password",
    ),
    (Stage.AUTH, 535, "5.7.139 Authentication unsuccessful, basic authentication is disabled.", "xoauth2"),
    (Stage.AUTH, 454, "4.7.0 Temporary authentication failure", "try again later"),
    (Stage.AUTH, 504, "5.5.4 Unrecognized authentication type", "--auth"),
    (Stage.RCPT, 553, "5.7.1 <b@x>: Sender address rejected: not owned by user ann", "--from-addr"),
    (Stage.CONTENT, 554, "5.2.252 SendAsDenied; ann@x not allowed to send as bob@x", "--from-addr"),
    (Stage.MAIL, 550, "5.7.60 SMTP; Client does not have permissions to send as this sender", "--from-addr"),
    (Stage.RCPT, 554, "5.7.1 <b@x>: Relay access denied", "sign in"),
    (Stage.MAIL, 530, "5.7.0 Authentication Required. For more information, go to", "--username"),
    (Stage.MAIL, 530, "5.7.0 Must issue a STARTTLS command first", "--no-tls"),
    (Stage.MAIL, 552, "5.3.4 Message size exceeds fixed limit", "larger"),
    (Stage.CONTENT, 552, "5.2.3 Your message exceeded Google's message size limits", "larger"),
    (Stage.RCPT, 552, "5.2.2 Mailbox full", "full"),
    (Stage.RCPT, 450, "4.2.0 <b@x>: Recipient address rejected: Greylisted", "greylisting"),
    (Stage.RCPT, 550, "5.1.1 <b@x>: Recipient address rejected: User unknown", "no such mailbox"),
    (Stage.CONTENT, 550, "5.7.1 Our system has detected that this message is likely unsolicited (spam)", "spam"),
    (Stage.RCPT, 452, "4.5.3 Too many recipients", "too many"),
    (Stage.CONTENT, 550, "5.7.0 message looks like spam", "takes the message for spam"),
    (Stage.CONTENT, 554, "5.7.0 Reject, virus found (Eicar)", "virus"),
    (Stage.CONTENT, 550, "5.7.0 Local policy violation", "rules forbid"),
    (Stage.CONTENT, 552, "5.7.0 This message was blocked because of its attachment", "rules forbid"),
    (Stage.RCPT, 554, "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", "blocklist"),
    (Stage.GREETING, 554, "Your IP 192.0.2.1 has a poor reputation", "blocklist"),
    (Stage.CONTENT, 550, "5.7.26 Unauthenticated email is not accepted due to DMARC policy", "DMARC"),
    (Stage.MAIL, 421, "4.7.28 rate limit exceeded", "wait, then go on"),
    (Stage.EHLO, 421, "4.7.1 office.example Error: No client certificate presented", "--tls-cert"),
    (Stage.RCPT, 499, "hm", "for now"),
    (Stage.RCPT, 599, "hm", "final"),
]


@pytest.mark.parametrize(("stage", "code", "text", "hint"), CASES)
def test_a_refusal_is_explained_by_what_to_do(stage: Stage, code: int, text: str, hint: str) -> None:
    assert hint in explanation(Refusal(stage, Reply(code, text)))


def test_only_four_hundred_codes_are_for_now() -> None:
    assert Refusal(Stage.MAIL, Reply(450, "")).is_temporary
    assert not Refusal(Stage.MAIL, Reply(550, "")).is_temporary


def test_a_servers_words_cannot_move_a_cursor_or_fill_the_screen() -> None:
    line = one_line("bad\x1b[2J\r\nnews\x07 " + "x" * 5000)
    assert "\x1b" not in line
    assert "\x07" not in line
    assert "\n" not in line
    assert len(line) < 500


@pytest.mark.parametrize(
    ("stage", "code", "text", "expected"),
    [
        (Stage.RCPT, 550, "5.1.1 user unknown", True),
        (Stage.CONTENT, 554, "5.6.0 spam", True),
        (Stage.MAIL, 530, "5.7.0 Authentication required", False),
        (Stage.RCPT, 554, "5.7.1 blocked using zen.spamhaus.org", False),
        (Stage.AUTH, 535, "5.7.8 no", False),
        (Stage.GREETING, 554, "no", False),
    ],
)
def test_only_a_verdict_on_the_message_is_one(stage: Stage, code: int, text: str, expected: bool) -> None:
    assert Refusal(stage, Reply(code, text)).is_about_message == expected


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [("try again in 30 seconds", 30), ("retry after 5 minutes", 300), ("please wait 2 min", 120), ("later", None)],
)
def test_how_long_a_server_asks_to_wait_is_read(text: str, wait_s: float | None) -> None:
    assert Refusal(Stage.MAIL, Reply(421, text)).wait_s == wait_s
