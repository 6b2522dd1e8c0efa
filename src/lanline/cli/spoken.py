"""Messages as lines of output: for a person, and as JSON for a program. Nothing in them reaches a terminal raw."""

from __future__ import annotations

import datetime as dt
import json

from lanline.client.chat.node import ChatNode
from lanline.client.chat.values import Message, MessageState, Unreadable
from lanline.client.moments import moment
from lanline.model.content import Delete, Edit, FileReference, Notice, Reaction, Reply, Text
from lanline.model.text import safe_line, safe_text

_STATES = {
    MessageState.QUEUED: "queued",
    MessageState.REFUSED: "refused",
    MessageState.SENT: "",
    MessageState.DELIVERED: "",
    MessageState.READ: "",
    MessageState.RECEIVED: "",
}


def message_lines(message: Message, node: ChatNode, name: str = "") -> str:
    """`2026-11-21 04:10  ann: text`; further lines of it are indented."""
    name = name or _name(message, node)
    state = _STATES[message.state]
    mark = f"  [{state}{': ' + message.problem if message.problem else ''}]" if state else ""
    text = safe_text(_said(message, name)).replace("\n", "\n    ")
    return f"{_moment(message.time_ms):%Y-%m-%d %H:%M}  {text}{mark}"


def message_json(message: Message, node: ChatNode, name: str = "") -> str:
    """One line; what a person wrote stands in it as they wrote it, with what is no plain character escaped."""
    value: dict[str, object] = {
        "sequence": message.sequence,
        "id": message.entry_id.hex(),
        "time": _moment(message.time_ms).astimezone(dt.UTC).isoformat(timespec="milliseconds"),
        "from": name or _name(message, node),
        "in": message.destination,
        "state": message.state.value,
        **_fields(message),
    }
    if message.problem:
        value["problem"] = message.problem
    return json.dumps(value)


def _name(message: Message, node: ChatNode) -> str:
    if message.is_own:
        return node.name or "you"
    person = node.person(message.account)
    return "somebody" if person is None else person.name


def _moment(time_ms: int) -> dt.datetime:
    return moment(time_ms) or dt.datetime.fromtimestamp(0, dt.UTC)


def _said(message: Message, name: str) -> str:
    match message.content:
        case Text(text) if text.startswith("/me "):
            said = f"* {name} {text.removeprefix('/me ')}"
        case Text(text):
            said = f"{name}: {text}"
        case Reply(_, text):
            said = f"{name}: (in reply) {text}"
        case Edit(_, text):
            said = f"{name}: (corrected) {text}"
        case Notice(text):
            said = f"-{name}- {text}"
        case Delete():
            said = f"* {name} takes a message back"
        case Reaction(_, symbol, is_withdrawn):
            said = f"* {name} {'takes back' if is_withdrawn else 'reacts'} {safe_line(symbol)}"
        case FileReference(file_name, size_bytes):
            said = f"* {name} shares {safe_line(file_name)} ({size_bytes:,} bytes)"
        case _:
            said = f"{name}: {message.content.text}"
    return said


def _fields(message: Message) -> dict[str, object]:
    content = message.content
    match content:
        case Unreadable(suite, text):
            return {"kind": "unreadable", "suite": suite, "text": text}
        case Text(text) | Notice(text):
            return {"kind": content.__struct_config__.tag, "text": text}
        case Reply(target, text) | Edit(target, text):
            return {"kind": content.__struct_config__.tag, "target": target.hex(), "text": text}
        case Delete(target):
            return {"kind": "delete", "target": target.hex()}
        case Reaction(target, symbol, is_withdrawn):
            return {"kind": "reaction", "target": target.hex(), "text": symbol, "withdrawn": is_withdrawn}
        case FileReference(file_name, size_bytes, media_type):
            return {"kind": "file", "text": file_name, "size": size_bytes, "type": media_type}
