"""Owns the order of the conversations as a person goes through them: numbered, one of them open, and the way back."""

from __future__ import annotations

import difflib

from lanline.client.view.values import Conversation
from lanline.client.view.view import View
from lanline.errors import InvalidInput
from lanline.model.text import display_name

LOBBY = "#lobby"
_NEAREST = 3
_MANY = 30
"""Members of a room, in which comings and goings are no news."""


class Places:
    """A place is a title: that of a conversation, or the nickname of somebody with whom nothing was said yet."""

    def __init__(self, view: View, here: str) -> None:
        self._view = view
        self.here = here
        self._before = LOBBY
        self.wants_comings: bool | None = None
        """Whether this person is told who comes and goes; None: not in a room of many."""
        self.titles: list[str] = []
        self._numbers: dict[str, int] = {}
        self.refresh()

    def refresh(self) -> None:
        """In the order of their numbers; behind them the open one, where nothing was said with that person yet."""
        wanted = [each for each in self._view.conversations if each.is_open and self._is_wanted(each)]
        there = sorted(wanted, key=lambda each: each.number)
        self._numbers = {each.title: each.number for each in there}
        self.titles = list(self._numbers)
        if self.here not in self._numbers:
            self.titles.append(self.here)

    def _is_wanted(self, conversation: Conversation) -> bool:
        """Not that with somebody whom this person ignores, unless they are in it."""
        return conversation.other not in self._view.ignored or conversation.title == self.here

    @property
    def conversation(self) -> Conversation | None:
        return self._view.conversation_titled(self.here)

    @property
    def tells_comings(self) -> bool:
        conversation = self.conversation
        is_among_many = conversation is not None and conversation.members > _MANY
        return not is_among_many if self.wants_comings is None else self.wants_comings

    def go(self, title: str) -> None:
        if title != self.here:
            self._before, self.here = self.here, title
        self.refresh()

    def room_before(self) -> str:
        return self._before if self._before in self.titles else LOBBY

    def next_unread(self) -> str | None:
        """After the open one, and round again."""
        at = self.titles.index(self.here) + 1 if self.here in self.titles else 0
        for title in self.titles[at:] + self.titles[:at]:
            conversation = self._view.conversation_titled(title)
            if conversation is not None and conversation.unread and title != self.here:
                return title
        return None

    def number_of(self, title: str) -> int:
        """0: it has none, since nothing was said there yet."""
        return self._numbers.get(title, 0)

    def numbered(self, number: int) -> str:
        for title, its_number in self._numbers.items():
            if its_number == number:
                return title
        raise InvalidInput(f"You are in no conversation {number}. The bottom line shows the numbers.")

    def place_named(self, name: str) -> str:
        """The title as it is written. Raises InvalidInput with the nearest names."""
        if name.startswith("#"):
            return self.room_named(name).title
        return self.person_named(name)

    def room_named(self, name: str) -> Conversation:
        conversation = self._view.conversation_titled(name)
        if conversation is None or not conversation.is_open:
            rooms = [each.title for each in self._view.conversations if each.is_room and each.is_open]
            raise InvalidInput(f"You are not in {display_name(name)}. {_or_near(name, rooms, '/join goes there.')}")
        return conversation

    def person_named(self, name: str) -> str:
        person = self._view.person_named(name)
        if person is None:
            names = [each.name for each in self._view.people]
            raise InvalidInput(
                f"There is nobody called '{display_name(name)}'. {_or_near(name, names, 'clients lists all.')}"
            )
        return person.name


def _or_near(name: str, names: list[str], otherwise: str) -> str:
    near = nearest_names(name, names)
    return f"Did you mean {' or '.join(near)}?" if near else otherwise


def nearest_names(name: str, names: list[str]) -> list[str]:
    by_small = {known.casefold(): known for known in names}
    found = difflib.get_close_matches(name.casefold(), by_small, n=_NEAREST, cutoff=0.6)
    return [by_small[each] for each in found]
