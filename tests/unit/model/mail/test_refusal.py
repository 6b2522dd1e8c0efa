"""Replies as the big providers and the common servers word them."""

import pytest

from lanline.model.mail.refusal import DialogueStep, Refusal, Reply, explanation, one_line

CASES = [
    (
        DialogueStep.AUTH,
        534,
        "5.7.9 Application-specific password required. For more information, go to",
        "app password",
    ),
    (
        DialogueStep.AUTH,
        535,
        "5.7.8 Username and Password not accepted. For more information, go to",
        "user name or the password",
    ),
    (DialogueStep.AUTH, 535, "5.7.139 Authentication unsuccessful, basic authentication is disabled.", "xoauth2"),
    (DialogueStep.AUTH, 454, "4.7.0 Temporary authentication failure", "try again later"),
    (DialogueStep.AUTH, 504, "5.5.4 Unrecognized authentication type", "--auth"),
    (DialogueStep.RCPT, 553, "5.7.1 <b@x>: Sender address rejected: not owned by user ann", "--from-addr"),
    (DialogueStep.CONTENT, 554, "5.2.252 SendAsDenied; ann@x not allowed to send as bob@x", "--from-addr"),
    (DialogueStep.MAIL, 550, "5.7.60 SMTP; Client does not have permissions to send as this sender", "--from-addr"),
    (DialogueStep.RCPT, 554, "5.7.1 <b@x>: Relay access denied", "sign in"),
    (DialogueStep.MAIL, 530, "5.7.0 Authentication Required. For more information, go to", "--username"),
    (DialogueStep.MAIL, 530, "5.7.0 Must issue a STARTTLS command first", "--no-tls"),
    (DialogueStep.MAIL, 552, "5.3.4 Message size exceeds fixed limit", "larger"),
    (DialogueStep.CONTENT, 552, "5.2.3 Your message exceeded Google's message size limits", "larger"),
    (DialogueStep.RCPT, 552, "5.2.2 Mailbox full", "full"),
    (DialogueStep.RCPT, 450, "4.2.0 <b@x>: Recipient address rejected: Greylisted", "greylisting"),
    (DialogueStep.RCPT, 550, "5.1.1 <b@x>: Recipient address rejected: User unknown", "no such mailbox"),
    (DialogueStep.CONTENT, 550, "5.7.1 Our system has detected that this message is likely unsolicited (spam)", "spam"),
    (DialogueStep.RCPT, 452, "4.5.3 Too many recipients", "too many"),
    (DialogueStep.CONTENT, 550, "5.7.0 message looks like spam", "takes the message for spam"),
    (DialogueStep.CONTENT, 554, "5.7.0 Reject, virus found (Eicar)", "virus"),
    (DialogueStep.CONTENT, 550, "5.7.0 Local policy violation", "rules forbid"),
    (DialogueStep.CONTENT, 552, "5.7.0 This message was blocked because of its attachment", "rules forbid"),
    (
        DialogueStep.RCPT,
        554,
        "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
        "blocklist",
    ),
    (DialogueStep.GREETING, 554, "Your IP 192.0.2.1 has a poor reputation", "blocklist"),
    (DialogueStep.CONTENT, 550, "5.7.26 Unauthenticated email is not accepted due to DMARC policy", "DMARC"),
    (DialogueStep.MAIL, 421, "4.7.28 rate limit exceeded", "wait, then go on"),
    (DialogueStep.EHLO, 421, "4.7.1 office.example Error: No client certificate presented", "--tls-cert"),
    (DialogueStep.RCPT, 499, "hm", "for now"),
    (DialogueStep.RCPT, 599, "hm", "final"),
]


@pytest.mark.parametrize(("stage", "code", "text", "hint"), CASES)
def test_a_refusal_is_explained_by_what_to_do(stage: DialogueStep, code: int, text: str, hint: str) -> None:
    assert hint in explanation(Refusal(stage, Reply(code, text)))


def test_only_four_hundred_codes_are_for_now() -> None:
    assert Refusal(DialogueStep.MAIL, Reply(450, "")).is_temporary
    assert not Refusal(DialogueStep.MAIL, Reply(550, "")).is_temporary


def test_a_servers_words_cannot_move_a_cursor_or_fill_the_screen() -> None:
    line = one_line("bad\x1b[2J\r\nnews\x07 " + "x" * 5000)
    assert "\x1b" not in line
    assert "\x07" not in line
    assert "\n" not in line
    assert len(line) < 500


@pytest.mark.parametrize(
    ("stage", "code", "text", "expected"),
    [
        (DialogueStep.RCPT, 550, "5.1.1 user unknown", True),
        (DialogueStep.CONTENT, 554, "5.6.0 spam", True),
        (DialogueStep.MAIL, 530, "5.7.0 Authentication required", False),
        (DialogueStep.RCPT, 554, "5.7.1 blocked using zen.spamhaus.org", False),
        (DialogueStep.AUTH, 535, "5.7.8 no", False),
        (DialogueStep.GREETING, 554, "no", False),
    ],
)
def test_only_a_verdict_on_the_message_is_one(stage: DialogueStep, code: int, text: str, expected: bool) -> None:
    assert Refusal(stage, Reply(code, text)).is_about_message == expected


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [("try again in 30 seconds", 30), ("retry after 5 minutes", 300), ("please wait 2 min", 120), ("later", None)],
)
def test_how_long_a_server_asks_to_wait_is_read(text: str, wait_s: float | None) -> None:
    assert Refusal(DialogueStep.MAIL, Reply(421, text)).wait_s == wait_s
