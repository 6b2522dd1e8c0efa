"""Why a server cannot be reached, in words that say what to do."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from lanline.errors import LanlineError, MailDeferred, MailRefused
from lanline.model.mail.server import Security, Server
from lanline.proto.smtp.events import Timeouts
from lanline.transport.smtp import session as session_module
from lanline.transport.smtp.connecting import Interrupt
from lanline.transport.smtp.session import MailSession, Passage
from mailhouse.certificates import Authority
from mailhouse.moody import Moody
from mailhouse.stage import Stage

TIMEOUTS = Timeouts(60, 60)


def reason(server: Server, kind: type[LanlineError]) -> str:
    with pytest.raises(kind) as caught, contextlib.closing(Interrupt()) as interrupt:
        MailSession(Passage(server, timeouts=TIMEOUTS), interrupt)
    assert isinstance(caught.value, kind)
    return str(caught.value)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_an_unknown_host_is_for_now() -> None:
    assert "not known" in reason(Server("no-such-host.invalid", 587, Security.STARTTLS), MailDeferred)


def test_a_closed_port_names_the_usual_ones() -> None:
    text = reason(Server("127.0.0.1", closed_port(), Security.STARTTLS), MailDeferred)
    assert "587" in text
    assert "465" in text


def test_smtps_to_a_starttls_port_says_which_is_right(stage: Stage, authority: Authority) -> None:
    port = stage.serve_streams(Moody(tls=authority.good.server_context()))
    assert "leave out --smtps" in reason(Server("127.0.0.1", port, Security.SMTPS), MailRefused)


def test_starttls_to_a_tls_port_says_which_is_right(
    stage: Stage, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_SILENCE_S", 0.1)
    monkeypatch.setattr(session_module, "_PROBE_S", 60)
    port = stage.serve_streams(Moody(), ssl=authority.good.server_context())
    assert "use --smtps" in reason(Server("127.0.0.1", port, Security.STARTTLS), MailRefused)


def test_a_slow_greeting_is_waited_for(stage: Stage, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that holds its greeting back to catch spammers is asked for TLS meanwhile, and that costs it nothing."""
    monkeypatch.setattr(session_module, "_SILENCE_S", 0.05)
    monkeypatch.setattr(session_module, "_PROBE_S", 0.2)
    moody = Moody(tls=authority.good.server_context())
    first, probed = asyncio.Lock(), asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if first.locked():
            probed.set()
            await reader.read()
            writer.transport.abort()
            return
        async with first:
            await probed.wait()
            await moody(reader, writer)

    port = stage.serve_streams(late)

    server = Server("localhost", port, Security.STARTTLS, str(authority.ca_file))
    with contextlib.closing(Interrupt()) as interrupt:
        MailSession(Passage(server, timeouts=TIMEOUTS), interrupt).close()


def test_something_that_is_no_mail_server_is_told_apart(stage: Stage) -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.transport.abort()

    port = stage.serve_streams(web)
    assert "does not speak SMTP" in reason(Server("127.0.0.1", port, Security.NONE), MailRefused)
