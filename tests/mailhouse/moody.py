"""A small SMTP server that follows the rules until its script says otherwise.

`answers` maps a step to what happens there: bytes to say, a list of them for the first, second, ... time, CUT to close
the connection, or SILENCE to say nothing for ever. Steps: GREETING, EHLO, STARTTLS, AUTH, SECRET (a line within AUTH),
MAIL, RCPT, DATA, CONTENT (after the final dot), HALF (in the middle of the content), RSET, QUIT.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from typing import Any

CUT = object()
SILENCE = object()
OK = b"250 2.0.0 ok\r\n"
EHLO = (
    b"250-moody\r\n250-SIZE 50000000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
    b"250-STARTTLS\r\n250 AUTH PLAIN LOGIN CRAM-MD5\r\n"
)

DEFAULTS: dict[str, Any] = {
    "GREETING": b"220 moody ESMTP\r\n",
    "EHLO": EHLO,
    "HELO": OK,
    "STARTTLS": b"220 go ahead\r\n",
    "AUTH": b"235 2.7.0 welcome\r\n",
    "SECRET": b"235 2.7.0 welcome\r\n",
    "MAIL": OK,
    "RCPT": OK,
    "DATA": b"354 go on\r\n",
    "CONTENT": b"250 2.0.0 queued as 4711\r\n",
    "RSET": OK,
    "QUIT": b"221 bye\r\n",
}


class _End(Exception):
    pass


class Moody:
    def __init__(self, answers: dict[str, Any] | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.answers = DEFAULTS | (answers or {})
        self.tls = tls
        self.commands: list[bytes] = []
        self.messages: list[bytes] = []
        self.connections = 0
        self.reached: dict[str, threading.Event] = {step: threading.Event() for step in [*DEFAULTS, "HALF"]}
        self._turns: dict[str, int] = {}
        self._silent: Any = None
        self._loop: Any = None
        self._talks: set[Any] = set()
        """Held here: the loop alone would let a talk that waits for nothing be collected."""

    def count(self, verb: bytes) -> int:
        return sum(command.upper().startswith(verb) for command in self.commands)

    def late_reply(self, said: bytes) -> None:
        """What a SILENCE says after all."""
        assert self._silent is not None
        self._loop.call_soon_threadsafe(self._silent.write, said)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._talks.add(asyncio.current_task())
        with contextlib.suppress(
            _End, asyncio.CancelledError, ConnectionError, ssl.SSLError, asyncio.IncompleteReadError
        ):
            await self._answer("GREETING", writer)
            while line := await reader.readline():
                self.commands.append(line.rstrip(b"\r\n"))
                await self._obey(line, reader, writer)
        writer.transport.abort()

    async def _obey(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        step = line.split()[0].upper().decode(errors="replace") if line.split() else "SECRET"
        step = step if step in DEFAULTS else "SECRET"
        said = await self._answer(step, writer)
        if step == "STARTTLS" and said.startswith(b"220"):
            assert self.tls is not None
            await writer.start_tls(self.tls)
        if step == "DATA" and said.startswith(b"354"):
            self.messages.append(await self._content(reader, writer))
            await self._answer("CONTENT", writer)
        if step == "QUIT":
            raise _End

    async def _content(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        lines: list[bytes] = []
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                raise _End
            if not lines and "HALF" in self.answers:
                await self._answer("HALF", writer)
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    async def _answer(self, step: str, writer: asyncio.StreamWriter) -> bytes:
        answer = self.answers[step]
        if isinstance(answer, list):
            turn = self._turns.get(step, 0)
            self._turns[step] = turn + 1
            answer = answer[min(turn, len(answer) - 1)]
        self._silent, self._loop = writer.transport, asyncio.get_running_loop()
        self.reached[step].set()
        if answer is CUT:
            raise _End
        if answer is SILENCE:
            await asyncio.Event().wait()
        writer.write(answer)
        await writer.drain()
        return answer
