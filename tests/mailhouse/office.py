"""An honest server: aiosmtpd with TLS and sign-in, which keeps what it receives."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "ann", "cor:rect horse#ü"


class Office:
    """`received` holds (sender, recipients, content) of every message."""

    def __init__(self) -> None:
        self.received: list[tuple[str, list[str], bytes]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  the library's name
        assert isinstance(envelope.original_content, bytes)
        self.received.append((envelope.mail_from or "", list(envelope.rcpt_tos), envelope.original_content))
        return "250 2.0.0 kept"

    def content(self) -> bytes:
        assert len(self.received) == 1
        return self.received[0][2]

    def protocol(self, tls: ssl.SSLContext | None, *, starttls: bool = True, **options: Any) -> SMTP:
        settings = {
            "hostname": "office",
            "enable_SMTPUTF8": True,
            "loop": asyncio.get_running_loop(),
            "authenticator": _check,
            "auth_require_tls": False,
            "data_size_limit": 64_000_000,
            "tls_context": tls if starttls else None,
            "require_starttls": starttls and tls is not None,
        }
        return SMTP(self, **(settings | options))


def _check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data.login == USER.encode() and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)
