"""Owns the first start: asks for the server and the name, until it works or the person gives up.

A password is asked for only where the name is somebody's: the key of this device is enough for a new account.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from lanline.client.joining import OPENED_BY_PASSWORD
from lanline.errors import InvalidInput, LanlineError, RefusalCode, RequestRefused
from lanline.model.names import checked_name

_WORDS_IN_LINE = 6
_YES = {"y", "yes"}
_NO = {"n", "no"}


class Asks(Protocol):
    async def ask(self, question: str, *, is_secret: bool = False) -> str | None: ...


class Answers(msgspec.Struct):
    """Empty: to be asked for."""

    server: str = ""
    name: str = ""
    password: str = ""


Meet = Callable[[str, str], Awaitable[list[str]]]
"""With the server and the name: the words of its key, when it has to be compared; raises LanlineError."""
Join = Callable[[str, str, str], Awaitable[None]]
"""With the server as it was typed, the name and the password; raises LanlineError."""


class GaveUp(Exception):
    pass


class Enrolling:
    def __init__(
        self, asks: Asks, tell: Callable[[str], None], meet: Meet, join: Join, check_server: Callable[[str], object]
    ) -> None:
        """`check_server` raises InvalidInput for what names no server."""
        self._asks = asks
        self._tell = tell
        self._meet = meet
        self._join = join
        self._accepted = ""
        self._check_server = check_server

    async def run(self, answers: Answers) -> bool:
        """False when the person gave up."""
        try:
            while not await self._try(answers):
                pass
        except GaveUp:
            return False
        return True

    async def _try(self, answers: Answers) -> bool:
        answers.server = answers.server or await self._asked(
            "Server (an invite, or HOST or HOST:PORT): ", self._check_server
        )
        answers.name = answers.name or await self._asked("Nickname: ", checked_name)
        try:
            if not await self._accepts_key(answers):
                self._tell("Nothing was sent to that server.")
                answers.server = ""
                return False
            self._tell("Calling the server …")
            await self._join(answers.server, answers.name, answers.password)
        except LanlineError as problem:
            self._tell(str(problem))
            if not await self._has_password(answers, problem):
                _drop_wrong(answers, problem)
            return False
        return True

    async def _accepts_key(self, answers: Answers) -> bool:
        """Before the server is sent anything. Asked once for each server."""
        if answers.server == self._accepted:
            return True
        words = await self._meet(answers.server, answers.name)
        if words:
            self._tell("No invite names this server's key. It shows one with these words:")
            for start in range(0, len(words), _WORDS_IN_LINE):
                self._tell("  " + " ".join(words[start : start + _WORDS_IN_LINE]))
            self._tell("Compare them, by another way, with those that the server shows to whoever runs it.")
            if await self._asked("Are they the same? (yes or no): ", _check_yes_or_no) not in _YES:
                return False
        self._accepted = answers.server
        return True

    async def _has_password(self, answers: Answers, problem: LanlineError) -> bool:
        """Of somebody who is not let in: the account may be theirs already, from another device."""
        if answers.password or not isinstance(problem, RequestRefused) or problem.code not in OPENED_BY_PASSWORD:
            return False
        question = f"The password of {answers.name}, if you have that account (or just Enter): "
        password = await self._asks.ask(question, is_secret=True)
        if password is None:
            raise GaveUp
        answers.password = password
        return bool(password)

    async def _asked(self, question: str, check: Callable[[str], object]) -> str:
        while True:
            answer = await self._asks.ask(question)
            if answer is None:
                raise GaveUp
            answer = answer.strip()
            if not answer:
                continue
            try:
                check(answer)
            except InvalidInput as problem:
                self._tell(str(problem))
            else:
                return answer


def _check_yes_or_no(text: str) -> None:
    if text not in _YES | _NO:
        raise InvalidInput("Type yes or no.")


_OF_THE_PERSON = {RefusalCode.NAME_TAKEN, RefusalCode.BAD_CREDENTIALS, RefusalCode.BANNED, RefusalCode.INVALID}


def _drop_wrong(answers: Answers, problem: LanlineError) -> None:
    """What is to be asked again: only what may be the fault."""
    if isinstance(problem, RequestRefused) and problem.code in _OF_THE_PERSON:
        answers.name = answers.password = ""
    else:
        answers.server = ""
