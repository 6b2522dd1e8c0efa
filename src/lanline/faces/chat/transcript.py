"""The running text on the screen: what was said, in order and once, with its days; and how far each log was shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lanline.client.chat.node import ChatNode
from lanline.client.chat.values import Conversation, Message
from lanline.client.chat.wishes import as_wished
from lanline.faces.chat.rendering import Speech, day_text
from lanline.faces.chat.utterances import MARKS, name_of, utterance

_CONTEXT = 10
"""How much that was read before stands above, on first coming to a conversation."""
_MOST_AT_ONCE = 200


class Transcript:
    def __init__(self, node: ChatNode, speech: Speech, write: Callable[[str], None], now_ms: Callable[[], int]) -> None:
        self._node = node
        self._speech = speech
        self._write = write
        self._day = day_text(now_ms())
        self._shown: dict[int, int] = {}
        self._visited: set[int] = set()
        self._entered: set[int] = set()

    def tell(self, text: str) -> None:
        self._write(self._speech.aside(text))

    def trouble(self, text: str) -> None:
        self._write(self._speech.trouble(text))

    def rule(self, text: str) -> None:
        self._write(self._speech.rule(text))

    def table(self, lines: Iterable[str]) -> None:
        """As they stand: their author is this program, with names made safe."""
        self._write("".join(f"{line}\n" for line in lines))

    def note_entered(self, log: int) -> None:
        """New to this device: how much was said before is worth a word, once."""
        self._entered.add(log)

    def show_first(self, conversation: Conversation) -> None:
        """What is unread, with what was said just before; or on coming back, what was not shown yet."""
        if conversation.log in self._visited:
            self.show_new(conversation)
            return
        if conversation.head and not conversation.delivered:
            return  # just joined: what was said is on its way
        self._visited.add(conversation.log)
        unread = min(conversation.unread, _MOST_AT_ONCE if conversation.read else _CONTEXT)
        messages = self._committed(conversation.log, _CONTEXT + unread)
        if conversation.unread > unread:
            self.tell(f"{conversation.unread - unread:,} messages were said before these: /history N shows them.")
        elif conversation.log in self._entered and messages and messages[0].sequence > 1:
            self.tell(f"{messages[0].sequence - 1:,} earlier lines: /history N shows them.")
        self._entered.discard(conversation.log)
        self._show(conversation, messages)

    def show_new(self, conversation: Conversation, *, is_elsewhere: bool = False) -> None:
        """From the disk, what came after the last one shown."""
        shown = self._shown.get(conversation.log, conversation.read)
        messages = [each for each in self._committed(conversation.log, _MOST_AT_ONCE) if each.sequence > shown]
        if messages and messages[0].sequence > shown + 1:
            self.tell(f"{messages[0].sequence - shown - 1:,} messages came before these: /history N shows them.")
        self._show(conversation, messages, is_elsewhere=is_elsewhere)

    def show_received(
        self, conversation: Conversation, messages: Iterable[Message], *, is_elsewhere: bool = False
    ) -> None:
        shown = self._shown.get(conversation.log, conversation.read)
        new = [each for each in messages if each.sequence > shown]
        self._show(conversation, new, is_elsewhere=is_elsewhere)

    def _committed(self, log: int, last: int) -> list[Message]:
        return [message for message in self._node.messages(log, last=last) if message.sequence]

    def _show(self, conversation: Conversation, messages: list[Message], *, is_elsewhere: bool = False) -> None:
        lines = (self.line(each, _where(conversation, each) if is_elsewhere else "") for each in as_wished(messages))
        self._write("".join(lines))
        last = messages[-1].sequence if messages else max(conversation.read, conversation.delivered)
        self._shown[conversation.log] = max(last, self._shown.get(conversation.log, 0))
        if messages and last > conversation.read:
            self._node.mark_read(conversation.log, last)

    def forget_after(self, log: int, through: int) -> None:
        """A restored server gives these numbers to others, which are to be shown."""
        if log in self._shown:
            self._shown[log] = min(through, self._shown[log])

    def show_sent_elsewhere(self, conversation: Conversation, message: Message) -> None:
        """One's own, in a conversation of which nothing else is shown."""
        self._write(self.line(message, _where(conversation, message)))

    def show_history(self, log: int, messages: Iterable[Message]) -> None:
        """With numbers, to name them by; it stays as read or unread as it was."""
        shown = as_wished(messages, self._node.messages(log, last=_MOST_AT_ONCE))
        self._write("".join(self.line(message, number=f"^{message.sequence or '?'}") for message in shown))

    def line(self, message: Message, where: str = "", number: str = "") -> str:
        said = utterance(self._node, message)
        line = self._speech.line(
            message.time_ms,
            name_of(self._node, message),
            said.text,
            mark=MARKS[message.state],
            where=where,
            front=said.front,
            number=number,
        )
        return self._day_rule(message) + line

    def _day_rule(self, message: Message) -> str:
        day = day_text(message.time_ms)
        if not day or day == self._day:
            return ""
        self._day = day
        return self._speech.rule(day)


def _where(conversation: Conversation, message: Message) -> str:
    return f"(to {conversation.title})" if message.is_own else "(private)"
