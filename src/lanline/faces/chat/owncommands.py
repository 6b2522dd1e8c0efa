"""Owns the commands by which a person sets what they see and hear: who is ignored, and what they are called for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lanline.client.node import owncommands as do
from lanline.client.node.face import Face
from lanline.client.view.calling import told, wanted
from lanline.client.view.places import Places
from lanline.errors import InvalidInput
from lanline.faces.chat.commands import Kind
from lanline.faces.chat.grammar import Order
from lanline.faces.chat.screen import TerminalScreen


class OwnCommands:
    def __init__(self, face: Face, places: Places, screen: TerminalScreen) -> None:
        self._face = face
        self._view = face.view
        self._places = places
        self._screen = screen
        self.actions: dict[str, Callable[[Order], Awaitable[None]]] = {
            "ignore": self._ignore,
            "unignore": self._unignore,
            "notify": self._notify,
        }

    async def _ignore(self, order: Order) -> None:
        nick = order.get(Kind.NICK)
        if not nick:
            names = ", ".join(sorted(self._view.ignored.values(), key=str.casefold))
            self._screen.tell(f"You ignore {names or 'nobody'}.")
            return
        name = self._places.person_named(nick)
        if name in self._view.ignored.values():
            raise InvalidInput(f"You ignore {name} already. /unignore {name} ends that.")
        await self._face.ask(do.Ignore(name))
        self._screen.tell(
            f"You ignore {name} on this device: nothing that they say or have said is shown any more. It is kept; "
            f"/unignore {name} shows it again."
        )

    async def _unignore(self, order: Order) -> None:
        name = self._places.person_named(order.get(Kind.NICK))
        await self._face.ask(do.Ignore(name, is_ignored=False))
        self._screen.tell(f"You see what {name} says again. /history shows what they have said meanwhile.")

    async def _notify(self, order: Order) -> None:
        notifying = self._view.notifying
        if text := order.get(Kind.TEXT):
            notifying = wanted(notifying, text)
            await self._face.ask(do.SetNotifying(notifying))
        self._screen.tell(told(notifying))
