"""Owns what becomes of a typed line: words are said, commands are carried out. Not how a line is read: `grammar`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lanline.client.node.face import Face
from lanline.client.node.protocol import Deregister, ListRooms, RoomsListed
from lanline.client.view.places import Places
from lanline.client.view.rendering import action_text, topic_text
from lanline.client.view.transcript import Transcript
from lanline.client.view.values import Conversation
from lanline.client.view.view import View
from lanline.errors import InvalidInput, LanlineError, LinkLost, LinkNotOpen
from lanline.faces.chat.commands import Kind, help_lines
from lanline.faces.chat.grammar import SWITCH_WORDS, Order, Saying
from lanline.faces.chat.groupcommands import GroupCommands
from lanline.faces.chat.listings import people_lines, room_lines, unread_lines
from lanline.faces.chat.messagecommands import MessageCommands
from lanline.faces.chat.owncommands import OwnCommands
from lanline.faces.chat.roomcommands import RoomCommands
from lanline.faces.chat.screen import TerminalScreen, now_ms
from lanline.model.content import Text
from lanline.model.rooms import pace_text
from lanline.model.text import safe_line

Action = Callable[[Order], Awaitable[None]]


class Leaving(Exception):
    """The person wants to go."""


def _facts(view: View, conversation: Conversation | None) -> list[str]:
    """What one is to know of it on coming there."""
    if conversation is None:
        return []
    slow = f"slow, {pace_text(conversation.slow_s)}" if conversation.slow_s else ""
    pins = f"{len(conversation.pins)} pinned (/pins)" if conversation.pins else ""
    return [each for each in (topic_text(view, conversation), slow, pins) if each]


class CommandRunner:
    def __init__(
        self,
        face: Face,
        places: Places,
        transcript: Transcript,
        screen: TerminalScreen,
        now: Callable[[], int] = now_ms,
    ) -> None:
        self._face = face
        self._view = face.view
        self._places = places
        self._transcript = transcript
        self._screen = screen
        self._now = now
        rooms = RoomCommands(face, places, screen, self.go)
        messages = MessageCommands(face, places, transcript, screen)
        self._actions: dict[str, Action] = {
            "say": self._say,
            "me": self._act,
            "msg": self._message,
            "query": self._query,
            "switch": self._switch,
            "unread": self._unread,
            "who": self._who,
            "list": self._list,
            "presence": self._presence,
            "nick": self._nick,
            "dereg": self._deregister,
            "quit": self._quit,
            "help": self._help,
            **messages.actions,
            **rooms.actions,
            **GroupCommands(face, places, screen).actions,
            **OwnCommands(face, places, screen).actions,
        }

    async def carry_out(self, parsed: Saying | Order) -> None:
        """Raises Leaving; what goes wrong is told."""
        try:
            if isinstance(parsed, Saying):
                await self._say_here(parsed.text)
            else:
                await self._actions[parsed.command.name](parsed)
        except LinkLost as lost:
            self._screen.tell_trouble(str(lost))
        except LinkNotOpen:
            self._screen.tell_trouble("That needs the server, which cannot be reached now. Try again when it is back.")
        except LanlineError as problem:
            self._screen.tell_trouble(str(problem))

    def go(self, title: str, *, is_shown: bool = True) -> None:
        """Open a conversation: its name, its topic, and, unless it follows by itself, what is new there."""
        self._places.go(title)
        conversation = self._places.conversation
        self._screen.rule(" · ".join([title, *_facts(self._view, conversation)]))
        if conversation is not None and is_shown:
            self._transcript.show_first(conversation)

    # Saying.

    async def _say_here(self, text: str) -> None:
        conversation = self._places.conversation
        if conversation is not None and not conversation.is_open:
            raise InvalidInput(f"You are no longer in {conversation.title}: nothing was said. /switch goes elsewhere.")
        await self._face.say(self._places.here, Text(text))

    async def _say(self, order: Order) -> None:
        await self._say_here(order.get(Kind.TEXT))

    async def _act(self, order: Order) -> None:
        await self._say_here(action_text(order.get(Kind.TEXT)))

    async def _message(self, order: Order) -> None:
        name = order.get(Kind.PLACE)
        try:
            place = self._places.place_named(name)
        except InvalidInput as problem:
            raise InvalidInput(
                f"{problem} Nothing was said. To say the line to {self._places.here}, put a space in front."
            ) from problem
        await self._face.say(place, Text(order.get(Kind.TEXT)))

    # Going.

    async def _query(self, order: Order) -> None:
        nick, text = order.get(Kind.NICK), order.get(Kind.TEXT)
        self.go(self._places.person_named(nick) if nick else self._places.room_before())
        if text:
            await self._say_here(text)

    async def _switch(self, order: Order) -> None:
        wanted = order.get(Kind.TAB)
        if wanted.isascii() and wanted.isdigit():
            self.go(self._places.numbered(int(wanted[:9])))
        elif wanted:
            self.go(self._places.place_named(wanted))
        elif (title := self._places.next_unread()) is not None:
            self.go(title)
        else:
            self._screen.tell("There is nothing unread elsewhere.")

    # Looking.

    async def _unread(self, _: Order) -> None:
        self._screen.table(unread_lines(self._view, self._now()))

    async def _who(self, order: Order) -> None:
        nick = order.get(Kind.NICK)
        name = self._places.person_named(nick) if nick else ""
        people = [person for person in self._view.people if not name or person.name == name]
        self._screen.table(people_lines(people, self._view.account, self._now(), self._view.group.trust))

    async def _list(self, _: Order) -> None:
        listed = await self._face.ask(ListRooms())
        assert isinstance(listed, RoomsListed)
        mine = {each.title for each in self._view.conversations if each.is_room and each.is_open}
        self._screen.table(room_lines(listed.rooms, mine))

    async def _help(self, order: Order) -> None:
        self._screen.table(safe_line(line) for line in help_lines(order.get(Kind.COMMAND)))

    # Oneself.

    async def _presence(self, order: Order) -> None:
        if word := order.get(Kind.SWITCH).lower():
            self._places.wants_comings = SWITCH_WORDS[word]
        told = "told" if self._places.tells_comings else "not told"
        self._screen.tell(f"Who comes and goes is {told} here. /who shows who is there.")

    async def _nick(self, _: Order) -> None:
        self._screen.tell(
            f"You are {self._view.name}. A name is for good: what others kept of you and the key they know belong to "
            "it. For another name, join with a folder of its own: lanline chat --home DIR."
        )

    async def _deregister(self, _: Order) -> None:
        await self._face.ask(Deregister())
        self._screen.tell("You are offline now. What is said meanwhile is kept for you; lanline chat comes back.")
        raise Leaving

    async def _quit(self, _: Order) -> None:
        raise Leaving
