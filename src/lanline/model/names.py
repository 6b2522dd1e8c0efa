"""Names of people and rooms: what may stand in one, and when two are too alike for both to be given out.

The name is kept as typed (NFC); the fold is what must be unique. Folding is coarser than people expect, on purpose: in
a group of some hundred people a name refused without need costs little, an impostor much.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from lanline.errors import InvalidInput
from lanline.model.lookalikes import LOOK_ALIKES
from lanline.model.text import MAX_NAME_LENGTH, is_seen

_PUNCTUATION = "-_."
_MAX_MARKS_IN_A_ROW = 3
"""Living scripts stack no more on a letter; taller piles climb into the neighbours' lines."""

_MIXABLE_WITH_CARE = ("LATIN", "CYRILLIC", "GREEK")


def checked_name(text: str) -> str:
    """The nickname as it is kept; raises InvalidInput with what is wrong with it."""
    return _checked(text, "A nickname", MAX_NAME_LENGTH)


def check_new_name(name: str) -> None:
    """Of an account that is about to be made; those that are there keep theirs. Raises InvalidInput."""
    if name.endswith("."):
        raise InvalidInput("A nickname does not end with a dot: it would be taken for the end of a sentence.")
    if folded_name(name) in _FOLDED_WORDS:
        raise InvalidInput(f"Nobody can be called {name}: it would be taken for the word. Choose another name.")


def checked_room_name(text: str) -> str:
    if not text.startswith("#"):
        raise InvalidInput("The name of a room begins with '#', as in '#lab'.")
    return "#" + _checked(text[1:], "The name of a room, after its '#',", MAX_NAME_LENGTH - 1)


@lru_cache(maxsize=8192)  # those of a group are asked for again and again
def folded_name(name: str) -> str:
    """Equal for names that a person may take for each other."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    # The Turkish capital İ folds to an i with a second dot, which nobody sees.
    letters = unicodedata.normalize("NFD", plain).replace("i\u0307", "i")
    return unicodedata.normalize("NFC", "".join(map(_folded_digit, letters)).translate(LOOK_ALIKES))


def _folded_digit(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


_FOLDED_WORDS = frozenset(map(folded_name, ("all", "everybody", "everyone", "here", "me")))


def _checked(text: str, what: str, most_chars: int) -> str:
    name = unicodedata.normalize("NFC", text)
    if not name:
        raise InvalidInput(f"{what} is empty.")
    if len(name) > most_chars:
        raise InvalidInput(f"{what} has at most {most_chars} characters; this one has {len(name)}.")
    for character in name:
        if not _may_stand(character):
            shown = repr(character) if character.isprintable() else f"U+{ord(character):04X}"
            raise InvalidInput(f"{what} is made of letters, digits, '-', '_' and '.'; {shown} is none of them.")
    if unicodedata.category(name[0])[0] not in "LN":
        raise InvalidInput(f"{what} begins with a letter or a digit.")
    _check_marks(name, what)
    _check_scripts(name, what)
    return name


def _may_stand(character: str) -> bool:
    if character in _PUNCTUATION:
        return True
    return unicodedata.category(character)[0] in "LMN" and is_seen(character)


def _check_marks(name: str, what: str) -> None:
    marks = 0
    for character in unicodedata.normalize("NFD", name):
        marks = marks + 1 if unicodedata.category(character)[0] == "M" else 0
        if marks > _MAX_MARKS_IN_A_ROW:
            raise InvalidInput(f"{what} has too many marks on one letter.")


def _check_scripts(name: str, what: str) -> None:
    """Within these three, a mixture is nearly always somebody posing as somebody else."""
    scripts = {
        script
        for character in name
        for script in _MIXABLE_WITH_CARE
        if unicodedata.name(character, "").startswith(script)
    }
    if len(scripts) > 1:
        mixed = " and ".join(script.title() for script in sorted(scripts))
        raise InvalidInput(f"{what} does not mix {mixed} letters.")
