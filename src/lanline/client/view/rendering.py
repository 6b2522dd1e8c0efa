"""Owns what a message looks like as text, for a terminal, a pipe and the log; and as JSON, for a program.

Not colours, columns and marks: those are the face's. Form 1 of the JSON is told in docs/json.md; a field may be
added to it, and none is given another meaning.
"""

from __future__ import annotations

import json

import msgspec

from lanline.client.moments import minute_text, utc_text, when_text
from lanline.client.view.edits import TAKEN_BACK, Folded, new_words, taken_back
from lanline.client.view.events import Warned
from lanline.client.view.values import Conversation, Message, MessageState, NoWords, RoomListing, Unreadable
from lanline.client.view.view import View
from lanline.model.content import Content, Delete, Edit, FileReference, Notice, Reaction, Reply, Report, Text, Topic
from lanline.model.text import display_name, safe_line, safe_text

JSON_FORM = 1
_QUOTE_CHARACTERS = 40
_SEARCHED = 500
_MAX_NAMES = 5
_IGNORED = "somebody whom you ignore"
"""How far back what an answer refers to is looked for; further back the person does not remember it either."""
_NOT_SEALED = "(not sealed) "
_EARLIER = "(in the group before) "
_ACTION = "/me "
"""How an action is said on the wire: as text that begins so, as in XEP-0245; who does not know it still understands."""

MARKS = {
    MessageState.QUEUED: "…",
    MessageState.SENT: "✓",
    MessageState.DELIVERED: "✓✓",
    MessageState.READ: "✓✓ read",
    MessageState.REFUSED: "✗",
    MessageState.RECEIVED: "",
}


class Rendered(msgspec.Struct, frozen=True):
    """Safe for a terminal."""

    name: str
    text: str
    front: str = ""
    """What stands before the text and is the program's."""
    is_action: bool = False
    behind: str = ""
    """What others have put on it."""

    def __str__(self) -> str:
        opening = f"* {self.name} " if self.is_action else f"{self.name}: "
        return f"{opening}{self.front}{self.text}{self.behind}"


def words_of(message: Message) -> str:
    """What was said in it, without its surroundings; empty for what only points at another message."""
    match message.content:
        case Text(text) | Reply(_, text) | Edit(_, text) | Notice(text) | Unreadable(_, text):
            return text
        case FileReference(name):
            return f"(file) {name}"
        case Topic(topic):
            return _ACTION + (f"sets the topic: {topic}" if topic else "takes the topic away")
        case Report():
            return _report_text(message.content, message.time_ms)
        case _:
            return ""


def stands_alone(message: Message) -> bool:
    """It can be answered, changed or taken back."""
    return isinstance(message.content, Text | Reply | Notice | FileReference | Report)


def name_of(view: View, message: Message) -> str:
    if message.is_own:
        return view.name
    person = view.person(message.account)
    return person.name if person is not None else f"somebody ({message.account})"


def topic_text(view: View, conversation: Conversation) -> str:
    """Empty: it has none."""
    is_plain = conversation.topic and not conversation.topic_from and view.group.is_founded
    return f"{_NOT_SEALED}{conversation.topic}" if is_plain else conversation.topic


def listed_topic(room: RoomListing) -> str:
    return f"{_NOT_SEALED}{room.topic}" if room.is_topic_plain else room.topic


def action_text(text: str) -> str:
    return _ACTION + text


def shorten(text: str) -> str:
    """One line, safe for a terminal."""
    line = safe_line(text[: _QUOTE_CHARACTERS + 1])
    return line if len(text) <= _QUOTE_CHARACTERS else line[: _QUOTE_CHARACTERS - 1].rstrip() + "…"


def rendered(view: View, message: Message, name: str = "", *, has_quotes: bool = True) -> Rendered:
    """`name` where the view does not know any more who said it. Quotes: the words that an answer refers to."""
    text, front = words_of(message), ""
    is_action = text.startswith(_ACTION)
    match message.content:
        case Reply(target):
            front = f"(to {_quote(view, message, target, with_name=True)}) " if has_quotes else "(in reply) "
        case Edit(target):
            front = _instead_of(view, message, target) if has_quotes else "(corrected) "
        case Delete(target):  # whose words are not to be read again
            text, is_action = f"takes back {_time_of(view, message, target) if has_quotes else 'a message'}", True
        case Reaction(target, symbol, is_withdrawn):
            quoted = _quote(view, message, target, with_name=True, with_time=True) if has_quotes else "a message"
            shown = safe_line(symbol)
            text, is_action = (f"takes {shown} off {quoted}" if is_withdrawn else f"{shown} {quoted}"), True
        case Notice():
            front = "(program) "
        case Report():
            front = "(report) "
        case FileReference(file_name, size_bytes):
            text, front = f"{safe_line(file_name)}, {_size_text(size_bytes)}", "(file) "
        case _:
            pass
    front = _origin(view, message) + front
    said = safe_text(text.removeprefix(_ACTION) if is_action else text)
    behind = _reactions_text(view, message) if isinstance(message, Folded) else ""
    return Rendered(display_name(name or name_of(view, message)), said, front, is_action, behind)


def _origin(view: View, message: Message) -> str:
    """Where it comes from, where that is not as ever."""
    if message.is_plain and view.group.is_founded:
        return _NOT_SEALED
    if message.is_earlier:
        return _EARLIER
    if not message.carried_by:
        return ""
    by = "" if message.carried_by == message.account else f" by {_names(view, (message.carried_by,))}"
    return f"(lost in a restore, brought back{by}) "


def _reactions_text(view: View, message: Folded) -> str:
    told = [f"{safe_line(symbol)} {_names(view, whose)}" for symbol, whose in message.reactions]
    return f"  [{' · '.join(told)}]"


def _names(view: View, accounts: tuple[int, ...]) -> str:
    people = [view.person(each) for each in accounts[:_MAX_NAMES]]
    named = [display_name(each.name) if each is not None else "somebody" for each in people]
    return ", ".join(named) + (f" and {len(accounts) - _MAX_NAMES:,} more" if len(accounts) > _MAX_NAMES else "")


_VERDICTS = {
    "proven": "Proven: a device of {author} has signed these words, said there.",
    "elsewhere": "Proven: a device of {author} has signed these words; where, this device cannot tell.",
    "false": "FALSE: what came as proof is not one of these words by {author}.",
}


def _report_text(report: Report, reported_ms: int) -> str:
    place = f"in {report.room}" if report.room.startswith("#") else "in private"
    verdict = _VERDICTS.get(report.verdict, "Not proven: it is the word of who reports it.").format(
        author=report.author
    )
    reason = [f"because: {report.reason}"] if report.reason else []
    before = ["before it, as the reporter tells:", *(f"  {line}" for line in report.before)] if report.before else []
    head = f"{report.author} {place}, {minute_text(report.time_ms, reported_ms)}: “{report.text}”"
    return "\n".join([head, *reason, *before, verdict])


def reported_text(admins: tuple[str, ...], *, is_proven: bool) -> str:
    """For who has reported a message."""
    how = "with proof of who said it" if is_proven else "without proof of who said it, which there is not"
    return f"The message goes to {', '.join(admins)}, {how}."


def _quote(view: View, message: Message, target: bytes, *, with_name: bool = False, with_time: bool = False) -> str:
    around = _around(view, message)
    meant = _meant(around, target)
    if meant is None:
        return "something earlier"
    if meant.is_ignored:
        return _IGNORED
    is_gone = (meant.account, target) in taken_back(around)
    # As it was when this was said of it.
    before = [each for each in around if each.sequence and not 0 < message.sequence <= each.sequence]
    said = new_words(meant, before) or words_of(meant)
    words = TAKEN_BACK if is_gone else shorten(said.removeprefix(_ACTION))
    name = f"{name_of(view, meant)}: " if with_name else ""
    return f"{name}“{words}”" + (f", {when_text(meant.time_ms, message.time_ms)}" if with_time else "")


def _instead_of(view: View, message: Message, target: bytes) -> str:
    if _is_of_another(view, message, target):
        return "(instead of words of somebody else, which stay) "
    return f"(instead of {_quote(view, message, target, with_time=True)}) "


def _time_of(view: View, message: Message, target: bytes) -> str:
    meant = _meant(_around(view, message), target)
    if _is_of_another(view, message, target):
        return "words of somebody else, which stay"
    return "an earlier message" if meant is None else f"the message of {when_text(meant.time_ms, message.time_ms)}"


def _is_of_another(view: View, message: Message, target: bytes) -> bool:
    """Who changes it has no say in it."""
    meant = _meant(_around(view, message), target)
    return meant is not None and meant.account != message.account


def _around(view: View, message: Message) -> list[Message]:
    return view.messages(message.log, last=_SEARCHED) if message.log is not None else []


def _meant(around: list[Message], target: bytes) -> Message | None:
    return next((each for each in reversed(around) if each.entry_id == target), None)


def _size_text(size_bytes: int) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size_bytes < 1000:
            return f"{size_bytes:,.0f} {unit}"
        size_bytes //= 1000
    return f"{size_bytes:,} GB"


# As JSON.


def message_json(view: View, message: Message, name: str = "") -> str:
    """One line. ASCII only, so that whatever is in it reaches no terminal as a command; and exactly what was said."""
    conversation = None if message.log is None else view.conversation(message.log)
    row: dict[str, object] = {
        "form": JSON_FORM,
        "conversation": message.destination if conversation is None or name else conversation.title,
        "sequence": message.sequence,
        "id": message.entry_id.hex(),
        "time": utc_text(message.time_ms),
        "from": name or name_of(view, message),
        "own": message.is_own,
        "state": message.state.value,
        "kind": type(message.content).__struct_config__.tag,
    }
    if isinstance(message.content, Unreadable):
        row |= {"text": message.content.text, "suite": message.content.suite}
    elif not isinstance(message.content, NoWords):
        row |= _content_fields(message.content)
        if message.sequence:
            row["sealed"] = not message.is_plain
            row |= {"earlier_group": True} if message.is_earlier else {}
            row |= {"carried_by": _names(view, (message.carried_by,))} if message.carried_by else {}
    if message.problem:
        row["problem"] = message.problem
    return json.dumps(row)


def alarm_json(alarm: Warned) -> str:
    """Among the messages, as one of a kind of its own."""
    row = {"form": JSON_FORM, "conversation": alarm.room, "from": alarm.who, "kind": "alarm", "alarm": alarm.kind}
    return json.dumps(row | {"text": alarm.text})


def _report_fields(report: Report) -> dict[str, object]:
    return {
        "text": report.text,
        "author": report.author,
        "room": report.room,
        "said": utc_text(report.time_ms),
        "reason": report.reason,
        "before": list(report.before),
        "verdict": report.verdict or "unknown",
    }


def _content_fields(content: Content) -> dict[str, object]:
    match content:
        case Report():
            return _report_fields(content)
        case Text(text) | Notice(text) | Topic(text):
            return {"text": text}
        case Reply(target, text) | Edit(target, text):
            return {"text": text, "target": target.hex()}
        case Delete(target):
            return {"target": target.hex()}
        case Reaction(target, symbol, is_withdrawn):
            return {"target": target.hex(), "symbol": symbol, "withdrawn": is_withdrawn}
        case FileReference(file_name, size_bytes, media_type):
            return {"name": file_name, "size": size_bytes, "type": media_type}
