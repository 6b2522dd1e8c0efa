"""Owns what of each conversation was shown on a screen: in order, each message once, and read when it was shown.

Not how a line looks: that is the screen's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from lanline.client.view.edits import folded, target_of
from lanline.client.view.values import Conversation, Message
from lanline.client.view.view import View

_CONTEXT = 10
"""How much that was read before stands above, on first coming to a conversation."""
_MAX_AT_ONCE = 200
_SEARCHED = 500


class Screen(Protocol):
    def tell(self, text: str) -> None:
        """A sentence of the program."""

    def say(self, message: Message, *, where: str = "", number: str = "") -> None:
        """`where`: another conversation than the open one."""

    def amend(self, message: Message) -> bool:
        """Shows it as it is now, where it stands on the screen; False: it stands there no more."""

    def tell_waiting(self, waiting: list[tuple[Conversation, list[Message]]]) -> None:
        """For who comes back: what is unread."""


class Transcript:
    def __init__(self, view: View, screen: Screen) -> None:
        self._view = view
        self._screen = screen
        self._shown: dict[int, int] = {}
        self._visited: set[int] = set()
        self._entered: set[int] = set()

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
        since_read = max(0, conversation.delivered - conversation.read)
        most = _MAX_AT_ONCE if conversation.read else _CONTEXT
        messages = self._committed(conversation.log, _CONTEXT + min(since_read, most))
        left = conversation.unread - sum(each.is_news and each.sequence > conversation.read for each in messages)
        if left > 0:
            self._screen.tell(f"{left:,} messages were said before these: /history N shows them.")
        elif conversation.log in self._entered and messages and messages[0].sequence > 1:
            self._screen.tell(f"{messages[0].sequence - 1:,} earlier lines: /history N shows them.")
        self._entered.discard(conversation.log)
        self._show(conversation, messages)

    def show_new(self, conversation: Conversation, *, is_elsewhere: bool = False) -> None:
        """What came after the last one shown."""
        shown = self._shown.get(conversation.log, conversation.read)
        messages = [each for each in self._committed(conversation.log, _MAX_AT_ONCE) if each.sequence > shown]
        if messages and messages[0].sequence > shown + 1:
            missed = messages[0].sequence - shown - 1
            self._screen.tell(f"{missed:,} messages came before these: /history N shows them.")
        self._show(conversation, messages, is_elsewhere=is_elsewhere)

    def show_received(
        self, conversation: Conversation, messages: Iterable[Message], *, is_elsewhere: bool = False
    ) -> None:
        """As they come; also what another program has shown already."""
        new = [each for each in messages if each.sequence > self._shown.get(conversation.log, 0)]
        self._show(conversation, new, is_elsewhere=is_elsewhere)

    def show_opened(self, conversation: Conversation, messages: tuple[Message, ...], *, is_elsewhere: bool) -> None:
        """Of those that were shown as not to be read: the latest, in full."""
        known = [each for each in messages if each.sequence <= self._shown.get(conversation.log, 0)]
        for each in folded(known[-_CONTEXT:], self._known(conversation.log)):
            if not self._screen.amend(each):
                self._screen.say(each, where=_where(conversation, each) if is_elsewhere else "")

    def _committed(self, log: int, last: int) -> list[Message]:
        return [message for message in self._view.messages(log, last=last) if message.sequence]

    def _show(self, conversation: Conversation, messages: list[Message], *, is_elsewhere: bool = False) -> None:
        for each in folded(messages):
            if not self._amends(each):
                self._screen.say(each, where=_where(conversation, each) if is_elsewhere else "")
        last = messages[-1].sequence if messages else max(conversation.read, conversation.delivered)
        self._shown[conversation.log] = max(last, self._shown.get(conversation.log, 0))
        if messages and last > conversation.read:
            self._view.mark_read(conversation.log, last)

    def _amends(self, message: Message) -> bool:
        """What it says of another message is shown there; False: that one is on the screen no more."""
        target = target_of(message)
        if target is None or message.log is None:
            return False
        known = self._known(message.log)
        meant = [each for each in known if each.entry_id == target]
        return bool(meant) and self._screen.amend(folded(meant, known)[0])

    def _known(self, log: int) -> list[Message]:
        return [each for each in self._view.messages(log, last=_SEARCHED) if each.sequence]

    def forget_after(self, log: int, through: int) -> None:
        """A restored server gives these numbers to others, which are to be shown."""
        if log in self._shown:
            self._shown[log] = min(through, self._shown[log])

    def show_sent_elsewhere(self, conversation: Conversation, message: Message) -> None:
        """One's own, in a conversation of which nothing else is shown."""
        self._screen.say(message, where=_where(conversation, message))

    def show_history(self, log: int, messages: Iterable[Message]) -> None:
        """With numbers, to name them by; it stays as read or unread as it was."""
        for each in folded(messages, self._known(log)):
            self._screen.say(each, number=f"^{each.sequence or '?'}")


def unread_of(view: View, conversation: Conversation) -> list[Message]:
    """As many of them as the view keeps."""
    return [
        each
        for each in view.messages(conversation.log, last=1000)
        if each.sequence > conversation.read and each.is_news
    ]


def _where(conversation: Conversation, message: Message) -> str:
    return f"(to {conversation.title})" if message.is_own else "(private)"
