"""Owns how a typed line is read: as words to say, or as a command with arguments. Not whether what it names exists.

Bare words are commands only where the classic directory chats have them and only as a whole line, so that nobody who
speaks of clients gets a list of them. `send NICK TEXT` is one whatever NICK is: a private word that goes to the whole
room for a typing mistake is worse than a sentence that has to be typed with a space in front.
"""

from __future__ import annotations

import re

import msgspec

from lanline.errors import InvalidInput
from lanline.faces.chat.commands import ChatCommand, Kind, Parameter, command_named, unknown_command
from lanline.model.text import safe_line

_SHOWN_WORD = 40
_MEANT = re.compile(r"\^(\d{1,15})")
_ACCESS_WORDS = {"open": "open", "private": "private", "closed": "private", "invite-only": "private"}
_FORMS = {"send": "send NICK TEXT", "dereg": "dereg, alone", "!q": "!q, alone"}
_SEND_WORDS = 3
SWITCH_WORDS: dict[str, bool | None] = {"on": True, "off": False, "auto": None}
_SEND = re.compile(r"send\s+(\S+)\s+(\S.*)", re.DOTALL)


class Saying(msgspec.Struct, frozen=True):
    text: str


class Order(msgspec.Struct, frozen=True):
    """A command and its arguments by their kind; what was left out is missing."""

    command: ChatCommand
    arguments: dict[Kind, str]

    def get(self, kind: Kind) -> str:
        return self.arguments.get(kind, "")


def parse_line(line: str, own_name: str = "") -> Saying | Order | None:
    """None: there is nothing in it. Raises InvalidInput with what is wrong and how it is written."""
    if not line.strip():
        return None
    if line[0].isspace():
        # The space that keeps a line from being a command is no part of the text; any other is.
        return Saying(line[1:] if _is_order(line.lstrip(), own_name) else line)
    if line.startswith("//"):
        return Saying(line[1:])
    if line.startswith("/"):
        return _parse_slash(line)
    return _parse_bare(line, own_name) or Saying(line)


def _is_order(line: str, own_name: str) -> bool:
    try:
        return line.startswith("/") or _parse_bare(line, own_name) is not None
    except InvalidInput:
        return True


def _parse_bare(line: str, own_name: str) -> Order | None:
    words = line.split()
    if words == ["clients"]:
        return _order("who", {})
    if words == ["!q"]:
        return _order("quit", {})
    if words in (["dereg"], ["dereg", own_name]):
        return _order("dereg", {})
    if found := _SEND.fullmatch(line):
        return _order("msg", {Kind.PLACE: found[1], Kind.TEXT: found[2].rstrip()})
    if words[0] in _FORMS and (words[0] != "send" or len(words) < _SEND_WORDS):
        raise InvalidInput(f"It is written: {_FORMS[words[0]]}. To say the line as it is, put a space in front.")
    return None


def _order(name: str, arguments: dict[Kind, str]) -> Order:
    command = command_named(name)
    assert command is not None
    return Order(command, arguments)


def _parse_slash(line: str) -> Order:
    word, _, rest = line[1:].partition(" ")
    word, broken, below = word.partition("\n")
    rest = below + " " + rest if broken and rest else below + rest
    command = command_named(word)
    if command is None:
        raise InvalidInput(unknown_command(safe_line(word[:_SHOWN_WORD])))
    return Order(command, _arguments(command, rest))


def _arguments(command: ChatCommand, rest: str) -> dict[Kind, str]:
    arguments: dict[Kind, str] = {}
    for parameter in command.parameters:
        value, rest = _take(parameter, rest)
        if value:
            arguments[parameter.kind] = value
        elif not parameter.is_optional:
            raise InvalidInput(f"Something is missing. It is written: {command.form}")
    if rest.strip():
        raise InvalidInput(f"'{safe_line(rest.strip()[:_SHOWN_WORD])}' is too much. It is written: {command.form}")
    return arguments


def _take(parameter: Parameter, rest: str) -> tuple[str, str]:
    """One argument from the front, and what is left. A text is all that is left."""
    if parameter.kind is Kind.TEXT:
        return rest.strip(), ""
    pieces = rest.split(maxsplit=1)
    if not pieces:
        return "", ""
    word, left = pieces[0], pieces[1] if len(pieces) > 1 else ""
    if parameter.kind is Kind.MEANT:
        found = _MEANT.fullmatch(word)
        return (found[1], left) if found else ("", rest)
    return _checked(parameter.kind, word), left


def _checked(kind: Kind, word: str) -> str:
    shown = safe_line(word[:_SHOWN_WORD])
    if kind is Kind.ROOM and not word.startswith("#"):
        raise InvalidInput(f"The name of a room begins with '#': #{shown}?")
    if kind is Kind.NICK and word.startswith("#"):
        raise InvalidInput(f"{shown} is a room; here a person is named.")
    if kind is Kind.COUNT and not (word.isascii() and word.isdigit() and int(word[:9]) > 0 and len(word) < 7):
        raise InvalidInput(f"'{shown}' is not a number of messages.")
    if kind is Kind.SWITCH and word.lower() not in SWITCH_WORDS:
        raise InvalidInput(f"It is 'on', 'off' or 'auto', not '{shown}'.")
    if kind is Kind.PACE and word.lower() != "off" and not (word.isascii() and word.isdigit() and len(word) < 10):
        raise InvalidInput(f"It is a number of seconds, or 'off', not '{shown}'.")
    if kind is Kind.SORT and word.lower() == "rsa":
        return "rsa"
    if kind in {Kind.ACCESS, Kind.SORT}:
        if word.lower() not in _ACCESS_WORDS:
            raise InvalidInput(f"A room is 'open' or 'private', not '{shown}'.")
        return _ACCESS_WORDS[word.lower()]
    return word
