"""What a terminal can show, by its environment and by asking it: pictures, true colour, 256 colours, or letters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum

from lanline.errors import MediaProblem

ASK_S = 0.5
"""How long a terminal may take to answer; one behind a slow line is then taken for a simple one."""

_KITTY_QUESTION_ID = 4207
# The second question is one that every terminal answers, so that its answer means: no more comes.
QUESTION = b"\x1b_Gi=%d,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[c" % _KITTY_QUESTION_ID
_KITTY_ANSWER = b"\x1b_Gi=%d;OK" % _KITTY_QUESTION_ID
_ATTRIBUTES = re.compile(rb"\x1b\[\?([0-9;]*)c")
_SIXEL_ATTRIBUTE = b"4"

_TRUE_COLOUR_TERMS = re.compile(r"direct|truecolor|kitty|alacritty|foot|ghostty|wezterm|contour")
_MUTE_TERMS = re.compile(r"linux$|dumb$|vt\d|cons\d|unknown$")
"""Which may print a question that they do not know."""


class Ability(Enum):
    KITTY = "kitty graphics"
    SIXEL = "sixel graphics"
    TRUE_COLOUR = "true colour"
    COLOURS_256 = "256 colours"
    LETTERS = "letters"


def ability(environment: Mapping[str, str], *, is_utf8: bool, ask: Callable[[bytes], bytes]) -> Ability:
    """`ask` sends the question and returns what was answered within ASK_S."""
    term = environment.get("TERM", "")
    if term == "dumb":
        raise MediaProblem("This terminal cannot place its cursor (TERM=dumb). Use another, or --sink FILE.mkv.")
    if environment.get("NO_COLOR") or not is_utf8:
        return Ability.LETTERS
    if environment.get("KITTY_WINDOW_ID") and not _is_multiplexed(environment):
        return Ability.KITTY
    answer = b"" if not term or _MUTE_TERMS.match(term) else ask(QUESTION)
    return _by_answer(answer) or _by_environment(term, environment.get("COLORTERM", ""))


def _is_multiplexed(environment: Mapping[str, str]) -> bool:
    """Screen and tmux hand on the variables of the terminal around them, and not its pictures."""
    return bool(environment.get("TMUX") or environment.get("STY"))


def is_answered(answer: bytes) -> bool:
    return _ATTRIBUTES.search(answer) is not None


def _by_answer(answer: bytes) -> Ability | None:
    if _KITTY_ANSWER in answer:
        return Ability.KITTY
    found = _ATTRIBUTES.search(answer)
    if found and _SIXEL_ATTRIBUTE in found[1].split(b";")[1:]:
        return Ability.SIXEL
    return None


def _by_environment(term: str, colours: str) -> Ability:
    if colours in {"truecolor", "24bit"} or _TRUE_COLOUR_TERMS.search(term):
        return Ability.TRUE_COLOUR
    return Ability.COLOURS_256 if "256" in term else Ability.LETTERS
