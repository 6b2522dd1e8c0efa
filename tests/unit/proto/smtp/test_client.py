"""The client's side of the dialogue, byte for byte and in virtual time."""

from __future__ import annotations

import base64
import random

import pytest

from lanline.errors import LanlineError, MailDeferred, MailInterrupted, MailProblem, MailRefused
from lanline.model.mail.message import Envelope
from lanline.model.mail.server import Credentials, Security, Server, SignIn
from lanline.proto.smtp.client import SmtpClient
from lanline.proto.smtp.events import (
    ContentRequested,
    Delivered,
    DeliveryUncertain,
    Failed,
    Opened,
    SignedIn,
    State,
    Timeouts,
    TlsRequested,
)
from lanline.proto.smtp.wire import SmtpTranscript

ENVELOPE = Envelope("ann@x.org", ("bob@x.org", "eve@x.org"), smtputf8=False)
OFFER = b"250-m\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-DSN\r\n250 AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256 EXTERNAL"
OFFER += b" OAUTHBEARER\r\n"


class Talk:
    """A client, and a clock that only tests turn."""

    def __init__(self, security: Security = Security.SMTPS, host: str = "mail.example.org") -> None:
        self.now = 0.0
        self.shown: list[str] = []
        server = Server(host, 465, security)
        self.client = SmtpClient(server, Timeouts(60, 600), SmtpTranscript(self.shown.append), bytes)

    def hear(self, *replies: bytes) -> list[bytes]:
        """What is said, line by line, when the server says this."""
        said = [self.client.bytes_to_send()]
        for reply in replies:
            self.client.receive_bytes(reply, self.now)
            said.append(self.client.bytes_to_send())
        return b"".join(said).splitlines()

    def opened(self) -> Talk:
        self.client.open("[192.0.2.1]", self.now)
        self.hear(b"220 m\r\n", OFFER)
        assert isinstance(self.client.next_event(), Opened)
        return self

    def at_content(self) -> Talk:
        self.client.send_message(ENVELOPE, 100, self.now)
        self.hear(b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")
        assert isinstance(self.client.next_event(), ContentRequested)
        return self

    def problem(self) -> LanlineError:
        event = self.client.next_event()
        assert isinstance(event, Failed), event
        return event.problem


def test_a_message_is_announced_stuffed_and_ended_as_the_rfc_has_it() -> None:
    talk = Talk()
    talk.client.open("me", 0)
    assert talk.hear(b"220 m\r\n", OFFER) == [b"EHLO me"]
    assert isinstance(talk.client.next_event(), Opened)
    envelope = Envelope("ann@x.org", ("bob@x.org",), False, True, "never", "hdrs", "Q+3D1")
    talk.client.send_message(envelope, 100, 0)
    assert talk.hear(b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n") == [
        b"MAIL FROM:<ann@x.org> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=Q+3D1",
        b"RCPT TO:<bob@x.org> NOTIFY=NEVER",
        b"DATA",
    ]
    talk.client.next_event()
    talk.client.send_content(b".a\r\n", 0)
    talk.client.finish_content(0)
    assert talk.client.bytes_to_send() == b"..a\r\n.\r\n"
    talk.hear(b"250 queued\r\n")
    delivered = talk.client.next_event()
    assert isinstance(delivered, Delivered)
    assert delivered.accepted == ("bob@x.org",)
    assert talk.client.state is State.READY


def in_one_go() -> Talk:
    talk = Talk()
    talk.client.open("me", 0)
    talk.hear(b"220 m\r\n", b"250-m\r\n250 PIPELINING\r\n")
    talk.client.next_event()
    talk.client.send_message(ENVELOPE, 100, 0)
    assert talk.hear() == [b"MAIL FROM:<ann@x.org>", b"RCPT TO:<bob@x.org>", b"RCPT TO:<eve@x.org>"]
    return talk


def test_sender_and_recipients_go_in_one_piece_where_the_server_can() -> None:
    talk = in_one_go()
    assert talk.hear(b"250 ok\r\n250 ok\r\n", b"550 no\r\n") == [b"DATA"]
    talk.hear(b"354 go\r\n")
    assert talk.client.next_event() == ContentRequested(("bob@x.org",))


def test_a_sender_that_is_refused_in_one_piece_leaves_no_reply_behind() -> None:
    talk = in_one_go()
    assert talk.hear(b"450 later\r\n", b"503 MAIL first\r\n", b"503 MAIL first\r\n") == []
    assert "the sender" in str(talk.problem())
    talk.client.send_message(ENVELOPE, 100, 0)
    assert talk.hear(b"250 reset\r\n")[:2] == [b"RSET", b"MAIL FROM:<ann@x.org>"]


@pytest.mark.parametrize("replies", [b"421 bye\r\n", b"250 ok\r\n421 bye\r\n", b"250 ok\r\n250 ok\r\n421 bye\r\n"])
def test_a_server_that_leaves_in_the_middle_of_one_piece_is_not_waited_for(replies: bytes) -> None:
    talk = in_one_go()
    talk.hear(replies)
    assert isinstance(talk.problem(), MailDeferred)
    assert not talk.client.is_open


@pytest.mark.parametrize("replies", [b"250 ok\r\n" * 4, b"250 ok\r\n" * 3 + b"354 go\r\n"])
def test_more_replies_than_lines_are_no_yes(replies: bytes) -> None:
    talk = in_one_go()
    assert talk.hear(replies) == []
    assert "does not speak SMTP" in str(talk.problem())


def test_replies_come_in_pieces_of_any_size() -> None:
    talk = Talk()
    talk.client.open("me", 0)
    said = [line for byte in b"220 m\r\n" + OFFER for line in talk.hear(bytes([byte]))]
    assert said == [b"EHLO me"]
    assert isinstance(talk.client.next_event(), Opened)


def test_nothing_said_in_clear_counts_after_starttls() -> None:
    talk = Talk(Security.STARTTLS)
    talk.client.open("me", 0)
    talk.hear(b"220 m\r\n", b"250-m\r\n250 STARTTLS\r\n", b"220 go\r\n250-forged\r\n250 AUTH XEVIL\r\n")
    assert isinstance(talk.client.next_event(), TlsRequested)
    talk.client.confirm_tls("TLSv1.3", 0)
    assert talk.hear(b"250 m\r\n") == [b"EHLO me"]
    opened = talk.client.next_event()
    assert isinstance(opened, Opened)
    assert opened.offer.sign_ins == ()


def test_16_kbit_a_second_is_progress_and_silence_is_not() -> None:
    """500 kB at 2 kB/s take 250 s, which is more than any limit of 60 s without progress."""
    talk = Talk().opened().at_content()
    talk.client.send_content(b"x" * 998 + b"\r\n", 0)
    for second in range(250):
        talk.now = float(second)
        talk.client.note_progress(talk.now)
        talk.client.handle_timer(talk.now)
    assert talk.client.state is State.CONTENT
    talk.client.handle_timer(talk.now + 59)
    assert talk.client.state is State.CONTENT
    talk.client.handle_timer(talk.now + 60)
    assert isinstance(talk.problem(), MailDeferred)


def test_the_last_reply_is_waited_for_from_the_last_byte_that_arrived() -> None:
    talk = Talk().opened().at_content()
    talk.client.send_content(b"x\r\n", 0)
    talk.client.finish_content(0)
    talk.client.note_progress(500)
    talk.client.handle_timer(1099)
    assert talk.client.next_event() is None
    talk.client.handle_timer(1100)
    assert isinstance(talk.problem(), DeliveryUncertain)


def test_an_interruption_before_the_dot_is_certain_and_after_it_waits_a_moment() -> None:
    talk = Talk().opened().at_content()
    talk.client.interrupt(0)
    assert isinstance(talk.problem(), MailInterrupted)
    talk = Talk().opened().at_content()
    talk.client.finish_content(0)
    talk.client.interrupt(10)
    assert talk.client.next_deadline() == 13
    talk.hear(b"250 taken\r\n")
    delivered = talk.client.next_event()
    assert isinstance(delivered, Delivered)
    assert delivered.interrupted


def test_a_reply_that_was_there_before_the_dot_is_none_to_it() -> None:
    talk = Talk().opened()
    talk.client.send_message(ENVELOPE, 100, 0)
    talk.hear(b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n250 taken\r\n")
    assert isinstance(talk.problem(), MailRefused)
    assert not talk.client.is_open


@pytest.mark.parametrize("code", [b"354", b"334", b"220", b"235", b"251"])
def test_only_250_takes_a_sender(code: bytes) -> None:
    talk = Talk().opened()
    talk.client.send_message(ENVELOPE, 100, 0)
    talk.hear(code + b" what\r\n")
    assert isinstance(talk.problem(), MailRefused)


def test_after_a_refusal_the_next_message_starts_over_and_nobody_waits_for_that() -> None:
    talk = Talk().opened()
    talk.client.send_message(ENVELOPE, 100, 0)
    assert b"RSET" not in talk.hear(b"250 ok\r\n", b"550 no\r\n", b"550 no\r\n")
    assert isinstance(talk.problem(), MailRefused)
    talk.client.send_message(ENVELOPE, 100, 0)
    assert talk.hear() == [b"RSET"]


SIGN_INS = {
    SignIn.PLAIN: [(b"235 ok\r\n", b"AUTH PLAIN " + base64.b64encode(b"\0ann\0secret"))],
    SignIn.LOGIN: [
        (b"334 VXNlcm5hbWU6\r\n", b"AUTH LOGIN " + base64.b64encode(b"ann")),
        (b"334 UGFzc3dvcmQ6\r\n", base64.b64encode(b"ann")),
        (b"235 ok\r\n", base64.b64encode(b"secret")),
    ],
    SignIn.EXTERNAL: [(b"235 ok\r\n", b"AUTH EXTERNAL " + base64.b64encode(b"ann"))],
    SignIn.OAUTHBEARER: [
        (
            b"235 ok\r\n",
            b"AUTH OAUTHBEARER "
            + base64.b64encode(b"n,a=ann,\1host=mail.example.org\1port=465\1auth=Bearer secret\1\1"),
        )
    ],
}


@pytest.mark.parametrize("way", SIGN_INS)
def test_each_way_of_signing_in_says_what_its_document_has(way: SignIn) -> None:
    talk = Talk().opened()
    talk.client.sign_in(Credentials("ann", "secret"), way, 0)
    for reply, expected in SIGN_INS[way]:
        assert talk.hear() == [expected] or expected in talk.hear(), expected
        talk.client.receive_bytes(reply, 0)
    assert talk.client.next_event() == SignedIn(way)


SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"


def scram(server_final: bytes) -> tuple[list[bytes], object]:
    """The example of RFC 7677, section 3."""
    talk = Talk()
    talk.client._entropy = lambda size: base64.b64decode(b"rOprNGfwEbeRWgbNEkqO")
    talk.opened()
    talk.client.sign_in(Credentials("user", "pencil"), SignIn.SCRAM_SHA_256, 0)
    said = talk.hear(b"334 " + base64.b64encode(SERVER_FIRST) + b"\r\n", server_final, b"235 ok\r\n")
    return [base64.b64decode(line.split()[-1]) for line in said if line], talk.client.next_event()


def test_scram_is_the_example_of_its_rfc() -> None:
    final = b"334 " + base64.b64encode(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") + b"\r\n"
    said, event = scram(final)
    assert said[0] == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    assert said[1].endswith(b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    assert event == SignedIn(SignIn.SCRAM_SHA_256)


@pytest.mark.parametrize("final", [b"334 " + base64.b64encode(b"v=AAAA") + b"\r\n", b"235 ok\r\n"])
def test_a_server_that_does_not_know_the_password_is_found_out(final: bytes) -> None:
    _, event = scram(final)
    assert isinstance(event, Failed)


@pytest.mark.parametrize(
    "first", [b"r=other,s=QQ==,i=4096", SERVER_FIRST.replace(b"4096", b"999999999"), SERVER_FIRST[:-4] + b"1", b"x"]
)
def test_a_challenge_that_is_none_ends_the_sign_in(first: bytes) -> None:
    talk = Talk().opened()
    talk.client.sign_in(Credentials("user", "pencil"), SignIn.SCRAM_SHA_256, 0)
    talk.hear(b"334 " + base64.b64encode(first) + b"\r\n")
    assert isinstance(talk.problem(), MailRefused)


def test_a_challenge_is_answered_as_it_was_said_though_a_short_password_stands_in_it() -> None:
    """The mask is for what is shown: it once edited the challenge, and gave a short password away."""
    talk = Talk().opened()
    talk.client.sign_in(Credentials("tim", "a"), SignIn.CRAM_MD5, 0)
    said = talk.hear(b"334 " + base64.b64encode(b"<a@a.a>") + b"\r\n", b"535 bad a password a\r\n")
    import hmac  # noqa: PLC0415

    assert base64.b64encode(b"tim " + hmac.digest(b"a", b"<a@a.a>", "md5").hex().encode()) in said
    assert "S: 535 ***" in talk.shown
    assert "password a" not in str(talk.problem())


WORDS = [
    b"220 m\r\n", b"250 ok\r\n", b"250-m\r\n", OFFER, b"354 go\r\n", b"235 ok\r\n", b"334 \r\n", b"334 ?\r\n",
    b"421 bye\r\n", b"450 later\r\n", b"550 no\r\n", b"452 4.5.3 too many\r\n", b"\r\n", b"\0\xff", b"999 x\r\n",
    b"250", b"-\r\n", b"2", b"x" * 5000, b"250 STARTTLS\r\n", b"250-m\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(300))
def test_whatever_a_server_says_the_dialogue_ends_with_a_documented_error(seed: int) -> None:
    chance = random.Random(seed)
    talk = Talk(chance.choice(list(Security)))
    client, sane = talk.client, chance.random() < 0.7
    client.open("me", 0)
    steps = [
        lambda: client.sign_in(Credentials("ann", "secret"), chance.choice(list(SignIn)), talk.now),
        lambda: client.send_message(ENVELOPE, 100, talk.now),
        lambda: client.quit(talk.now),
    ]
    script = [b"220 m\r\n", OFFER] if sane else []
    for _ in range(60):
        client.bytes_to_send()
        happened = client.next_event()
        if isinstance(happened, Failed):
            assert isinstance(happened.problem, MailProblem), happened
            assert "\x1b" not in str(happened.problem)
        if isinstance(happened, TlsRequested):
            client.confirm_tls("TLS", talk.now)
        elif client.state is State.READY and steps:
            steps.pop(0 if chance.random() < 0.6 else -1)()
        elif client.state is State.CONTENT and chance.random() < 0.7:
            client.send_content(b"hi\r\n", talk.now)
            client.finish_content(talk.now)
        elif client.state is State.WAITING and chance.random() < 0.1:
            chance.choice([lambda: client.receive_eof(talk.now), lambda: client.interrupt(talk.now)])()
        else:
            client.receive_bytes(script.pop(0) if script else chance.choice(WORDS), talk.now)
    talk.now = 10_000.0
    client.handle_timer(talk.now)
    assert client.state in {State.CLOSED, State.READY, State.TLS}
