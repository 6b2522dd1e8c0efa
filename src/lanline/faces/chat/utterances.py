"""What a message says, as words for a line: answers with what they answer, corrections with what was there before."""

from __future__ import annotations

import msgspec

from lanline.client.chat.node import ChatNode
from lanline.client.chat.values import Message, MessageState, Unreadable
from lanline.client.chat.wishes import TAKEN_BACK, taken_back
from lanline.faces.chat.rendering import action_text, shorten
from lanline.model.content import Delete, Edit, FileReference, Notice, Reaction, Reply, Text
from lanline.model.text import safe_line

_SEARCHED = 500
"""How far back what an answer refers to is looked for; further back the person does not remember it either."""

MARKS = {
    MessageState.QUEUED: "…",
    MessageState.SENT: "✓",
    MessageState.DELIVERED: "✓✓",
    MessageState.READ: "✓✓ read",
    MessageState.REFUSED: "✗",
    MessageState.RECEIVED: "",
}


class Utterance(msgspec.Struct, frozen=True):
    text: str
    front: str = ""
    """What stands before the text and is the program's."""


def words_of(message: Message) -> str:
    """What was said in it, without its surroundings; empty for what only points at another message."""
    match message.content:
        case Text(text) | Reply(_, text) | Edit(_, text) | Notice(text) | Unreadable(_, text):
            return text
        case FileReference(name):
            return f"(file) {name}"
        case _:
            return ""


def stands_alone(message: Message) -> bool:
    """It can be answered, changed or taken back."""
    return isinstance(message.content, Text | Reply | Notice | FileReference)


def name_of(node: ChatNode, message: Message) -> str:
    if message.is_own:
        return node.name
    person = node.person(message.account)
    return person.name if person is not None else f"somebody ({message.account})"


def utterance(node: ChatNode, message: Message) -> Utterance:
    match message.content:
        case Reply(target, text):
            return Utterance(text, f"(to {_quote(node, message, target, with_name=True)}) ")
        case Edit(target, text):
            return Utterance(text, f"(instead of {_quote(node, message, target)}) ")
        case Delete() | Reaction():
            return Utterance(action_text(_pointing(node, message, message.content)))
        case Notice(text):
            return Utterance(text, "(program) ")
        case FileReference(name, size_bytes):
            return Utterance(f"{safe_line(name)}, {_size_text(size_bytes)}", "(file) ")
        case _:
            return Utterance(words_of(message))


def _pointing(node: ChatNode, message: Message, content: Delete | Reaction) -> str:
    if isinstance(content, Delete):
        return "takes back a message"  # whose words are not to be read again
    quoted, symbol = _quote(node, message, content.target, with_name=True), safe_line(content.symbol)
    return f"takes {symbol} off {quoted}" if content.is_withdrawn else f"{symbol} {quoted}"


def _quote(node: ChatNode, message: Message, target: bytes, *, with_name: bool = False) -> str:
    around = node.messages(message.log, last=_SEARCHED) if message.log is not None else []
    meant = next((each for each in reversed(around) if each.entry_id == target), None)
    if meant is None:
        return "something earlier"
    is_gone = (meant.account, target) in taken_back(around)
    words = TAKEN_BACK if is_gone else shorten(words_of(meant).removeprefix("/me "))
    return f"{name_of(node, meant)}: “{words}”" if with_name else f"“{words}”"


def _size_text(size_bytes: int) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size_bytes < 1000:
            return f"{size_bytes:,.0f} {unit}"
        size_bytes //= 1000
    return f"{size_bytes:,} GB"
