"""Owns this device's copy of a private room: who is in it by its entries and the chain, and its epochs."""

from __future__ import annotations

import hashlib
from math import inf

from lanline.chain.reasons import Reason
from lanline.chain.roomoffers import height_of
from lanline.chain.rooms import ChainRoom, catch_up, replay
from lanline.chain.scopes import Scope, nobodys_scope, room_scope
from lanline.chain.state import Chain
from lanline.client.sealing.epochcopy import EpochCopy, Secrets
from lanline.client.sealing.groupcopy import GroupCopy
from lanline.client.sealing.tables import GroupTables
from lanline.crypto.groups import ids
from lanline.wire.sealing.entries import RoomRole

_ACCEPTED = b"lanline accepted entry 1\0"
"""Not of the protocol: it is remembered on this device."""
_MOST_OF_ONE_HEIGHT = 16
"""Only a server that makes them up shows more than one."""


def kept_back_text(title: str) -> str:
    text = f"The server keeps back a change of who is in {title}: what you say waits for it."
    return f"{text} If it does not come, make another room."


class RoomCopy(EpochCopy):
    def __init__(
        self, tables: GroupTables, secrets: Secrets, group: GroupCopy, log: int, founding: bytes, founded_at: int
    ) -> None:
        """`founded_at`: the place of the entry that founds it."""
        super().__init__(tables, secrets)
        self.founded_at = founded_at
        self._group = group
        self._founding = founding
        self._entries: dict[int, list[bytes]] = {}
        """By the height that each names. Of several the one counts whose hash the chain has."""
        self._room: ChainRoom | None = None
        self._chain: Chain | None = None
        """At whose head the room is."""
        self.id = ids.private_room_id_of(founding)
        self.log = log
        self._places: dict[bytes, float] = {}
        """Of entries in the log of the room, by what they are."""
        self.add_entry(founding, founded_at)

    def add_entry(self, content: bytes, place: float = inf) -> None:
        """In any order: each is judged at its own height. Without a place: one's own, which comes with its place."""
        height = height_of(content)
        known = [] if height is None else self._entries.setdefault(height, [])
        is_new = content not in known
        if height is None or (is_new and len(known) >= _MOST_OF_ONE_HEIGHT):
            return
        self._places[content] = min(place, self._places.get(content, place))
        if not is_new:
            return
        known.append(content)
        if self._room is not None and height <= self._room.height:
            self._room = None

    @property
    def room(self) -> ChainRoom | None:
        """At the head of the chain. None: the entry that founds it does not hold, or stands on more than is here."""
        chain = self._group.chain
        if self._room is None:
            replayed = replay(chain, self._founding, self._contents(0))
            self._room = replayed if isinstance(replayed, ChainRoom) else None
        elif self._chain is not chain:
            self._room = catch_up(chain, self._room, self._contents(self._room.height))
        self._chain = chain
        return self._room

    def _contents(self, after: int) -> dict[int, bytes]:
        chain = self._group.chain
        return {
            height: content
            for height, known in self._entries.items()
            if after < height <= chain.height
            for content in known
            if hashlib.sha256(content).digest() == chain.places[height - 1].content_hash
        }

    def role_at(self, account_id: bytes, place: int, height: int) -> RoomRole | None:
        """By what lies below this place of the log, and by what who spoke there had seen of the chain."""
        contents = self._contents(0)
        seen = max([height, *(at for at, content in contents.items() if self._places[content] < place)])
        room = replay(self._group.chain, self._founding, contents, seen)
        return room.members.get(account_id) if isinstance(room, ChainRoom) else None

    def first_place_naming(self, height: int) -> float:
        """An entry of the room names what stands below its own height in the chain."""
        room = self.room
        wrong = {each for each, _ in room.broken} if room is not None else set()
        entries = {} if room is None else self._contents(height)
        places = (self._places[content] for at, content in entries.items() if at not in wrong)
        return min(super().first_place_naming(height), *places, inf)

    @property
    def broken(self) -> tuple[int, Reason] | None:
        """The first entry that does not hold, and that the person has not accepted: nothing is sealed until then."""
        entries = () if self.room is None else self.room.broken
        return next((each for each in entries if not self._group.people.has_accepted(self._mark(each[0]))), None)

    def broken_text(self, title: str) -> str:
        """For the person; empty where nothing is wrong."""
        if self.broken is None:
            return ""
        height, reason = self.broken
        text = f"The server shows an entry of {title} that does not hold (entry {height}: {reason.value})."
        return f"{text} It counts for nothing. To talk on there all the same: /accept {title}"

    def accept(self) -> None:
        """The person has seen all of them."""
        for height, _ in () if self.room is None else self.room.broken:
            self._group.people.accept(self._mark(height))

    def _mark(self, height: int) -> bytes:
        return hashlib.sha256(_ACCEPTED + self.id + height.to_bytes(8, "big")).digest()

    @property
    def scope(self) -> Scope:
        room = self.room
        return nobodys_scope(self.id) if room is None else room_scope(self._group.chain, room)

    @property
    def is_complete(self) -> bool:
        room = self.room
        return room is not None and not room.lacking

    @property
    def is_in(self) -> bool:
        """By what is known here, the account of this device is."""
        room, group = self.room, self._group
        return room is not None and group.is_member and group.account_id in room.members

    @property
    def has_been_in(self) -> bool:
        """Or else its owner may let in who was on the server's list before the room was founded."""
        room, group = self.room, self._group
        return room is not None and group.is_member and group.account_id in room.stays

    def outside_text(self, title: str) -> str:
        if self.has_been_in:
            return f"You are not in {title} any more."
        return f"The owner of {title} has to let you in first. What you say there is kept here, and sent then."

    @property
    def may_begin(self) -> bool:
        room = self.room
        return room is not None and not room.lacking and self.broken is None and self.is_in
