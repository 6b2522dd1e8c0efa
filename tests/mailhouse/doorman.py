"""Checks passwords for Postfix, which asks over the protocol of Dovecot's authentication server (version 1.1)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac

_HELLO = (
    b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nMECH\tCRAM-MD5\tdictionary\tactive\n"
    b"SPID\t1\nCUID\t1\nCOOKIE\t0123456789abcdef0123456789abcdef\nDONE\n"
)
_CHALLENGE = b"<1896.697170952@office.test>"


class Doorman:
    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = user, password
        self._talks: set[object] = set()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talks.add(asyncio.current_task())
        writer.write(_HELLO)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while line := await reader.readline():
                words = line.decode().rstrip("\n").split("\t")
                if words[0] == "AUTH":
                    first = next((word[5:] for word in words if word.startswith("resp=")), None)
                    right = await self._is_right(words[1], words[2], first, reader, writer)
                    writer.write(f"{'OK' if right else 'FAIL'}\t{words[1]}\tuser={self._user}\n".encode())
        writer.transport.abort()

    async def _is_right(
        self, number: str, method: str, first: str | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        async def ask(challenge: bytes) -> bytes:
            writer.write(f"CONT\t{number}\t{base64.b64encode(challenge).decode()}\n".encode())
            return base64.b64decode((await reader.readline()).decode().rstrip("\n").split("\t")[2])

        if method == "CRAM-MD5":
            digest = hmac.digest(self._password.encode(), _CHALLENGE, "md5").hex()
            return await ask(_CHALLENGE) == f"{self._user} {digest}".encode()
        said = base64.b64decode(first) if first else await ask(b"" if method == "PLAIN" else b"Username:")
        if method == "LOGIN":
            said = b"\0" + said + b"\0" + await ask(b"Password:")
        return said == f"\0{self._user}\0{self._password}".encode()
