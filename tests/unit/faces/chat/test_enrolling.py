from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from lanline.errors import (
    AddressUnavailable,
    InvalidInput,
    LanlineError,
    RefusalCode,
    RequestRefused,
    ServerUnreachable,
)
from lanline.faces.chat.enrolling import Answers, Enrolling
from lanline.model.invites import InviteLink

TAKEN = RequestRefused(RefusalCode.NAME_TAKEN, "ana is taken; give its password or choose another name.")
INVITE = str(InviteLink("ship", 5265, bytes(32), bytes(16)))
USED_UP = RequestRefused(RefusalCode.INVITE_UNUSABLE, "The invite is used up.")


class Person:
    """Types one answer after another, and has to be asked the right questions."""

    def __init__(
        self,
        *answers: tuple[str, str | None],
        outcomes: Sequence[LanlineError | None] = (None,),
        words: Sequence[str] = (),
    ) -> None:
        self._words = list(words)
        self.met: list[str] = []
        self._answers = list(answers)
        self._outcomes = list(outcomes)
        self.secrets: list[str] = []
        self.told: list[str] = []
        self.joins: list[tuple[str, str, str]] = []

    async def ask(self, question: str, *, is_secret: bool = False) -> str | None:
        expected, answer = self._answers.pop(0)
        assert question.startswith(expected)
        if is_secret and answer:
            self.secrets.append(answer)
        return answer

    async def meet(self, server: str, name: str) -> list[str]:
        self.met.append(server)
        return self._words

    async def join(self, server: str, name: str, password: str) -> None:
        self.joins.append((server, name, password))
        if (outcome := self._outcomes.pop(0)) is not None:
            raise outcome

    def enrols(self, answers: Answers | None = None) -> bool:
        enrolling = Enrolling(self, self.told.append, self.meet, self.join, _check_server)
        done = asyncio.run(enrolling.run(answers or Answers()))
        assert not self._answers
        return done


def _check_server(text: str) -> None:
    if " " in text:
        raise InvalidInput("That names no server.")


def test_server_and_name_are_asked_for_and_no_password() -> None:
    person = Person(("Server", " ship:5265 "), ("Nickname", "ana "))
    assert person.enrols()
    assert person.joins == [("ship:5265", "ana", "")]


def test_what_is_known_is_not_asked() -> None:
    person = Person(("Nickname", "ana"))
    assert person.enrols(Answers(server="ship", password="long secret"))


def test_by_an_invite_only_the_name_is_asked_for() -> None:
    person = Person(("Nickname", "ana"))
    assert person.enrols(Answers(server=INVITE))
    assert person.joins == [(INVITE, "ana", "")]


@pytest.mark.parametrize(("server", "problem"), [(INVITE, TAKEN), (INVITE, USED_UP), ("ship", TAKEN)])
def test_a_taken_name_is_told_before_its_password_is_asked_for(server: str, problem: LanlineError) -> None:
    person = Person(("Nickname", "ana"), ("The password of ana", "long enough"), outcomes=(problem, None))
    assert person.enrols(Answers(server=server))
    assert person.joins == [(server, "ana", ""), (server, "ana", "long enough")]
    assert person.secrets == ["long enough"]
    assert str(problem) in person.told


def test_without_that_password_another_name_is_asked_for() -> None:
    person = Person(
        ("Nickname", "ana"),
        ("The password of ana", ""),
        ("Nickname", "bo"),
        ("The password of bo", "a wrong one"),
        ("Nickname", "cy"),
        outcomes=(TAKEN, TAKEN, TAKEN, None),
    )
    assert person.enrols(Answers(server=INVITE))
    assert person.joins[-1] == (INVITE, "cy", "")


def test_giving_up_at_that_question_is_no_error() -> None:
    assert not Person(("Nickname", "ana"), ("The password of ana", None), outcomes=(TAKEN,)).enrols(
        Answers(server=INVITE)
    )


def test_nonsense_is_answered_and_asked_again() -> None:
    person = Person(
        ("Server", ""),
        ("Server", "no such place"),
        ("Server", "ship"),
        ("Nickname", "a b"),
        ("Nickname", "\x1b[31m"),
        ("Nickname", "ana"),
    )
    assert person.enrols()
    assert person.told[0] == "That names no server."
    assert "letters, digits" in person.told[1]
    assert not any("\x1b" in line for line in person.told)


@pytest.mark.parametrize("problem", [AddressUnavailable("There is no host called ship."), ServerUnreachable("Gone.")])
def test_only_what_was_wrong_is_asked_again(problem: LanlineError) -> None:
    person = Person(("Server", "ship"), ("Nickname", "ana"), ("Server", "other"), outcomes=[problem, None])
    assert person.enrols()
    assert str(problem) in person.told
    assert person.joins == [("ship", "ana", ""), ("other", "ana", "")]


@pytest.mark.parametrize("count", [0, 1])
def test_giving_up_at_any_question_is_no_error(count: int) -> None:
    dialogue = [("Server", "ship"), ("Nickname", "ana")]
    person = Person(*dialogue[:count], (dialogue[count][0], None))
    assert not person.enrols()
    assert person.joins == []


def test_the_words_of_an_unknown_key_are_agreed_to_before_anything_is_sent() -> None:
    person = Person(
        ("Server", "trap"),
        ("Nickname", "ana"),
        ("Are they the same?", "maybe"),
        ("Are they the same?", "no"),
        ("Server", "ship"),
        ("Are they the same?", "yes"),
        ("The password of ana", ""),
        ("Nickname", "ana2"),
        words=["acorn", "actor"],
        outcomes=(TAKEN, None),
    )
    assert person.enrols()
    assert person.met == ["trap", "ship"], "asked once for each"
    assert person.joins == [("ship", "ana", ""), ("ship", "ana2", "")]
    assert "  acorn actor" in person.told
