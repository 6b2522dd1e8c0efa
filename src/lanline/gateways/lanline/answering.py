"""Owns the handlers of requests that need no more than one command or one look of the core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from lanline.core.commands import Authority, Command
from lanline.core.core import Core
from lanline.gateways.lanline.session import Handler, Session
from lanline.storage.api import View
from lanline.wire.chat.answers import Done
from lanline.wire.chat.messages import ServerMessage

T = TypeVar("T")


def does(core: Core, command: Callable[[Any], Command[Any]]) -> Handler:
    """Answered with Done."""
    return commands(core, command, lambda message, _: Done(message.request))


def commands(core: Core, command: Callable[[Any], Command[T]], answer: Callable[[Any, T], ServerMessage]) -> Handler:
    def handle(session: Session, message: Any) -> None:  # noqa: ANN401 -- any request
        session.command(
            message.request,
            lambda: core.do(session.actor, command(message)),
            lambda outcome: session.send(answer(message, outcome)),
        )

    return handle


def looks(
    core: Core,
    look: Callable[[Any], Callable[[View, Authority], T]],
    answer: Callable[[Any, T], ServerMessage],
    send: Callable[[Session, Any], None] = Session.send,
) -> Handler:
    """Answered with what only the store knows. `send`: where the answer may be large."""

    def handle(session: Session, message: Any) -> None:  # noqa: ANN401 -- as above
        session.ask(
            message.request,
            lambda: core.ask(session.actor, look(message)),
            lambda found: send(session, answer(message, found)),
        )

    return handle
