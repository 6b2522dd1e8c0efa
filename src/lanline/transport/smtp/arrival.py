"""From a host name to the server's greeting, and why that did not work: name, port, or the wrong way to start TLS."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl

import aiosmtplib

from lanline.errors import MailDeferred, MailProblem, MailRefused
from lanline.model.mail.refusal import Refusal, Reply, Stage
from lanline.model.mail.server import Security, Server
from lanline.transport.smtp.dialogue import Dialogue, refused

_SILENCE_S = 3.0
"""A server that has not spoken by then is asked whether it waits for TLS. Slow ones are still waited for."""
_PROBE_S = 5.0


async def greeted(dialogue: Dialogue) -> None:
    """Connect and read the greeting; with SMTPS that is after the TLS handshake."""
    dialogue.transcript.note(f"connecting to {dialogue.server}")
    connecting = asyncio.ensure_future(dialogue.connect())
    try:
        if not await _started(connecting) and await _waits_for_tls(dialogue.server):
            raise _wrong_start(dialogue.server)
        dialogue.recorded(await connecting)
    except aiosmtplib.SMTPConnectResponseError as cause:
        if cause.code not in range(200, 600):
            raise dialogue.broken(Stage.GREETING, cause) from cause
        raise refused(Refusal(Stage.GREETING, Reply(cause.code, cause.message))) from cause
    except (aiosmtplib.SMTPException, OSError, ValueError) as cause:
        raise await _explained(dialogue, cause) from cause
    finally:
        connecting.cancel()
        await asyncio.wait([connecting])


async def _started(connecting: asyncio.Future[aiosmtplib.SMTPResponse]) -> bool:
    done, _ = await asyncio.wait([connecting], timeout=_SILENCE_S)
    return bool(done)


async def _explained(dialogue: Dialogue, error: Exception) -> MailProblem:
    server = dialogue.server
    cause = error.__cause__ if isinstance(error, aiosmtplib.SMTPConnectError) and error.__cause__ else error
    is_verdict = isinstance(cause, ssl.SSLCertVerificationError)
    if isinstance(cause, _WRONG_START_SIGNS) and not is_verdict and await _other_start(server):
        return _wrong_start(server)
    if isinstance(cause, (ssl.SSLError, aiosmtplib.SMTPResponseException)):
        return dialogue.broken(Stage.GREETING, cause)
    return MailDeferred(f"{_absence(server, cause)} Nothing was sent; try again later, or keep it with --queue.")


_WRONG_START_SIGNS = (ssl.SSLError, aiosmtplib.SMTPServerDisconnected, ConnectionResetError, ConnectionAbortedError)
_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)


def _absence(server: Server, cause: BaseException) -> str:
    if isinstance(cause, socket.gaierror):
        return f"The host {server.host} is not known here; check its name, and that this machine is on the network."
    if isinstance(cause, ConnectionRefusedError):
        return f"Nothing answers at {server} (connection refused); the port is usually 587, or 465 with --smtps."
    if isinstance(cause, TimeoutError):
        return f"{server} does not answer; it may be down, or a firewall is in the way."
    if isinstance(cause, OSError) and cause.errno in _NO_WAY:
        return f"There is no way to {server} from here; check the network."
    return f"The connection to {server} broke before the greeting."


async def _other_start(server: Server) -> bool:
    return await (_speaks_first(server) if server.security is Security.SMTPS else _waits_for_tls(server))


def _wrong_start(server: Server) -> MailRefused:
    if server.security is Security.SMTPS:
        return MailRefused(
            f"{server} starts in clear and goes over to TLS later (STARTTLS): leave out --smtps with this port, or use"
            " the port for TLS from the start, usually 465. Nothing was sent."
        )
    return MailRefused(
        f"{server} speaks TLS from the start: use --smtps with this port, or the port for STARTTLS, usually 587."
        " Nothing was sent."
    )


async def _waits_for_tls(server: Server) -> bool:
    """A second connection that offers a handshake. The answer is all that is wanted, so nothing is verified."""
    if server.security is Security.SMTPS:
        return False
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_PROBE_S):
            _, writer = await asyncio.open_connection(server.host, server.port, ssl=context)
        writer.transport.abort()
        return True
    return False


async def _speaks_first(server: Server) -> bool:
    with contextlib.suppress(OSError, TimeoutError, ValueError):
        async with asyncio.timeout(_PROBE_S):
            reader, writer = await asyncio.open_connection(server.host, server.port)
            greeting = await reader.readline()
        writer.transport.abort()
        return greeting.startswith(b"220")
    return False
