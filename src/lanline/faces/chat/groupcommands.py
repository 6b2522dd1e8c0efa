"""Owns the commands about the group: who is let in, and what a name is worth."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lanline.client.node import groupcommands as do
from lanline.client.node.face import Face
from lanline.client.node.sealtext import asked_lines, awaited_lines, done_lines
from lanline.client.view.places import Places
from lanline.errors import InvalidInput
from lanline.faces.chat.commands import Kind
from lanline.faces.chat.grammar import Order
from lanline.faces.chat.screen import TerminalScreen

_SAME = "same"
_YES = "yes"


class GroupCommands:
    def __init__(self, face: Face, places: Places, screen: TerminalScreen) -> None:
        self._face = face
        self._places = places
        self._screen = screen
        self._compared: dict[str, bytes] = {}
        """The words that were shown here, by name: these are remembered, and no others."""
        self._plain: do.Plain | None = None
        """What was shown here, and may be said yes to."""
        self.actions: dict[str, Callable[[Order], Awaitable[None]]] = {
            "admit": self._admit,
            "approve": self._approve,
            "verify": self._verify,
            "accept": self._accept,
            "seal": self._seal,
            "rsa": self._seal_in_rsa,
        }

    async def _admit(self, order: Order) -> None:
        await self._face.ask(do.Admit(order.get(Kind.NICK)))

    async def _approve(self, order: Order) -> None:
        done = await self._face.ask(do.ApproveDevice(order.get(Kind.TEXT)))
        assert isinstance(done, do.DeviceLetIn)
        self._screen.tell(f"{done.label} is one of your devices now.")

    async def _seal_in_rsa(self, order: Order) -> None:
        """That it is so is told by the event, as it is to the other one."""
        await self._face.ask(do.SealInRsa(self._places.person_named(order.get(Kind.NICK))))

    async def _verify(self, order: Order) -> None:
        name, said = self._places.person_named(order.get(Kind.NICK)), order.get(Kind.TEXT).lower()
        if not said:
            found = await self._face.ask(do.AskWords(name))
            assert isinstance(found, do.WordsToCompare)
            self._compared[name] = found.words
            words = found.text.split()
            lines = ["      " + " ".join(words[start : start + 5]) for start in range(0, len(words), 5)]
            head = f"    {name}: {found.trust}."
            self._screen.table([head, "    Both of you see these words, unless somebody has replaced a key:", *lines])
            self._screen.tell(f"If they are the same: /verify {name} {_SAME}")
            return
        if said != _SAME or name not in self._compared:
            raise InvalidInput(f"First look at the words: /verify {name}. If they are the same: /verify {name} {_SAME}")
        await self._face.ask(do.Verify(name, self._compared.pop(name)))
        self._screen.tell(f"{name} is verified by words.")

    async def _accept(self, order: Order) -> None:
        name = order.get(Kind.PLACE)
        if name.startswith("#"):
            await self._face.ask(do.AcceptPerson(name))
            self._screen.tell(f"What you say in {name} is sent again.")
            return
        name = self._places.person_named(name)
        await self._face.ask(do.AcceptPerson(name))
        self._screen.tell(f"What you say to {name} goes to that account from now on.")

    async def _seal(self, order: Order) -> None:
        if order.get(Kind.TEXT).lower() == _YES:
            if self._plain is None:
                raise InvalidInput(f"First look at what it does: /seal. If you want that: /seal {_YES}")
            plain, self._plain = self._plain, None
            sealed = await self._face.ask(do.Seal(plain))
            assert isinstance(sealed, do.SealReport)
            for line in done_lines(sealed):
                self._screen.tell(line)
            return
        found = await self._face.ask(do.AskPlain())
        assert isinstance(found, do.Plain)
        lines = asked_lines(found)
        for line in lines or awaited_lines(found):
            self._screen.tell(line)
        if lines:
            self._plain = found
            self._screen.tell(f"If you want that: /seal {_YES}")
