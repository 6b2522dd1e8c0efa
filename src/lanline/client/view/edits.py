"""Owns how messages are shown that their authors edited or took back later. What is kept stays as it was said."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lanline.client.view.values import Message, MessageState
from lanline.model.content import Delete, Edit, FileReference, Notice, Reply, Text

TAKEN_BACK = "(taken back)"
_EDITED = "(edited)"

Meant = tuple[int, bytes]
"""Whose message, and which: only its author can edit it or take it back."""


def with_edits(messages: Iterable[Message], later: Iterable[Message] = ()) -> list[Message]:
    """As they are to be shown, after the edits and deletions among them and in what was said `later`."""
    shown = [each for each in messages if each.is_said]
    known = [*shown, *later]
    gone, texts = taken_back(known), _new_texts(known)
    return [_with_edits(message, gone, texts) for message in shown]


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


def _with_edits(message: Message, gone: set[Meant], texts: dict[Meant, str]) -> Message:
    content, this = message.content, (message.account, message.entry_id)
    # The words that stood in for others went with them.
    of_another = isinstance(content, Edit) and (message.account, content.target) in gone
    if of_another or (this in gone and isinstance(content, Text | Reply | Notice | FileReference)):
        return msgspec.structs.replace(message, content=Text(TAKEN_BACK))
    if this in texts and isinstance(content, Text | Reply | Notice):
        return msgspec.structs.replace(
            message, content=msgspec.structs.replace(content, text=f"{texts[this]} {_EDITED}")
        )
    return message
