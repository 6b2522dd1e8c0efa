"""The commands about messages: the latest ones, and what is said of one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lanline.client.chat.node import ChatNode
from lanline.client.chat.values import Conversation, Message, MessageState
from lanline.errors import InvalidInput
from lanline.faces.chat.commands import Kind
from lanline.faces.chat.grammar import Order
from lanline.faces.chat.places import Places
from lanline.faces.chat.transcript import Transcript
from lanline.faces.chat.utterances import stands_alone
from lanline.model.content import Content, Delete, Edit, Reaction, Reply

_USUAL_HISTORY = 20
_MOST_HISTORY = 5000
_SEARCHED = 500


class MessageDesk:
    def __init__(self, node: ChatNode, places: Places, transcript: Transcript) -> None:
        self._node = node
        self._places = places
        self._transcript = transcript
        self.actions: dict[str, Callable[[Order], Awaitable[None]]] = {
            "history": self._history,
            "reply": self._reply,
            "edit": self._edit,
            "delete": self._delete,
            "react": self._react,
            "again": self._again,
            "forget": self._forget,
        }

    def _here(self) -> Conversation:
        conversation = self._places.conversation
        if conversation is None:
            raise InvalidInput(f"Nothing was said with {self._places.here} yet.")
        return conversation

    def _say(self, content: Content) -> None:
        self._node.say(self._here().log, content)

    async def _history(self, order: Order) -> None:
        conversation = self._here()
        wanted = min(int(order.get(Kind.COUNT) or _USUAL_HISTORY), _MOST_HISTORY)
        messages = self._node.messages(conversation.log, last=wanted)
        if len(messages) < wanted and conversation.first:
            self._node.read_earlier(conversation.log, min(wanted, 1000))
            self._transcript.tell("Earlier messages are fetched from the server; they follow.")
        self._transcript.show_history(conversation.log, messages)

    # One message.

    def _meant(self, order: Order, *, is_own: bool) -> Message:
        number = int(order.get(Kind.MEANT) or 0)
        conversation = self._here()
        if number:
            found = self._node.messages(conversation.log, before=number + 1, last=1)
            if not found or found[0].sequence != number:
                raise InvalidInput(f"There is no message ^{number} here; /history shows the numbers.")
            candidates = found
        else:
            candidates = self._standing(self._node.messages(conversation.log, last=_SEARCHED), is_own=is_own)
        if not candidates:
            whose = "of yours" if is_own else "of somebody else"
            raise InvalidInput(f"There is no message {whose} here yet.")
        return self._checked(candidates[-1], is_own=is_own)

    def _standing(self, messages: list[Message], *, is_own: bool) -> list[Message]:
        gone = {each.content.target for each in messages if isinstance(each.content, Delete)}
        return [
            each
            for each in messages
            if each.is_own is is_own
            and stands_alone(each)
            and each.entry_id not in gone
            and each.state is not MessageState.REFUSED
        ]

    def _checked(self, message: Message, *, is_own: bool) -> Message:
        if not stands_alone(message):
            raise InvalidInput(
                "That is a correction or a reaction, which stands for itself; name the message it is about."
            )
        if is_own and not message.is_own:
            raise InvalidInput("That was said by somebody else: only one's own can be changed or taken back.")
        return message

    async def _reply(self, order: Order) -> None:
        self._say(Reply(self._meant(order, is_own=False).entry_id, order.get(Kind.TEXT)))

    async def _edit(self, order: Order) -> None:
        self._say(Edit(self._meant(order, is_own=True).entry_id, order.get(Kind.TEXT)))

    async def _delete(self, order: Order) -> None:
        self._say(Delete(self._meant(order, is_own=True).entry_id))

    async def _react(self, order: Order) -> None:
        symbol = order.get(Kind.SYMBOL)
        is_withdrawn = symbol.startswith("-") and len(symbol) > 1
        target = self._meant(order, is_own=False).entry_id
        self._say(Reaction(target, symbol.removeprefix("-") if is_withdrawn else symbol, is_withdrawn))

    # What the server did not take.

    def _refused(self) -> list[Message]:
        refused = [message for message in self._node.outbox if message.state is MessageState.REFUSED]
        if not refused:
            raise InvalidInput("There is nothing that the server did not take.")
        return refused

    async def _again(self, _: Order) -> None:
        for message in self._refused():
            self._node.say_again(message.entry_id)

    async def _forget(self, _: Order) -> None:
        for message in self._refused():
            self._node.forget(message.entry_id)
