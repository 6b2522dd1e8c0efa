"""Opening a session: what is demanded before anything is said to a server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from typing import Any

import pytest

from lanline.errors import LanlineError, MailDeferred, MailRefused, ServerUntrusted
from lanline.model.mail.server import Credentials, Security, Server, SignIn
from lanline.proto.smtp.events import Offer, Timeouts
from lanline.transport.smtp.connecting import Interrupt
from lanline.transport.smtp.session import MailSession, Passage
from mailhouse.certificates import Authority, Pair
from mailhouse.moody import CUT, EHLO, OK, SILENCE, Moody
from mailhouse.stage import Stage

PATIENT = Timeouts(60, 60)
IMPATIENCE = [Timeouts(seconds, seconds) for seconds in (0.5, 4, 30)]
"""On a busy machine a server may be slow before it falls silent: then more is tried."""
ANN = Credentials("ann", "hunter2 äö")
PLAIN_EHLO = EHLO.replace(b"250-STARTTLS\r\n", b"")


class Attempt:
    """One attempt to open a session and sign in, and all that was shown of it."""

    def __init__(
        self, authority: Authority, moody: Moody, port: int, security: Security, host: str = "localhost"
    ) -> None:
        self.shown: list[str] = []
        self.moody = moody
        self._server = Server(host, port, security, str(authority.ca_file))

    def run(
        self, credentials: Credentials | None = None, method: SignIn = SignIn.AUTO, timeouts: Timeouts = PATIENT
    ) -> Offer:
        with contextlib.closing(Interrupt()) as interrupt:
            session = MailSession(Passage(self._server, credentials, method, timeouts), interrupt, self.shown.append)
            try:
                session.sign_in()
            finally:
                session.close()
            return session.offer


def attempt(
    stage: Stage,
    authority: Authority,
    answers: dict[str, Any] | None = None,
    security: Security = Security.STARTTLS,
    pair: Pair | None = None,
) -> Attempt:
    context = (pair or authority.good).server_context()
    moody = Moody(answers, context)
    port = stage.serve_streams(moody, ssl=context if security is Security.SMTPS else None)
    return Attempt(authority, moody, port, security)


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.SMTPS])
def test_a_protected_session_learns_what_the_server_offers(
    stage: Stage, authority: Authority, security: Security
) -> None:
    tried = attempt(stage, authority, security=security)
    offer = tried.run(ANN)
    assert offer.size_limit_bytes == 50_000_000
    assert offer.sign_ins == ("plain", "login", "cram-md5")
    assert tried.moody.count(b"EHLO") == (2 if security is Security.STARTTLS else 1)


def test_a_name_is_not_looked_up_to_greet_with(stage: Stage, authority: Authority) -> None:
    tried = attempt(stage, authority)
    tried.run()
    assert tried.moody.commands[0] == b"EHLO [127.0.0.1]"


@pytest.mark.parametrize("answer", [PLAIN_EHLO, b"250 moody\r\n", EHLO.replace(b"STARTTLS", b"XXXXXXXA")])
def test_without_starttls_nothing_is_sent(stage: Stage, authority: Authority, answer: bytes) -> None:
    tried = attempt(stage, authority, {"EHLO": answer})
    with pytest.raises(MailRefused, match="does not offer STARTTLS"):
        tried.run(ANN)
    assert {command.split()[0] for command in tried.moody.commands} == {b"EHLO"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"454 TLS not available\r\n", MailDeferred),
        (b"502 no\r\n", MailRefused),
        (OK, MailRefused),
        (CUT, MailDeferred),
    ],
)
def test_a_refused_starttls_ends_it(
    stage: Stage, authority: Authority, answer: bytes, error: type[LanlineError]
) -> None:
    tried = attempt(stage, authority, {"STARTTLS": answer})
    with pytest.raises(error):
        tried.run(ANN)
    assert tried.moody.count(b"AUTH") == 0


def test_commands_injected_before_tls_are_not_believed(stage: Stage, authority: Authority) -> None:
    """RFC 3207, 4.2 and 6: what came in clear counts for nothing afterwards."""
    forged = b"220 go ahead\r\n250-forged\r\n250-SIZE 1\r\n250 AUTH XEVIL\r\n"
    tried = attempt(stage, authority, {"STARTTLS": forged})
    offer = tried.run()
    assert offer.size_limit_bytes == 50_000_000
    assert "xevil" not in offer.sign_ins


def test_what_was_offered_in_clear_is_forgotten(stage: Stage, authority: Authority) -> None:
    tried = attempt(stage, authority, {"EHLO": [EHLO, b"250-moody\r\n250 SIZE 7\r\n"]})
    assert tried.run().extensions == {"size": "7"}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("expired", "expired"), ("wrong_name", "another name"), ("self_signed", "self-signed")],
)
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.SMTPS])
def test_a_bad_certificate_is_named_and_nothing_is_sent(
    stage: Stage, authority: Authority, kind: str, reason: str, security: Security
) -> None:
    tried = attempt(stage, authority, security=security, pair=getattr(authority, kind))
    with pytest.raises(ServerUntrusted, match=reason):
        tried.run(ANN)
    assert tried.moody.count(b"AUTH") == 0
    assert tried.moody.count(b"MAIL") == 0


def test_a_private_authority_is_not_trusted_unless_named(stage: Stage, authority: Authority) -> None:
    tried = attempt(stage, authority)
    tried._server = Server("localhost", tried._server.port, Security.STARTTLS)
    with pytest.raises(ServerUntrusted, match="--ca-file"):
        tried.run()


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (SignIn.AUTO, b"AUTH PLAIN " + base64.b64encode("\0ann\0hunter2 äö".encode())),
        (SignIn.PLAIN, b"AUTH PLAIN " + base64.b64encode("\0ann\0hunter2 äö".encode())),
        (SignIn.LOGIN, base64.b64encode("hunter2 äö".encode())),
    ],
)
def test_each_way_of_signing_in_is_spoken_and_masked(
    stage: Stage, authority: Authority, method: SignIn, said: bytes
) -> None:
    answers = {"AUTH": b"334 UGFzc3dvcmQ6\r\n"} if method is SignIn.LOGIN else {}
    tried = attempt(stage, authority, answers)
    tried.run(ANN, method)
    assert said in tried.moody.commands
    shown = "\n".join(tried.shown)
    assert "***" in shown
    for secret in ("hunter2", base64.b64encode("hunter2 äö".encode()).decode(), said.split()[-1].decode()):
        assert secret not in shown


def test_cram_md5_answers_the_challenge(stage: Stage, authority: Authority) -> None:
    """The example of RFC 2195, section 2."""
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    tried = attempt(stage, authority, {"AUTH": b"334 " + base64.b64encode(challenge) + b"\r\n"})
    tried.run(Credentials("tim", "tanstaaftanstaaf"), SignIn.CRAM_MD5)
    assert base64.b64encode(b"tim b913a602c7eda7a495b4e6e7334d3890") in tried.moody.commands
    assert "b913a602c7eda7a495b4e6e7334d3890" not in "".join(tried.shown)


def test_an_access_token_that_is_refused_gets_its_reason(stage: Stage, authority: Authority) -> None:
    ehlo = b"250-moody\r\n250-STARTTLS\r\n250 AUTH XOAUTH2\r\n"
    answers = {"EHLO": ehlo, "AUTH": b"334 eyJzdGF0dXMi\r\n", "SECRET": b"535 5.7.8 token expired\r\n"}
    tried = attempt(stage, authority, answers)
    with pytest.raises(MailRefused, match="token expired"):
        tried.run(ANN, SignIn.XOAUTH2)


def test_a_wrong_password_is_tried_once(stage: Stage, authority: Authority) -> None:
    tried = attempt(stage, authority, {"AUTH": b"535 5.7.8 no\r\n"})
    with pytest.raises(MailRefused, match="password is wrong"):
        tried.run(ANN)
    assert tried.moody.count(b"AUTH") == 1


def test_a_server_that_repeats_the_password_does_not_get_it_into_the_error(stage: Stage, authority: Authority) -> None:
    encoded = base64.b64encode("\0ann\0hunter2 äö".encode())
    tried = attempt(stage, authority, {"AUTH": "535 bad: hunter2 äö ".encode() + encoded + b"\r\n"})
    with pytest.raises(MailRefused) as caught:
        tried.run(ANN)
    for text in (str(caught.value), "\n".join(tried.shown)):
        assert "hunter2" not in text
        assert encoded.decode() not in text


@pytest.mark.parametrize(
    ("ehlo", "method", "hint"),
    [
        (b"250-moody\r\n250 STARTTLS\r\n", SignIn.AUTO, "offers no sign-in"),
        (b"250-moody\r\n250-STARTTLS\r\n250 AUTH GSSAPI\r\n", SignIn.AUTO, "gssapi"),
        (EHLO, SignIn.XOAUTH2, "no sign-in by xoauth2"),
    ],
)
def test_a_way_that_is_not_offered_is_not_tried(
    stage: Stage, authority: Authority, ehlo: bytes, method: SignIn, hint: str
) -> None:
    tried = attempt(stage, authority, {"EHLO": ehlo})
    with pytest.raises(MailRefused, match=hint):
        tried.run(ANN, method)
    assert tried.moody.count(b"AUTH") == 0


def test_a_password_never_goes_in_clear(stage: Stage, authority: Authority) -> None:
    tried = attempt(stage, authority, {"EHLO": PLAIN_EHLO}, Security.NONE)
    with pytest.raises(MailRefused, match="without TLS"):
        tried.run(ANN)
    assert tried.moody.count(b"AUTH") == 0


def test_an_old_server_is_greeted_with_helo_where_tls_is_not_asked_for(stage: Stage, authority: Authority) -> None:
    tried = attempt(stage, authority, {"EHLO": b"502 what\r\n"}, Security.NONE)
    assert tried.run() == Offer({}, ())
    assert tried.moody.count(b"HELO") == 1


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.NONE])
def test_a_server_that_greets_and_leaves_is_a_sentence(stage: Stage, authority: Authority, security: Security) -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 and goodbye\r\n")
        await writer.drain()
        writer.close()

    tried = Attempt(authority, Moody(), stage.serve_streams(leave), security)
    for _ in range(20):  # the end of the connection comes with the greeting, or just after it
        with pytest.raises(MailDeferred, match="broke at EHLO"):
            tried.run()


def test_control_characters_in_an_offer_do_not_reach_the_terminal(stage: Stage, authority: Authority) -> None:
    tried = attempt(stage, authority, {"EHLO": b"250-moody\r\n250-STARTTLS\r\n250 AUTH X\x1b[2J\r\n"})
    with pytest.raises(MailRefused) as caught:
        tried.run(ANN)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("step", "answer", "error", "hint"),
    [
        ("GREETING", b"421 4.3.2 closing\r\n", MailDeferred, "421"),
        ("GREETING", b"554 go away\r\n", MailRefused, "go away"),
        ("GREETING", b"SSH-2.0-OpenSSH_9.2\r\n", MailRefused, "does not speak SMTP"),
        ("GREETING", b"\x00\xff\xfe garbage \x1b[2J\r\n", MailRefused, "does not speak SMTP"),
        ("GREETING", b"000 zero\r\n", MailRefused, "does not speak SMTP"),
        ("GREETING", b"220-" + b"x" * 100_000, MailRefused, "does not speak SMTP"),
        ("GREETING", b"220-for ever\r\n" * 5000, MailRefused, "does not speak SMTP"),
        ("GREETING", SILENCE, MailDeferred, "does not answer"),
        ("GREETING", CUT, MailDeferred, "broke"),
        ("EHLO", SILENCE, MailDeferred, "in time at EHLO"),
        ("EHLO", CUT, MailDeferred, "broke at EHLO"),
        ("EHLO", b"garbage\r\n", MailRefused, "does not speak SMTP"),
        ("EHLO", b"550 who are you\r\n", MailRefused, "who are you"),
        ("STARTTLS", SILENCE, MailDeferred, "STARTTLS"),
        ("STARTTLS", b"\r\n", MailRefused, "does not speak SMTP"),
        ("AUTH", SILENCE, MailDeferred, "sign-in"),
        ("AUTH", CUT, MailDeferred, "sign-in"),
        ("AUTH", "hunter2 äö garbage\r\n".encode(), MailRefused, "does not speak SMTP"),
        ("AUTH", b"999 code\r\n", MailRefused, "does not speak SMTP"),
    ],
)
def test_every_misbehaviour_is_a_sentence(
    stage: Stage, authority: Authority, step: str, answer: Any, error: type[LanlineError], hint: str
) -> None:
    tried = attempt(stage, authority, {step: answer})
    for timeouts in IMPATIENCE if answer is SILENCE else [PATIENT]:
        with pytest.raises(error) as caught:
            tried.run(ANN, timeouts=timeouts)
        if hint in str(caught.value):
            break
    assert isinstance(caught.value, error)
    sentence = str(caught.value)
    assert hint in sentence
    assert "\x1b" not in sentence
    assert "hunter2" not in sentence
    assert len(sentence) < 700
    assert sentence.endswith((".", '"'))
