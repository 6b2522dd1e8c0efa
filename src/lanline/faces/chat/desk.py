"""Carries out what was typed: says words, and gives each command to the one that knows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lanline.client.chat.client import ChatClient
from lanline.errors import InvalidInput, LanlineError, LinkNotOpen
from lanline.faces.chat.commands import Kind, help_lines
from lanline.faces.chat.grammar import Order, Saying
from lanline.faces.chat.listings import people_lines, room_lines, unread_lines
from lanline.faces.chat.messagedesk import MessageDesk
from lanline.faces.chat.places import Places
from lanline.faces.chat.rendering import action_text
from lanline.faces.chat.roomdesk import RoomDesk
from lanline.faces.chat.transcript import Transcript
from lanline.model.content import Text
from lanline.model.text import safe_line

Action = Callable[[Order], Awaitable[None]]


class Leaving(Exception):
    """The person wants to go."""


class Desk:
    def __init__(self, client: ChatClient, places: Places, transcript: Transcript, now_ms: Callable[[], int]) -> None:
        self._client = client
        self._node = client.node
        self._places = places
        self._transcript = transcript
        self._now_ms = now_ms
        rooms = RoomDesk(client, places, transcript, self.go)
        messages = MessageDesk(client.node, places, transcript)
        self._actions: dict[str, Action] = {
            "say": self._say,
            "me": self._act,
            "msg": self._message,
            "query": self._query,
            "switch": self._switch,
            "unread": self._unread,
            "who": self._who,
            "list": self._list,
            "nick": self._nick,
            "dereg": self._deregister,
            "quit": self._quit,
            "help": self._help,
            **messages.actions,
            **rooms.actions,
        }

    async def carry_out(self, parsed: Saying | Order) -> None:
        """Raises Leaving; what goes wrong is told."""
        try:
            if isinstance(parsed, Saying):
                self._say_here(parsed.text)
            else:
                await self._actions[parsed.command.name](parsed)
        except LinkNotOpen:
            self._transcript.trouble("That needs the server, which cannot be reached now. Try again when it is back.")
        except LanlineError as problem:
            self._transcript.trouble(str(problem))

    def go(self, title: str) -> None:
        """Open a conversation: its name, its topic, and what is new there."""
        self._places.go(title)
        conversation = self._places.conversation
        topic = f" · {conversation.topic}" if conversation is not None and conversation.topic else ""
        self._transcript.rule(f"{title}{topic}")
        if conversation is not None:
            self._transcript.show_first(conversation)

    # Saying.

    def _say_here(self, text: str) -> None:
        conversation = self._places.conversation
        if conversation is not None and not conversation.is_open:
            raise InvalidInput(f"You are no longer in {conversation.title}: nothing was said. /switch goes elsewhere.")
        self._node.say(self._places.here, Text(text))

    async def _say(self, order: Order) -> None:
        self._say_here(order.get(Kind.TEXT))

    async def _act(self, order: Order) -> None:
        self._say_here(action_text(order.get(Kind.TEXT)))

    async def _message(self, order: Order) -> None:
        name = order.get(Kind.PLACE)
        try:
            place = self._places.place_named(name)
        except InvalidInput as problem:
            raise InvalidInput(
                f"{problem} Nothing was said. To say the line to {self._places.here}, put a space in front."
            ) from problem
        self._node.say(place, Text(order.get(Kind.TEXT)))

    # Going.

    async def _query(self, order: Order) -> None:
        nick, text = order.get(Kind.NICK), order.get(Kind.TEXT)
        self.go(self._places.person_named(nick) if nick else self._places.room_before())
        if text:
            self._say_here(text)

    async def _switch(self, order: Order) -> None:
        wanted = order.get(Kind.TAB)
        if wanted.isascii() and wanted.isdigit():
            self.go(self._places.numbered(int(wanted[:9])))
        elif wanted:
            self.go(self._places.place_named(wanted))
        elif (title := self._places.next_unread()) is not None:
            self.go(title)
        else:
            self._transcript.tell("There is nothing unread elsewhere.")

    # Looking.

    async def _unread(self, _: Order) -> None:
        self._transcript.table(unread_lines(self._node, self._now_ms()))

    async def _who(self, order: Order) -> None:
        nick = order.get(Kind.NICK)
        name = self._places.person_named(nick) if nick else ""
        people = [person for person in self._node.people if not name or person.name == name]
        self._transcript.table(people_lines(people, self._node.account, self._now_ms()))

    async def _list(self, _: Order) -> None:
        rooms = await self._client.rooms.visible()
        mine = {each.title for each in self._node.conversations if each.is_room and each.is_open}
        self._transcript.table(room_lines(rooms, mine))

    async def _help(self, order: Order) -> None:
        self._transcript.table(safe_line(line) for line in help_lines(order.get(Kind.COMMAND)))

    # Oneself.

    async def _nick(self, _: Order) -> None:
        self._transcript.tell(
            f"You are {self._node.name}. A name is for good: what others kept of you and the key they know belong to "
            "it. For another name, join with a folder of its own: lanline chat --home DIR."
        )

    async def _deregister(self, _: Order) -> None:
        await self._client.rooms.deregister()
        self._transcript.tell("You are offline now. What is said meanwhile is kept for you; lanline chat comes back.")
        raise Leaving

    async def _quit(self, _: Order) -> None:
        raise Leaving
