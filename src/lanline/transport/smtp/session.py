"""A connection to a mail server from its greeting to QUIT: protected, greeted and, where wanted, signed in."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any

import aiosmtplib
import msgspec
from aiosmtplib.typing import SMTPStatus

from lanline.errors import MailRefused
from lanline.model.mail.refusal import Refusal, Reply, Stage, one_line
from lanline.model.mail.server import Credentials, Security, Server, SignIn
from lanline.transport.smtp.arrival import greeted
from lanline.transport.smtp.dialogue import Dialogue, refused
from lanline.transport.smtp.transcript import Transcript


class Patience(msgspec.Struct, frozen=True):
    """RFC 5321, 4.5.3.2.6: the last reply may take ten minutes, and who gives up earlier sends mail twice."""

    reply_s: float = 60.0
    last_reply_s: float = 600.0


class Offer(msgspec.Struct, frozen=True):
    """What the server said it can do."""

    extensions: dict[str, str]
    sign_ins: tuple[str, ...]

    @property
    def size_limit_bytes(self) -> int | None:
        words = self.extensions.get("size", "").split()
        limit = int(words[0]) if words and words[0].isascii() and words[0].isdigit() and len(words[0]) < 19 else 0
        return limit or None  # RFC 1870, 3: 0 means that there is no fixed limit


class Session:
    """`dialogue` is for `delivery`; callers see what the server offers and `close`."""

    __slots__ = ("dialogue", "offer", "patience", "server")

    def __init__(self, dialogue: Dialogue, patience: Patience) -> None:
        self.dialogue = dialogue
        self.server = dialogue.server
        self.patience = patience
        self.offer = Offer({}, ())

    @classmethod
    async def open(
        cls, server: Server, context: ssl.SSLContext, patience: Patience, transcript: Transcript | None = None
    ) -> Session:
        """Raises MailRefused or MailDeferred, with the connection closed."""
        session = cls(Dialogue(server, context, patience.reply_s, transcript or Transcript()), patience)
        try:
            await greeted(session.dialogue)
            await session._introduce()
            if server.security is Security.STARTTLS:
                await session._start_tls()
                await session._introduce()
        except BaseException:
            session.abort()
            raise
        return session

    @property
    def is_open(self) -> bool:
        return self.dialogue.is_connected

    async def sign_in(self, credentials: Credentials, method: SignIn) -> None:
        """One attempt by one method: three wrong ones in a row lock an account at some providers."""
        if self.server.security is Security.NONE:
            raise MailRefused("A password is not sent without TLS: leave out --no-tls, or the user name.")
        chosen = self._chosen(method)
        self.dialogue.transcript.hide(credentials.password)
        attempt = {
            SignIn.PLAIN: self.dialogue.auth_plain,
            SignIn.LOGIN: self.dialogue.auth_login,
            SignIn.CRAM_MD5: self.dialogue.auth_crammd5,
            SignIn.XOAUTH2: self.dialogue.auth_xoauth2,
        }[chosen]
        try:
            await attempt(credentials.username, credentials.password)
        except aiosmtplib.SMTPAuthenticationError as cause:
            reply = Reply(cause.code, cause.message)
            raise refused(Refusal(Stage.AUTH, reply)) from cause
        except (aiosmtplib.SMTPException, OSError, ValueError) as cause:
            raise self.dialogue.broken(Stage.AUTH, cause) from cause

    def _chosen(self, method: SignIn) -> SignIn:
        offered = [sign_in for sign_in in _BY_PREFERENCE if sign_in.value in self.offer.sign_ins]
        if method is not SignIn.AUTO and method.value in self.offer.sign_ins:
            return method
        if method is SignIn.AUTO and offered:
            return offered[0]
        if not self.offer.sign_ins:
            raise MailRefused(f"{self.server} offers no sign-in; leave out the user name (--username, SMTP_USER).")
        wanted = "none of the ways known here" if method is SignIn.AUTO else f"no sign-in by {method.value}"
        offers = one_line(", ".join(self.offer.sign_ins))
        raise MailRefused(f"{self.server} offers {wanted}, only {offers}; see --auth.")

    async def _introduce(self) -> None:
        dialogue = self.dialogue
        reply = await dialogue.ask(Stage.EHLO, b"EHLO", dialogue.own_name())
        if reply.code in _NOT_KNOWN and self.server.security is Security.NONE:
            await dialogue.demand(Stage.EHLO, b"HELO", dialogue.own_name())
            return
        if reply.code != SMTPStatus.completed:
            raise refused(Refusal(Stage.EHLO, reply))
        dialogue.last_ehlo_response = aiosmtplib.SMTPResponse(reply.code, reply.text)
        self.offer = Offer(dialogue.esmtp_extensions, tuple(dict.fromkeys(dialogue.server_auth_methods)))

    async def _start_tls(self) -> None:
        dialogue = self.dialogue
        if "starttls" not in self.offer.extensions:
            raise MailRefused(
                f"{self.server} does not offer STARTTLS, or something on the way took the offer out. Nothing was sent,"
                " because it would have gone in clear. Try --smtps (port 465), or another network."
            )
        dialogue.transcript.client("STARTTLS")
        try:
            dialogue.recorded(await dialogue.starttls())
            version = dialogue.get_transport_info("ssl_object").version()
        except aiosmtplib.SMTPResponseException as cause:
            if cause.code in range(200, 600):
                raise refused(Refusal(Stage.STARTTLS, Reply(cause.code, cause.message))) from cause
            raise dialogue.broken(Stage.STARTTLS, cause) from cause
        except (aiosmtplib.SMTPException, OSError, ValueError) as cause:
            raise dialogue.broken(Stage.STARTTLS, cause) from cause
        dialogue.transcript.note(f"from here on protected by {version}")

    async def close(self) -> None:
        """QUIT, politely but not for long. Not even Ctrl+C makes an error of it: what was sent is sent."""
        with contextlib.suppress(aiosmtplib.SMTPException, OSError, ValueError, asyncio.CancelledError):
            await self.dialogue.quit(timeout=min(5.0, self.patience.reply_s))
        self.abort()

    def abort(self) -> None:
        self.dialogue.close()


_BY_PREFERENCE = (SignIn.PLAIN, SignIn.LOGIN, SignIn.CRAM_MD5)
_NOT_KNOWN = (500, 502, 504, 550)


async def settled(task: asyncio.Future[Any]) -> None:
    """Cancel, and wait until it is over, so that no socket outlives the loop."""
    task.cancel()
    await asyncio.wait([task])
