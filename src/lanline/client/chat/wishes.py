"""What authors wish for what they said: taken back, or worded anew. How it is shown; what is kept stays as it was."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lanline.client.chat.values import Message, MessageState
from lanline.model.content import Delete, Edit, FileReference, Notice, Reply, Text

TAKEN_BACK = "(taken back)"
_EDITED = "(edited)"

Wish = tuple[int, bytes]
"""Who wishes, for which message: only of the account that said it is it heard."""


def as_wished(messages: Iterable[Message], later: Iterable[Message] = ()) -> list[Message]:
    """As they are to be shown, going by the wishes among them and in what was said `later`."""
    shown = list(messages)
    known = [*shown, *later]
    gone, texts = taken_back(known), _new_texts(known)
    return [_as_wished(message, gone, texts) for message in shown]


def taken_back(messages: Iterable[Message]) -> set[Wish]:
    return {
        (message.account, message.content.target)
        for message in messages
        if isinstance(message.content, Delete) and message.state is not MessageState.REFUSED
    }


def _new_texts(messages: Iterable[Message]) -> dict[Wish, str]:
    """The latest of each."""
    return {
        (message.account, message.content.target): message.content.text
        for message in messages
        if isinstance(message.content, Edit) and message.state is not MessageState.REFUSED
    }


def _as_wished(message: Message, gone: set[Wish], texts: dict[Wish, str]) -> Message:
    content, wish = message.content, (message.account, message.entry_id)
    # The words that stood in for others went with them.
    of_another = isinstance(content, Edit) and (message.account, content.target) in gone
    if of_another or (wish in gone and isinstance(content, Text | Reply | Notice | FileReference)):
        return msgspec.structs.replace(message, content=Text(TAKEN_BACK))
    if wish in texts and isinstance(content, Text | Reply | Notice):
        return msgspec.structs.replace(
            message, content=msgspec.structs.replace(content, text=f"{texts[wish]} {_EDITED}")
        )
    return message
