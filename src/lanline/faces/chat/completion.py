"""Owns what Tab offers: commands at the beginning, then what a command wants; in plain text, names and rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from lanline.faces.chat.commands import COMMANDS, ChatCommand, Kind, command_named

Names = Callable[[], Iterable[str]]
_BARE = ("clients", "send", "dereg", "!q")


class ChatCompleter(Completer):
    def __init__(self, people: Names, rooms: Names) -> None:
        self._people = people
        self._rooms = rooms

    def get_completions(self, document: Document, _: CompleteEvent) -> Iterator[Completion]:
        before = document.text_before_cursor
        word = before.split(" ")[-1].split("\n")[-1]
        for offered in self._offers(before, word):
            if word != offered.rstrip(" :") and _begins(offered, word):
                yield Completion(offered, start_position=-len(word), display=offered.strip())

    def _offers(self, before: str, word: str) -> Iterable[str]:
        if not word:
            before += "\0"  # an argument has begun, with nothing in it yet
        words = before.split()
        if before.startswith("/"):
            return self._in_command(words)
        if words[0] == "send" and len(words) == 2:
            return _spaced([*self._people(), *self._rooms()])
        if len(words) == 1 and before == word and word:
            return [*(f"{name}: " for name in self._people()), *_spaced(self._rooms()), *_spaced(_BARE)]
        return self._in_text(word)

    def _in_text(self, word: str) -> Iterable[str]:
        return _spaced([*self._people(), *self._rooms()]) if word else []

    def _in_command(self, words: list[str]) -> Iterable[str]:
        if len(words) == 1:
            return [f"/{command.name} " for command in COMMANDS]
        command = command_named(words[0])
        if command is None:
            return []
        if (kind := _kind_at(command, words[1:])) is None:
            return []
        if kind is Kind.TEXT:
            return self._in_text(words[-1].rstrip("\0"))
        return _spaced(self._of_kind(kind))

    def _of_kind(self, kind: Kind) -> Iterable[str]:
        match kind:
            case Kind.NICK:
                return self._people()
            case Kind.ROOM:
                return self._rooms()
            case Kind.PLACE | Kind.TAB:
                return [*self._people(), *self._rooms()]
            case Kind.COMMAND:
                return [command.name for command in COMMANDS]
            case Kind.ACCESS | Kind.SORT:
                return str(kind.value).split("|")
            case _:
                return []


def _kind_at(command: ChatCommand, arguments: list[str]) -> Kind | None:
    """What the last of these arguments is."""
    kinds = [parameter.kind for parameter in command.parameters]
    if Kind.MEANT in kinds and not arguments[0].startswith("^"):
        kinds.remove(Kind.MEANT)
    if len(arguments) <= len(kinds):
        return kinds[len(arguments) - 1]
    return Kind.TEXT if Kind.TEXT in kinds else None


def _begins(offered: str, word: str) -> bool:
    return offered.casefold().startswith(word.casefold())


def _spaced(names: Iterable[str]) -> list[str]:
    return [f"{name} " for name in names]
