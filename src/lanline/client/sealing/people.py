"""Owns how each member came into the group, by whom, and what one's own person has confirmed of them.

All of it is from the chain and from the person; nothing of it is the server's word.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from lanline.chain.state import Account, Chain
from lanline.client.sealing.chainstate import PeopleState
from lanline.client.sealing.keystore import Keystore
from lanline.crypto.groups import ids
from lanline.errors import MalformedPacket
from lanline.model.names import folded_name
from lanline.model.text import display_name
from lanline.wire.sealing import entries

_NOBODY: Mapping[str, AbstractSet[bytes]] = {}


class How(Enum):
    """What is known of whoever has a name in the group."""

    SELF = "you"
    VERIFIED = "verified by words"
    DOUBTED = "verified by a device of yours that was taken out: compare again"
    YOUR_INVITE = "by your invite"
    THEIR_INVITE = "you came by their invite"
    INVITE = "by invite of"
    SHARED_LINK = "by a shared link of"
    LET_IN = "let in by"
    FOUNDED = "founded the group"
    BY_ITSELF = "came without an invite"
    CHANGED = "another account than before under this name"


class Trust(NamedTuple):
    how: How
    by: str = ""

    @property
    def text(self) -> str:
        return f"{self.how.value} {self.by}".rstrip()


class KnownPeople:
    def __init__(self, keys: Keystore, past: Mapping[str, AbstractSet[bytes]] = _NOBODY) -> None:
        """`past`: who was in a group before this one, by names as they look, with their devices."""
        self._keys = keys
        self._past = past
        self._let_in_by: dict[bytes, bytes] = {}
        """Of accounts that an admin let in: which admin."""
        self._came_by: dict[bytes, int] = {}
        """How many came by each invite."""
        self._gone: dict[str, list[bytes]] = {}
        """By name as it looks: the accounts that had it and have ended."""

    @property
    def state(self) -> PeopleState:
        return PeopleState(self._let_in_by, self._came_by, self._gone)

    def restore(self, state: PeopleState) -> None:
        self._let_in_by, self._came_by, self._gone = state.let_in_by, state.came_by, state.gone

    def note(self, after: Chain, content: bytes) -> str:
        """An entry that holds, and the chain after it. What is told of it to the person; empty: nothing."""
        try:
            signed = entries.decode_entry(content)
            body = entries.decode_people_body(signed.body)
        except MalformedPacket:
            return ""
        author = after.devices[signed.device_id].account
        if isinstance(body, entries.Join | entries.Admit):
            came = ids.account_id_of(entries.decode_joiner(body.joiner).sign_key)
            return self._note_came(after, body, author, came)
        if isinstance(body, entries.Remove):
            for each in body.accounts:
                self._gone.setdefault(_folded(after.accounts[each].name), []).append(each)
        return _news(after, body, author)

    def _note_came(self, after: Chain, body: entries.Join | entries.Admit, author: bytes, came: bytes) -> str:
        name = _name(after, came)
        again = " It is another account than the one that had this name before." if self._before(after, came) else ""
        if isinstance(body, entries.Admit):
            self._let_in_by[came] = author
            return f"{_name(after, author)} has let {name} into the group.{again}"
        if body.invite_id is None:
            return f"{name} has come into the group.{again}"
        self._came_by[body.invite_id] = self._came_by.get(body.invite_id, 0) + 1
        maker = _name(after, after.invites[body.invite_id].maker)
        return f"{name} has come into the group by a link of {maker}.{again}"

    def trust(self, chain: Chain, me: bytes, account_id: bytes) -> Trust:
        if account_id == me:
            return Trust(How.SELF)
        account = chain.accounts[account_id]
        words = ids.verify_words_of(chain.group_id, me, account_id)
        if self.has_verified(chain, account_id, words):
            return Trust(How.VERIFIED)
        maker = self._maker(chain, account)
        is_mine = (maker == me and not self._is_shared(chain, account)) or self._let_in_by.get(account_id) == me
        if not is_mine and self._is_another(chain, me, account_id):
            return Trust(How.CHANGED)
        if self._keys.verified.get(account_id) == words:
            return Trust(How.DOUBTED)
        return self._came(chain, me, account_id, maker)

    def _came(self, chain: Chain, me: bytes, account_id: bytes, maker: bytes | None) -> Trust:
        own, account = chain.accounts[me], chain.accounts[account_id]
        if self._maker(chain, own) == account_id and not self._is_shared(chain, own):
            return Trust(How.THEIR_INVITE)
        if maker is not None:
            return self._by_invite(chain, me, account, maker)
        admin = self._let_in_by.get(account_id)
        if admin is not None:
            return Trust(How.LET_IN, "you" if admin == me else _name(chain, admin))
        return Trust(How.FOUNDED if account.since == 1 else How.BY_ITSELF)

    def _by_invite(self, chain: Chain, me: bytes, account: Account, maker: bytes) -> Trust:
        by = "you" if maker == me else _name(chain, maker)
        if self._is_shared(chain, account):
            return Trust(How.SHARED_LINK, by)
        return Trust(How.YOUR_INVITE) if maker == me else Trust(How.INVITE, by)

    @staticmethod
    def _maker(chain: Chain, account: Account) -> bytes | None:
        return None if account.came_by is None else chain.invites[account.came_by].maker

    def _is_shared(self, chain: Chain, account: Account) -> bool:
        """Its link was for more than one."""
        assert account.came_by is not None
        return self._came_by.get(account.came_by, 0) + chain.invites[account.came_by].uses_left > 1

    def _before(self, chain: Chain, account_id: bytes) -> list[bytes]:
        """Who had this name before, or one that looks the same."""
        gone = self._gone.get(_folded(chain.accounts[account_id].name), [])
        since = chain.accounts[account_id].since
        return [each for each in gone if each != account_id and chain.accounts[each].until <= since]

    def _is_another(self, chain: Chain, me: bytes, account_id: bytes) -> bool:
        """Somebody else had this name while one was here, and nobody has said that this one is right too."""
        here_since = chain.accounts[me].since
        is_new = any(chain.accounts[each].until > here_since for each in self._before(chain, account_id))
        past = self._past.get(_folded(chain.accounts[account_id].name), set())
        is_strange = bool(past) and past.isdisjoint(chain.accounts[account_id].devices)
        return (is_new or is_strange) and not self.has_accepted_account(chain, account_id)

    def is_same_as_before(self, name: str, sign_key: bytes) -> bool:
        """Whether whoever comes is, by the key, who had this name in a group before this one; or there was none."""
        return not self._past or ids.device_id_of(sign_key) in self._past.get(folded_name(name), set())

    # What the person says.

    def verify(self, account_id: bytes, words: bytes, by: bytes | None = None) -> None:
        """The person has compared exactly these: here, or on another device of theirs."""
        self._keys.verified[account_id] = words
        self.accept(account_id, by)

    def has_verified(self, chain: Chain, account_id: bytes, words: bytes) -> bool:
        return self._keys.verified.get(account_id) == words and self._counts(chain, account_id)

    def accept(self, what: bytes, by: bytes | None = None) -> None:
        """That another account has this name now; or what else the person has seen, and talks on."""
        self._keys.accepted.add(what)
        if by is None:
            self._keys.said_by.pop(what, None)
        else:
            self._keys.said_by[what] = by
        self._keys.save()

    def has_accepted(self, what: bytes) -> bool:
        return what in self._keys.accepted

    def has_accepted_account(self, chain: Chain, account_id: bytes) -> bool:
        return account_id in self._keys.accepted and self._counts(chain, account_id)

    def _counts(self, chain: Chain, account_id: bytes) -> bool:
        """What another device has said does as long as it was not taken out: a thief may have said it."""
        by = self._keys.said_by.get(account_id)
        return by is None or self.is_own_device(chain, by)

    def is_own_device(self, chain: Chain, device_id: bytes) -> bool:
        """That of who has said something in the notes of the person, and nobody else can; and it was not taken out."""
        return chain.live_device(device_id) is not None and device_id not in self._keys.ended


def _news(chain: Chain, body: entries.PeopleBody, author: bytes) -> str:
    by = _name(chain, author)
    match body:
        case entries.Remove(accounts=(alone,)) if alone == author:
            return f"{by} has left the group."
        case entries.Remove(accounts=gone):
            return f"{by} has taken {', '.join(_name(chain, each) for each in gone)} out of the group."
        case entries.AddDevice(kind=entries.DeviceKind.DEVICE):
            return f"{by} has one more device."
        case entries.Turn(device_ids=gone) if gone:
            return f"{by} has taken out {'a device' if len(gone) == 1 else f'{len(gone)} devices'} that they had."
        case _:
            return ""


@lru_cache(maxsize=4096)
def _folded(name: bytes) -> str:
    return folded_name(name.decode(errors="replace"))


def _name(chain: Chain, account_id: bytes) -> str:
    return _shown(chain.accounts[account_id].name)


@lru_cache(maxsize=1024)
def _shown(name: bytes) -> str:
    return display_name(name.decode(errors="replace"))
