"""Owns how messages are shown that were edited, taken back or reacted to later. What is kept stays as it was said."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lanline.client.view.values import Message, MessageState
from lanline.model.content import Delete, Edit, FileReference, Notice, Reaction, Reply, Report, Text

TAKEN_BACK = "(taken back)"
_EDITED = "(edited)"

Meant = tuple[int, bytes]
"""Whose message, and which: only its author can edit it or take it back."""


class Folded(Message, frozen=True, gc=False):
    """A message as it is to be shown, with what was said of it."""

    reactions: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """Each symbol, and whose it is."""


def target_of(message: Message) -> bytes | None:
    """The message that this one changes or reacts to; None: it stands for itself."""
    content = message.content
    return content.target if isinstance(content, Edit | Delete | Reaction) else None


def folded(messages: Iterable[Message], later: Iterable[Message] = ()) -> list[Message]:
    """As they are to be shown: what was said of one stands at it, and where that is not among them, in its own place.

    `later` is also heard, and not shown. What is not on the server's disk yet stands in its own place.
    """
    shown = [each for each in messages if each.is_said]
    known = {(each.sequence, each.entry_id): each for each in (*shown, *later) if each.sequence and each.is_said}
    heard = [known[place] for place in sorted(known)]
    gone, texts, reactions = taken_back(heard), _new_texts(heard), _reactions(heard)
    there = {each.entry_id for each in shown if target_of(each) is None}
    return [
        _with_reactions(_with_edits(each, gone, texts), reactions)
        for each in shown
        if not each.sequence or target_of(each) not in there
    ]


def with_edits(messages: Iterable[Message]) -> list[Message]:
    """Of what waits to be sent: each in its own place, after the edits and deletions among them."""
    shown = [each for each in messages if each.is_said]
    gone, texts = taken_back(shown), _new_texts(shown)
    return [_with_edits(message, gone, texts) for message in shown]


def new_words(meant: Message, messages: Iterable[Message]) -> str | None:
    """What its author has put in place of its words in these; None: they stand."""
    return _new_texts(messages).get((meant.account, meant.entry_id))


def taken_back(messages: Iterable[Message]) -> set[Meant]:
    return {
        (message.account, message.content.target)
        for message in messages
        if isinstance(message.content, Delete) and message.state is not MessageState.REFUSED
    }


def _new_texts(messages: Iterable[Message]) -> dict[Meant, str]:
    """The latest of each."""
    return {
        (message.account, message.content.target): message.content.text
        for message in messages
        if isinstance(message.content, Edit) and message.state is not MessageState.REFUSED
    }


def _reactions(messages: Iterable[Message]) -> dict[bytes, dict[str, dict[int, None]]]:
    """By message and symbol: whose, in the order in which they came."""
    found: dict[bytes, dict[str, dict[int, None]]] = {}
    for message in messages:
        if isinstance(message.content, Reaction) and message.state is not MessageState.REFUSED:
            whose = found.setdefault(message.content.target, {}).setdefault(message.content.symbol, {})
            if message.content.is_withdrawn:
                whose.pop(message.account, None)
            else:
                whose[message.account] = None
    return found


def _with_edits(message: Message, gone: set[Meant], texts: dict[Meant, str]) -> Message:
    content, this = message.content, (message.account, message.entry_id)
    # The words that stood in for others went with them.
    of_another = isinstance(content, Edit) and (message.account, content.target) in gone
    if of_another or (this in gone and isinstance(content, Text | Reply | Notice | FileReference | Report)):
        return msgspec.structs.replace(message, content=Text(TAKEN_BACK))
    if this in texts and isinstance(content, Text | Reply | Notice):
        return msgspec.structs.replace(
            message, content=msgspec.structs.replace(content, text=f"{texts[this]} {_EDITED}")
        )
    return message


def _with_reactions(message: Message, reactions: dict[bytes, dict[str, dict[int, None]]]) -> Message:
    found = reactions.get(message.entry_id, {})
    if not any(found.values()) or message.content == Text(TAKEN_BACK):
        return message
    values = {name: getattr(message, name) for name in message.__struct_fields__}
    return Folded(**values | {"reactions": tuple((symbol, tuple(whose)) for symbol, whose in found.items() if whose)})
