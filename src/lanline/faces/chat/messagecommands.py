"""Owns the commands about messages: the latest ones, and what is said of one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lanline.client.node.face import Face
from lanline.client.node.protocol import Forget, Reported, ReportMessage, SayAgain, SetPinned
from lanline.client.view.places import Places
from lanline.client.view.rendering import reported_text, stands_alone
from lanline.client.view.transcript import Transcript
from lanline.client.view.values import Conversation, Message, MessageState
from lanline.errors import InvalidInput
from lanline.faces.chat.commands import Kind
from lanline.faces.chat.grammar import Order
from lanline.faces.chat.screen import TerminalScreen
from lanline.model.content import Content, Delete, Edit, Reaction, Reply

_USUAL_HISTORY = 20
_MAX_HISTORY = 5000
_SEARCHED = 500


class MessageCommands:
    def __init__(self, face: Face, places: Places, transcript: Transcript, screen: TerminalScreen) -> None:
        self._face = face
        self._view = face.view
        self._places = places
        self._transcript = transcript
        self._screen = screen
        self.actions: dict[str, Callable[[Order], Awaitable[None]]] = {
            "history": self._history,
            "reply": self._reply,
            "edit": self._edit,
            "delete": self._delete,
            "react": self._react,
            "report": self._report,
            "pin": self._pin,
            "unpin": self._unpin,
            "pins": self._pins,
            "again": self._again,
            "forget": self._forget,
        }

    def _here(self) -> Conversation:
        conversation = self._places.conversation
        if conversation is None:
            raise InvalidInput(f"Nothing was said with {self._places.here} yet.")
        return conversation

    async def _say(self, content: Content) -> None:
        await self._face.say(self._here().log, content)

    async def _history(self, order: Order) -> None:
        conversation = self._here()
        wanted = min(int(order.get(Kind.COUNT) or _USUAL_HISTORY), _MAX_HISTORY)
        is_elsewhere = conversation.first > 0 and conversation.delivered - conversation.first < wanted
        if is_elsewhere:
            self._screen.tell("Earlier messages are fetched from the server; they follow.")
        messages = await self._face.read(conversation.log, wanted)
        self._transcript.show_history(conversation.log, messages)
        if is_elsewhere and len(messages) < wanted:
            self._screen.tell("That was the beginning.")

    # One message.

    async def _meant(self, order: Order, *, is_own: bool | None) -> Message:
        """Whose: one's own, that of somebody else, or of anybody."""
        number = int(order.get(Kind.MEANT) or 0)
        conversation = self._here()
        if number:
            candidates = await self._face.read(conversation.log, 1, before=number + 1)
            if not candidates or candidates[0].sequence != number:
                raise InvalidInput(f"There is no message ^{number} here; /history shows the numbers.")
        else:
            # The node has one's own at each moment; the view lacks one from its acknowledgement until it comes back.
            here = max(1, min(_SEARCHED, conversation.delivered - conversation.first))
            candidates = self._standing(await self._face.read(conversation.log, here), is_own=is_own)
        if not candidates:
            whose = {True: "of yours ", False: "of somebody else ", None: ""}[is_own]
            raise InvalidInput(f"There is no message {whose}here yet.")
        return self._checked(candidates[-1], is_own=is_own)

    def _standing(self, messages: list[Message], *, is_own: bool | None) -> list[Message]:
        gone = {each.content.target for each in messages if isinstance(each.content, Delete)}
        return [
            each
            for each in messages
            if is_own in {None, each.is_own}
            and each.is_said
            and stands_alone(each)
            and each.entry_id not in gone
            and each.state is not MessageState.REFUSED
        ]

    def _checked(self, message: Message, *, is_own: bool | None) -> Message:
        if not stands_alone(message):
            raise InvalidInput(
                "That is a correction or a reaction, which stands for itself; name the message it is about."
            )
        if is_own and not message.is_own:
            raise InvalidInput("That was said by somebody else: only one's own can be changed or taken back.")
        return message

    async def _reply(self, order: Order) -> None:
        await self._say(Reply((await self._meant(order, is_own=False)).entry_id, order.get(Kind.TEXT)))

    async def _edit(self, order: Order) -> None:
        await self._say(Edit((await self._meant(order, is_own=True)).entry_id, order.get(Kind.TEXT)))

    async def _delete(self, order: Order) -> None:
        await self._say(Delete((await self._meant(order, is_own=True)).entry_id))

    async def _react(self, order: Order) -> None:
        symbol = order.get(Kind.SYMBOL)
        is_withdrawn = symbol.startswith("-") and len(symbol) > 1
        target = (await self._meant(order, is_own=False)).entry_id
        await self._say(Reaction(target, symbol.removeprefix("-") if is_withdrawn else symbol, is_withdrawn))

    async def _report(self, order: Order) -> None:
        meant = await self._meant(order, is_own=False)
        log = self._here().log
        told = await self._face.ask(ReportMessage(log, meant.sequence, order.get(Kind.TEXT)))
        assert isinstance(told, Reported)
        self._screen.tell(reported_text(told.admins, is_proven=told.is_proven))

    # What is pinned for all.

    def _room(self) -> Conversation:
        conversation = self._here()
        if not conversation.is_room:
            raise InvalidInput("Messages are pinned in rooms; this is the conversation of two.")
        return conversation

    async def _pin(self, order: Order) -> None:
        room, meant = self._room(), await self._meant(order, is_own=None)
        if not meant.sequence:
            raise InvalidInput("That message is not on the server yet.")
        if meant.sequence in room.pins:
            raise InvalidInput(f"^{meant.sequence} is pinned already.")
        await self._face.ask(SetPinned(room.log, meant.sequence, is_pinned=True))  # the event tells it, as to all

    async def _unpin(self, order: Order) -> None:
        room = self._room()
        if not room.pins:
            raise InvalidInput(f"Nothing is pinned in {room.title}.")
        number = int(order.get(Kind.MEANT) or room.pins[-1])
        if number not in room.pins:
            raise InvalidInput(f"^{number} is not pinned; /pins shows what is.")
        await self._face.ask(SetPinned(room.log, number, is_pinned=False))

    async def _pins(self, _: Order) -> None:
        room = self._room()
        if not room.pins:
            self._screen.tell(f"Nothing is pinned in {room.title}.")
        for number in room.pins:
            found = await self._face.read(room.log, 1, before=number + 1)
            if found and found[0].sequence == number and found[0].is_said:
                self._transcript.show_history(room.log, found)
            else:
                self._screen.tell(f"^{number} cannot be shown on this device.")

    # What the server did not take.

    def _refused(self) -> list[Message]:
        refused = [message for message in self._view.outbox if message.state is MessageState.REFUSED]
        if not refused:
            raise InvalidInput("There is nothing that the server did not take.")
        return refused

    async def _again(self, _: Order) -> None:
        for message in self._refused():
            await self._face.ask(SayAgain(message.entry_id))

    async def _forget(self, _: Order) -> None:
        for message in self._refused():
            await self._face.ask(Forget(message.entry_id))
