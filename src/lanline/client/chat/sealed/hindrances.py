"""Owns why nothing can be sealed for a conversation, as a sentence for the person. Not whether there is a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lanline.client.chat.conversations import Conversations, Following
from lanline.client.chat.sealed.groupnews import GroupNews
from lanline.client.sealing.member import GroupMember
from lanline.client.sealing.roomcopy import RoomCopy, kept_back_text
from lanline.client.sealing.scopes import OpenRoom, Pair, Place, PrivateRoom
from lanline.client.view.values import Conversation
from lanline.clock import Clock

_LACKING_TOLD_AFTER_S = 10.0


class Hindrance(NamedTuple):
    text: str
    is_final: bool = False


class Hindrances:
    def __init__(
        self,
        member: GroupMember,
        news: GroupNews,
        conversations: Conversations,
        clock: Clock,
        fetching: set[int],
        on_change: Callable[[], None],
    ) -> None:
        """`fetching`: logs of which keys are on their way. `on_change`: what holds up words may be another now."""
        self._member = member
        self._scopes = member.scopes
        self._news = news
        self._conversations = conversations
        self._clock = clock
        self._fetching = fetching
        self._on_change = on_change
        self._lacking_since: dict[tuple[bytes, tuple[int, ...]], float] = {}

    def forget(self) -> None:
        self._lacking_since.clear()

    def of(self, shown: Conversation, place: Place) -> Hindrance | None:
        if not self._member.copy.is_member or not self._member.is_current:
            return None
        if isinstance(place, Pair):
            return self._of_pair(shown, place)
        if isinstance(place, OpenRoom) or self._scopes.sealing(place) is not None:
            return None
        return self._of_room(shown, place)

    def _of_pair(self, shown: Conversation, place: Pair) -> Hindrance | None:
        name = shown.title
        if self._news.is_another(name):
            text = f"{name} is another account than before under this name. What you say to them is kept here until you"
            return Hindrance(f"{text} accept it: /accept {name}, or compare words with them: lanline verify {name}")
        if self._scopes.sealing(place) is not None:
            return None
        if self._scopes.was_member(name):
            return Hindrance(f"{name} is not in the group any more: nothing can be said to them.", is_final=True)
        return Hindrance(f"{name} is not in the group yet. What you say to them is kept here, and sent when they are.")

    def _of_room(self, shown: Conversation, place: PrivateRoom) -> Hindrance | None:
        copy, track, title = self._scopes.room(place), self._conversations.get(shown.log), shown.title
        if track is None or track.following is not Following.LIVE or shown.log in self._fetching:
            return None  # what says who is in it may be on its way
        if self._scopes.is_another(place):
            return Hindrance(f"The server shows another room by the name of {title}. Nothing was sent.", is_final=True)
        if copy is None or copy.room is None:
            return Hindrance(f"{title} is not sealed yet: its owner has to do it, once, with /seal or lanline seal.")
        if text := copy.broken_text(title):
            return Hindrance(text)
        if copy.room.lacking:
            return self._of_lacking(shown, copy)
        return Hindrance(copy.outside_text(title), is_final=copy.has_been_in)

    def _of_lacking(self, shown: Conversation, copy: RoomCopy) -> Hindrance | None:
        """The chain has an entry of the room that has not come: most of the time it is on its way."""
        assert copy.room is not None
        since = self._lacking_since.setdefault((copy.id, copy.room.lacking), self._clock.now())
        if self._clock.now() - since >= _LACKING_TOLD_AFTER_S:
            return Hindrance(kept_back_text(shown.title))
        self._clock.call_later(_LACKING_TOLD_AFTER_S, self._on_change)
        return None
