"""Owns what a face asks its node about the group, and the answers. Part of `protocol`."""

from __future__ import annotations

from collections.abc import Collection

import msgspec


class FromBefore(msgspec.Struct, frozen=True):
    """Somebody who was there while nothing was sealed."""

    account: int
    name: str
    role: int
    """In the group `wire.sealing.entries.Role`, in a room `RoomRole`."""


class PlainRoom(msgspec.Struct, frozen=True):
    """A room by invitation that this person owns."""

    title: str
    people: tuple[FromBefore, ...]


class Plain(msgspec.Struct, frozen=True, tag="plain"):
    is_group: bool
    """This person can found the group, and let in `people`."""
    people: tuple[FromBefore, ...] = ()
    rooms: tuple[PlainRoom, ...] = ()
    awaited: tuple[str, ...] = ()
    """Of an earlier yes: who has not come yet."""
    is_in_place: bool = False
    """Of a group that was put aside."""
    problem: str = ""
    """Why this person can seal nothing though there is something; a sentence."""

    def without(self, names: Collection[str]) -> Plain:
        """Nobody with one of these names, nowhere."""
        kept = tuple(each for each in self.people if each.name not in names)
        rooms = (
            PlainRoom(room.title, tuple(each for each in room.people if each.name not in names)) for room in self.rooms
        )
        return msgspec.structs.replace(self, people=kept, rooms=tuple(rooms))


class Admit(msgspec.Struct, frozen=True, tag="admit"):
    """Who asks to be let into the group; empty: the only one."""

    name: str = ""


class ApproveDevice(msgspec.Struct, frozen=True, tag="approve_device"):
    """One more device of one's own, which shows this code. Answered with `DeviceLetIn`."""

    code: str


class RenameDevice(msgspec.Struct, frozen=True, tag="rename_device"):
    """Gives a device of this account another label."""

    device_id: bytes
    label: str


class AskWords(msgspec.Struct, frozen=True, tag="ask_words"):
    """To compare with somebody. Answered with `WordsToCompare`."""

    name: str


class Verify(msgspec.Struct, frozen=True, tag="verify"):
    """These words were compared, and are the same."""

    name: str
    words: bytes


class AcceptPerson(msgspec.Struct, frozen=True, tag="accept_person"):
    """That another account has this name now."""

    name: str


class SealInRsa(msgspec.Struct, frozen=True, tag="seal_in_rsa"):
    """What is said between this person and oneself, from now on and for good."""

    name: str


class AskChain(msgspec.Struct, frozen=True, tag="ask_chain"):
    """How far this device has the chain of the group, and what the server shows. Answered with `ChainReport`."""


class AcceptChain(msgspec.Struct, frozen=True, tag="accept_chain"):
    """What the server shows is right, and what this device has seen is put aside. Answered with `ChainReport`."""


class GoOver(msgspec.Struct, frozen=True, tag="go_over"):
    """To this group, which the server shows in the place of one's own. Answered with `ChainReport`."""

    group_id: str


class TakeBack(msgspec.Struct, frozen=True, tag="take_back"):
    """Somebody whose end this device has seen may read again. Answered with `ChainReport`."""

    name: str


class WaitNewKeys(msgspec.Struct, frozen=True, tag="wait_new_keys"):
    """The account has a new key by the entry at this height of the chain: until all that it reads has one, too.

    Nothing is said before the node has that entry, whatever the server shows. Answered with `NewKeys`.
    """

    height: int
    head: str
    """There; hexadecimal."""
    limit_s: float


class RenewKeys(msgspec.Struct, frozen=True, tag="renew_keys"):
    """Throw away what can be computed anew of the group, and compute it. Answered with `KeysRenewed`."""

    limit_s: float


class AskPlain(msgspec.Struct, frozen=True, tag="ask_plain"):
    """What this person can seal that is not. Answered with `Plain`."""


class Seal(msgspec.Struct, frozen=True, tag="seal"):
    """The yes to what `Plain` has said, or to a part of it. Answered with `SealReport`."""

    plain: Plain


MemberCommand = Admit | ApproveDevice | RenameDevice | AskWords | Verify | AcceptPerson | SealInRsa | WaitNewKeys
ChainCommand = AskChain | AcceptChain | GoOver | TakeBack
GroupCommand = MemberCommand | ChainCommand | RenewKeys | AskPlain | Seal


class DeviceLetIn(msgspec.Struct, frozen=True, tag="device_let_in"):
    label: str


class WordsToCompare(msgspec.Struct, frozen=True, tag="words"):
    words: bytes
    text: str
    """One word for each byte."""
    trust: str


class NewGroup(msgspec.Struct, frozen=True):
    """In the place of one's own, on this server."""

    group_id: str
    founder: str
    is_known: bool
    """Its founder has the key that they have in one's own."""
    words: str


class ChainReport(msgspec.Struct, frozen=True, tag="chain_state"):
    height: int
    head: str
    """Of this device; hexadecimal."""
    shown_height: int
    shown_head: str
    """Of what the server shows."""
    problem: str
    """A sentence, where the two do not go together."""
    can_accept: bool
    come_back: tuple[str, ...]
    """Who reads by what the server shows, though this device has seen their end."""
    words: str = ""
    """Of the group that this device goes by: the same for everybody in it."""
    new_group: NewGroup | None = None


class NewKeys(msgspec.Struct, frozen=True, tag="new_keys"):
    is_here: bool
    """The node has the entry."""
    left: tuple[str, ...]
    """Conversations that have no new key yet: they get it with the next word."""


class KeysRenewed(msgspec.Struct, frozen=True, tag="keys_renewed"):
    lines: tuple[str, ...]
    """What was done; sentences for the person."""
    is_whole: bool
    """All is as it was before."""


class SealReport(msgspec.Struct, frozen=True, tag="sealed"):
    awaited: tuple[str, ...]
    """Who was agreed on and is not in yet: as soon as they are here with a new program, and this one runs."""
    problem: str = ""
    """Why it is not done; it goes on by itself."""


GroupResult = DeviceLetIn | NewKeys | WordsToCompare | KeysRenewed | ChainReport | Plain | SealReport
