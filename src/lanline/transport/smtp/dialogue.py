"""Commands and replies over one connection: aiosmtplib does the wire, this says what each failure means.

An error raised here is certain: the message was not complete, so it was not sent. What is uncertain lies in `delivery`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from typing import Any

import aiosmtplib
from aiosmtplib.response import SMTPResponse
from aiosmtplib.typing import Default

from lanline.errors import MailDeferred, MailProblem, MailRefused
from lanline.model.mail.refusal import Refusal, Reply, Stage, one_line
from lanline.model.mail.server import Security, Server
from lanline.transport.smtp.transcript import MASK, Transcript
from lanline.transport.smtp.trust import untrusted

_VERBS = frozenset((b"EHLO", b"HELO", b"MAIL", b"RCPT", b"DATA", b"RSET", b"QUIT"))
_TROUBLE = (aiosmtplib.SMTPException, OSError, ValueError)
"""All that the library raises: its own errors, those of sockets and TLS, and of replies that it cannot take apart."""


class Dialogue(aiosmtplib.SMTP):
    """The library's client, with every command and reply written to the transcript."""

    def __init__(self, server: Server, context: ssl.SSLContext, timeout_s: float, transcript: Transcript) -> None:
        super().__init__(
            hostname=server.host,
            port=server.port,
            timeout=timeout_s,
            use_tls=server.security is Security.SMTPS,
            start_tls=False,  # `Session.open` asks for it, and insists
            tls_context=context,
            local_hostname="localhost",  # unsaid, the library would ask the DNS; EHLO gets `own_name`
        )
        self.server = server
        self.transcript = transcript

    async def execute_command(self, *args: bytes, timeout: Any = Default.token) -> SMTPResponse:  # noqa: ANN401, ASYNC109
        self.transcript.client(self._shown(args))
        return self.recorded(await super().execute_command(*args, timeout=timeout))

    def _shown(self, args: tuple[bytes, ...]) -> str:
        """Between AUTH and its end, every line that is no command carries a secret."""
        if args[0] in _VERBS:
            return b" ".join(args).decode(errors="replace")
        public = args[:2] if args[0] == b"AUTH" else ()
        secret = args[len(public) :]
        self.transcript.hide(*[word.decode(errors="replace") for word in secret])
        return " ".join([*[word.decode() for word in public], *[MASK for _ in secret]])

    def recorded(self, response: SMTPResponse) -> SMTPResponse:
        """The reply as it may be shown. The library takes any number for a code: RFC 5321, 4.2 knows 200 to 599."""
        if not 200 <= response.code <= 599:
            raise aiosmtplib.SMTPResponseException(-1, f"{response.code} {response.message}")
        text = self.transcript.masked(response.message.encode(errors="replace").decode())
        self.transcript.server(Reply(response.code, text))
        return SMTPResponse(response.code, text)

    async def ask(self, stage: Stage, *words: bytes) -> Reply:
        """One command and its reply, whatever its code; raises when none comes."""
        try:
            response = await self.execute_command(*words)
        except _TROUBLE as cause:
            raise self.broken(stage, cause) from cause
        return Reply(response.code, response.message)

    async def demand(self, stage: Stage, *words: bytes) -> Reply:
        """As `ask`, and any refusal raises."""
        reply = await self.ask(stage, *words)
        if reply.code >= 400:
            raise refused(Refusal(stage, reply))
        return reply

    def broken(self, stage: Stage, cause: Exception) -> MailProblem:
        """The connection failed, or the other side speaks another language, before the message was complete."""
        server = self.server
        if isinstance(cause, ssl.SSLCertVerificationError):
            return untrusted(server, cause)
        if isinstance(cause, TimeoutError):
            return MailDeferred(f"{server} did not answer in time at {stage.value}. Nothing was sent; try again later.")
        if isinstance(cause, aiosmtplib.SMTPResponseException):
            words = self.transcript.masked(cause.message.removeprefix("Malformed SMTP response line:"))
            return MailRefused(
                f"{server} does not speak SMTP: at {stage.value} it said {one_line(words)!r}. Nothing was sent."
            )
        if isinstance(cause, ssl.SSLError):
            reason = one_line((cause.reason or str(cause)).replace("_", " ").lower())
            return MailRefused(f"TLS with {server} failed ({reason}). Nothing was sent.")
        return MailDeferred(f"The connection to {server} broke at {stage.value}. Nothing was sent; try again later.")

    def close(self) -> None:
        """At once: what mattered has been heard, and a TLS goodbye waits for the other side, which may be gone."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
        super().close()

    def own_name(self) -> bytes:
        """RFC 5321, 4.1.3: the address in brackets, for a machine whose name nobody can look up."""
        try:
            name = self.get_transport_info("sockname")
        except aiosmtplib.SMTPServerDisconnected as cause:  # it greeted and left
            raise self.broken(Stage.EHLO, cause) from cause
        host = str(name[0]).partition("%")[0]
        address = ipaddress.ip_address(host)
        return f"[IPv6:{address}]".encode() if address.version == 6 else f"[{address}]".encode()


def refused(refusal: Refusal) -> MailProblem:
    return MailDeferred(str(refusal)) if refusal.is_temporary else MailRefused(str(refusal))
