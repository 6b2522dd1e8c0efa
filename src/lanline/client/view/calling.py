"""Decides for which messages a person is notified, with bell and notification, and when they want quiet. Not how it is
done.
"""

from __future__ import annotations

import re

import msgspec

from lanline.client.view.rendering import name_of, shorten, stands_alone, words_of
from lanline.client.view.values import Conversation, Message, Notifying
from lanline.client.view.view import View
from lanline.errors import InvalidInput

_QUIET = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)")
_FORM = "/notify on|off|bell|desktop, mentions|private|both|all, quiet 22:00-07:00|off"


def names_me(view: View, message: Message) -> bool:
    own = re.escape(view.name)
    is_heard = message.is_said and stands_alone(message)
    return is_heard and re.search(rf"(?<!\w){own}(?!\w)", words_of(message), re.IGNORECASE) is not None


def is_called_for(view: View, conversation: Conversation, message: Message) -> bool:
    wants = view.notifying
    if message.is_own or not message.is_said or not stands_alone(message):
        return False
    if wants.of_all:
        return True
    return (wants.of_private and not conversation.is_room) or (wants.of_mentions and names_me(view, message))


def call_text(view: View, conversation: Conversation, message: Message) -> str:
    """One line, safe for a terminal."""
    where = f" in {conversation.title}" if conversation.is_room else ""
    return f"{name_of(view, message)}{where}: {shorten(words_of(message))}"


def is_quiet(notifying: Notifying, minute: int) -> bool:
    """`minute` of the day; the quiet may last beyond midnight."""
    found = _QUIET.fullmatch(notifying.quiet)
    if found is None:
        return False
    begin, end = _minutes(found)
    return begin <= minute < end if begin < end else minute >= begin or minute < end


def _minutes(found: re.Match[str]) -> tuple[int, int]:
    hours, minutes, end_hours, end_minutes = map(int, found.groups())
    return 60 * hours + minutes, 60 * end_hours + end_minutes


def wanted(before: Notifying, text: str) -> Notifying:
    """As somebody types it; raises InvalidInput."""
    now, words = before, text.lower().split()
    while words:
        word = words.pop(0)
        if word == "quiet" and words:
            now = msgspec.structs.replace(now, quiet=_checked_quiet(words.pop(0)))
        elif word in _CHANGES:
            now = msgspec.structs.replace(now, **_CHANGES[word])
        else:
            raise InvalidInput(f"It is written: {_FORM}")
    return now


_CHANGES = {
    "on": {"has_bell": True, "has_desktop": True},
    "off": {"has_bell": False, "has_desktop": False},
    "bell": {"has_bell": True, "has_desktop": False},
    "desktop": {"has_bell": False, "has_desktop": True},
    "mentions": {"of_mentions": True, "of_private": False, "of_all": False},
    "private": {"of_mentions": False, "of_private": True, "of_all": False},
    "both": {"of_mentions": True, "of_private": True, "of_all": False},
    "all": {"of_all": True},
}


def _checked_quiet(word: str) -> str:
    if word == "off":
        return ""
    found = _QUIET.fullmatch(word)
    if found is None or len(set(_minutes(found))) == 1:
        raise InvalidInput("Quiet hours are written so: /notify quiet 22:00-07:00; /notify quiet off ends them.")
    begin, end = _minutes(found)
    return f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"


def told(notifying: Notifying) -> str:
    ways = [way for way, holds in (("a bell", notifying.has_bell), ("a notification", notifying.has_desktop)) if holds]
    if not ways:
        return "You are called for nothing. /notify on changes that."
    kinds = (("your name", notifying.of_mentions), ("private words", notifying.of_private))
    words = "everything that is said" if notifying.of_all else " and ".join(kind for kind, holds in kinds if holds)
    quiet = f"; quiet from {' to '.join(notifying.quiet.split('-'))}" if notifying.quiet else ""
    return f"You are called with {' and '.join(ways)} for {words}{quiet}."
