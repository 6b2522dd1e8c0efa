"""What a server shows of itself to whoever looks, though nobody here trusts it."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from lanline.client.smtp.survey import Survey, shown_chain, survey
from lanline.errors import MailDeferred
from lanline.model.mail.server import Security, Server
from lanline.proto.smtp.events import Timeouts
from lanline.transport.smtp.connecting import Interrupt
from lanline.transport.smtp.session import Passage
from mailhouse.certificates import Authority
from mailhouse.moody import CUT, EHLO, SILENCE, Moody
from mailhouse.stage import Stage


@pytest.fixture
def interrupt() -> Iterator[Interrupt]:
    with contextlib.closing(Interrupt()) as made:
        yield made


def passage(port: int, security: Security = Security.STARTTLS, limit_s: float = 60, **more: Any) -> Passage:
    return Passage(Server("127.0.0.1", port, security, **more), timeouts=Timeouts(limit_s, limit_s))


def only_newest(authority: Authority) -> ssl.SSLContext:
    context = authority.good.server_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.SMTPS])
def test_versions_and_chain_of_an_untrusted_server_are_seen(
    stage: Stage, authority: Authority, interrupt: Interrupt, security: Security
) -> None:
    context = only_newest(authority)
    port = stage.serve_streams(Moody(tls=context), ssl=context if security is Security.SMTPS else None)
    assert shown_chain(passage(port, security), interrupt, "TLS 1.2") is None
    chain = shown_chain(passage(port, security), interrupt, "TLS 1.3")
    assert chain is not None
    assert chain[-1] == authority.certificate
    assert len(chain) == 2


@pytest.mark.parametrize("answers", [{"EHLO": EHLO, "STARTTLS": b"502 no\r\n"}, {"EHLO": b"250 plain\r\n"}])
def test_without_starttls_there_is_no_handshake(stage: Stage, interrupt: Interrupt, answers: dict[str, Any]) -> None:
    assert shown_chain(passage(stage.serve_streams(Moody(answers))), interrupt, "TLS 1.3") is None


@pytest.mark.parametrize("greeting", [b"220-x\r\n" * 200, b"", CUT, SILENCE])
def test_a_server_that_never_comes_to_the_point_is_left(stage: Stage, interrupt: Interrupt, greeting: Any) -> None:
    port = stage.serve_streams(Moody({"GREETING": greeting}))
    with pytest.raises(MailDeferred):
        shown_chain(passage(port, limit_s=0.3), interrupt, "TLS 1.3")


def test_a_server_that_falls_silent_in_the_handshake_is_left(stage: Stage, interrupt: Interrupt) -> None:
    port = stage.serve_streams(Moody({"GREETING": SILENCE}))
    with pytest.raises(MailDeferred):
        shown_chain(passage(port, Security.SMTPS, limit_s=0.3), interrupt, "TLS 1.3")


@pytest.mark.parametrize("more", [{}, {"fingerprint": "0" * 64}])
def test_who_is_not_trusted_is_surveyed_all_the_same(
    stage: Stage, authority: Authority, interrupt: Interrupt, more: dict[str, str]
) -> None:
    port = stage.serve_streams(Moody(tls=only_newest(authority)))
    found: Survey = survey(passage(port, **more), lambda _: None, interrupt)
    assert found.versions == ("TLS 1.3",)
    assert len(found.chain) == 2
    assert "size" in found.offer.extensions
    assert ("fingerprint" if more else "private authority") in found.objection


def test_who_wants_a_certificate_of_ours_gets_it_though_nobody_trusts_its_own(
    stage: Stage, authority: Authority, interrupt: Interrupt
) -> None:
    context, own = authority.good.server_context(), authority.good
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    port = stage.serve_streams(Moody(tls=context))
    shown = {"client_cert": str(own.certificate), "client_key": str(own.key)}
    found = survey(passage(port, fingerprint="0" * 64, **shown), lambda _: None, interrupt)
    assert "size" in found.offer.extensions
    assert found.versions == ("TLS 1.2", "TLS 1.3")
    assert "fingerprint" in found.objection
