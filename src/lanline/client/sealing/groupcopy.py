"""Owns this device's copy of the chain, with the group's epochs, judged as everybody does. Not the way to the server.

Nothing of it is asked of the server's word: an entry that does not hold counts for nothing, is told, and stops what is
sealed until the person has seen it.
"""

from __future__ import annotations

from collections.abc import Sequence

from lanline.client.sealing.epochcopy import EpochCopy
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.people import KnownPeople
from lanline.client.sealing.tables import GroupTables
from lanline.crypto.groups import ids
from lanline.crypto.groups.keys import SigningKey
from lanline.errors import ProtocolViolation
from lanline.proto.chain.reasons import Reason
from lanline.proto.chain.rules import follow
from lanline.proto.chain.scopes import Scope, group_scope
from lanline.proto.chain.state import KNOWN_LEVEL, NEVER, Chain
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.entries import KEY_SUITE
from lanline.wire.sealing.said import EPOCH_SUITE

PARTED = "The server was put back to an older state of the group, or shows another one. Nothing is sealed on it."


class GroupCopy(EpochCopy):
    def __init__(self, keys: Keystore, tables: GroupTables) -> None:
        super().__init__(tables, tables.secrets())
        self._keys = keys
        signer = SigningKey.of_device(keys.device_secret)
        self.signer = signer
        self.device_id = ids.device_id_of(signer.public_bytes)
        self._begin()

    def _begin(self) -> None:
        self.chain = Chain()
        self.sequence = 0
        """How far the log of the chain is here."""
        self.is_parted = False
        """The server has shown a head that is not on this chain, or an older one."""
        self.people = KnownPeople(self._keys)
        self.news: list[str] = []
        """What has come since somebody has looked: sentences for the person."""
        self.broken: tuple[int, Reason] | None = None
        """The first entry that does not hold, and why."""
        checked = self._tables.checked_to()
        for sequence, suite, content in self._tables.items():
            self._take(sequence, suite, content, is_checked=sequence <= checked)

    def begin_anew(self) -> None:
        """With what the tables have now: all else is forgotten, also what others of the same secrets know."""
        self.epochs.clear()
        self._stale.clear()
        self.secrets.clear()
        self.secrets.update(self._tables.secrets())
        self._begin()

    # What comes.

    def add(self, entries: Sequence[LogEntry]) -> None:
        """What follows in the log of the chain: on the disk, then counted. Raises ProtocolViolation for a gap."""
        new = [each for each in entries if each.sequence > self.sequence]
        if not new:
            return
        if new[0].sequence != self.sequence + 1:
            raise ProtocolViolation("it left a gap in the chain of the group")
        self._tables.add_items(new, checked_to=self.sequence if self.broken is None else 0)
        for each in new:
            self._take(each.sequence, each.suite, each.content)
        self._note_seen()

    def _take(self, sequence: int, suite: str, content: bytes, *, is_checked: bool = False) -> None:
        self.sequence = sequence
        if suite == EPOCH_SUITE:
            self.add_statement(self.chain, sequence, content)
            return
        self.chain, reason = follow(self.chain, suite, content, is_checked=is_checked)
        if reason is not None and self.broken is None:
            self.broken = self.chain.height, reason
        if reason is None and suite == KEY_SUITE and (news := self.people.note(self.chain, content)):
            self.news.append(news)

    def _note_seen(self) -> None:
        """What ended once is kept for ever, whatever chain is shown later."""
        keys, chain = self._keys, self.chain
        ended = {each for each, account in chain.accounts.items() if account.until != NEVER}
        ended |= {each for each, device in chain.devices.items() if device.until != NEVER}
        ended |= {each for each, invite in chain.invites.items() if invite.until != NEVER}
        if chain.height > keys.height or not ended <= keys.ended:
            keys.ended |= ended
            keys.height, keys.head = max((keys.height, keys.head), (chain.height, chain.head))
            keys.group_id = keys.group_id or chain.group_id
            keys.save()

    # Who reads.

    @property
    def is_member(self) -> bool:
        """Not before it is proven that this is the group of the device which took this one in."""
        return self._keys.code is None and self.chain.live_device(self.device_id) is not None

    @property
    def has_ended(self) -> bool:
        """Its time in the group is over."""
        device = self.chain.devices.get(self.device_id)
        return device is not None and device.until != NEVER

    @property
    def account_id(self) -> bytes:
        """One's own, once one is a member."""
        return self.chain.devices[self.device_id].account

    @property
    def problem(self) -> str:
        """Why nothing may be sealed; empty: it may. A sentence for the person."""
        keys, chain = self._keys, self.chain
        if chain.level > KNOWN_LEVEL:
            return "The group uses rules that this program does not know. Upgrade Lanline."
        if self.broken is not None:
            height, reason = self.broken
            return f"The server shows an entry of the group that does not hold (entry {height}: {reason.value})."
        if keys.group_id not in {None, chain.group_id} and chain.height:
            return "The server shows another group than the one that this device is in."
        if self.is_parted or (chain.height >= keys.height and chain.head_at(keys.height) != keys.head):
            return PARTED
        has_come_back = any(chain.is_member(each) or chain.live_device(each) is not None for each in keys.ended)
        return "By what the server shows, somebody reads who was sent away before." if has_come_back else ""

    @property
    def is_behind(self) -> bool:
        """It has seen more of the chain before than is here now."""
        return self.chain.height < self._keys.height

    @property
    def scope(self) -> Scope:
        return group_scope(self.chain)
