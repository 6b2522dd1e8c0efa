"""Owns this device's copy of the chain, with the group's epochs, judged as everybody does. Not the way to the server.

Nothing of it is asked of the server's word: an entry that does not hold counts for nothing, is told, and stops what is
sealed until the person has seen it. Longer than other files: what of the chain is believed is read in one place.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence

from lanline.chain.branches import parting
from lanline.chain.epochs import Epoch, outlived_ms
from lanline.chain.reasons import Reason
from lanline.chain.rules import follow
from lanline.chain.scopes import Scope, group_scope
from lanline.chain.state import KNOWN_LEVEL, NEVER, Chain
from lanline.client.chat.database import Database
from lanline.client.sealing.chainstate import ChainState
from lanline.client.sealing.epochcopy import EpochCopy
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.otherpast import (
    AWAITED,
    OtherGroup,
    broken_text,
    come_back,
    come_back_text,
    fork_text,
    offer_in,
)
from lanline.client.sealing.owncoming import COMES_ANEW, OwnComing
from lanline.client.sealing.pasttables import past_devices
from lanline.client.sealing.people import KnownPeople
from lanline.client.sealing.tables import GroupTables
from lanline.crypto.groups import ids
from lanline.crypto.groups.keys import SigningKey
from lanline.errors import HistoryProblem, IdentityProblem, ProtocolViolation
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.entries import KEY_SUITE, STUB_SUITE
from lanline.wire.sealing.said import EPOCH_SUITE

PARTED = "The server shows an older state of the group than this device has seen. Nothing is said on it."
LAST_NOT_SHOWN = (
    "The server does not show the state of the group that this device has seen last. Nothing is said until it does, or "
    "you decide: lanline chain"
)
BEHIND = (
    "The server was put back to an older state of the group. Members bring what it has lost; until it has that, "
    "nothing about who is in the group can be changed."
)
LESS_SHOWN = (
    "The server shows less of the group than it has shown this device before, with no restore that would explain it. "
    "Ask whoever runs it whether its whole machine was put back to an older state; if not, it keeps the group back."
)
NOT_GIVEN = (
    "The server says that it has more of the group than it gives this device: it may keep changes back. Nothing is "
    "said until the rest comes. Ask by another way who has left."
)
TAKEN_OUT = (
    "This device was taken out of the group: it reads nothing that is said since. To come in again, join with a new "
    "home folder."
)
_ACCEPTED = b"lanline accepted entry 1\0"
"""Not of the protocol: it is remembered on this device."""
_KEPT_EVERY = 100
"""Items of the chain."""


class GroupCopy(EpochCopy):
    def __init__(self, keys: Keystore, tables: GroupTables, now_ms: Callable[[], int] = lambda: 0) -> None:
        """`now_ms`: by the own clock, whatever the server says."""
        super().__init__(tables, tables.secrets())
        self._keys = keys
        self._now_ms = now_ms
        self._outlived: tuple[Chain, Epoch, int] | None = None
        self._is_unkept = False
        """The disk is full: what was seen last stands in no file yet."""
        signer = SigningKey.of_device(keys.device_secret)
        self.signer = signer
        self.device_id = ids.device_id_of(signer.public_bytes)
        self.target = NEVER
        """How far the server said that it is, when this device last signed in."""
        self.is_awaited = False
        """The server says that its operator has put the group aside, and that nobody has founded another yet."""
        self.is_being_mended = False
        """The server says that it was put back, and gathers what it has lost."""
        self._begin()

    def _begin(self) -> None:
        self.chain = Chain()
        """What this device goes by: as far as it has ever seen it."""
        self.shown = Chain()
        """What the log says that the server shows. The same, or what lies apart from it: `is_apart`."""
        self.is_apart = False
        self.sequence = 0
        """How far the log of the chain is here."""
        self.is_parted = False
        """The server says that there is no group, any more."""
        self.people = KnownPeople(self._keys, past_devices(self._tables.database))
        self.news: list[str] = []
        """What has come since somebody has looked: sentences for the person."""
        self.coming = OwnComing(self._tables, self.device_id)
        self._wrong: list[tuple[int, Reason, bytes]] = []
        """The entries that do not hold: height, why, and the head there."""
        for suite, content in self._tables.own_items():
            self.is_apart = True
            chain, reason = follow(self.chain, suite, content)
            self._go_by(chain, suite, content if reason is None else b"")
        self._kept_to = self._restore()
        checked = self._tables.checked_to()
        for sequence, suite, content in self._tables.items(self._kept_to):
            if sequence != self.sequence + 1:  # another program of this home has begun to read anew
                break
            self._take(sequence, suite, content, is_checked=sequence <= checked)
        self._keep_state()
        self.news.clear()  # of what another program of this home has seen

    def _restore(self) -> int:
        """What the last program knew of the chain, and up to which place of its log."""
        kept = None if self.is_apart else self._tables.chain_state()
        if kept is None:
            return 0
        self.sequence, state = kept
        self.chain = self.shown = state.chain
        self.people.restore(state.people)
        for epoch, place in state.epochs:
            self._add(epoch, place)
        return self.sequence

    def _keep_state(self) -> None:
        """For the next start, where it would take long to follow the chain anew."""
        if self.is_apart or self._wrong or self.damaged or self.sequence - self._kept_to < _KEPT_EVERY:
            return
        self._tables.put_chain_state(
            self.sequence, ChainState.of(self.chain, list(self.epochs.values()), self.people.state)
        )
        self._kept_to = self.sequence

    def begin_anew(self) -> None:
        """With what the tables have now: all else is forgotten, also what others of the same secrets know."""
        self.forget_epochs()
        self.secrets.clear()
        self.secrets.update(self._tables.secrets())
        self._begin()

    def keep_for(self, database: Database) -> None:
        """For the home whose device this is: a program of it does not fetch and check all of it again."""
        self._kept_to = 0
        self._keep_state()
        self._tables.copy_to(database)

    # What comes.

    def add(self, entries: Sequence[LogEntry]) -> None:
        """What follows in the log of the chain: on the disk, then counted. Raises ProtocolViolation for a gap."""
        new = [each for each in entries if each.sequence > self.sequence]
        if not new:
            return
        if new[0].sequence != self.sequence + 1:
            raise ProtocolViolation("it left a gap in the chain of the group")
        self._tables.add_items(new, checked_to=0 if self._wrong else self.sequence)
        before = self.chain.height
        for each in new:
            self._take(each.sequence, each.suite, each.content)
        self._note_seen()
        if not self.is_apart:
            self.coming.note(self.chain, before, (epoch for epoch, _ in self.newest()))
        if self.sequence >= self.target:
            self._keep_state()

    def _take(self, sequence: int, suite: str, content: bytes, *, is_checked: bool = False) -> None:
        self.sequence = sequence
        if suite == EPOCH_SUITE:
            self.add_statement(self.chain, sequence, content)
        if suite not in {KEY_SUITE, STUB_SUITE}:  # it counts for nothing, and takes no height
            return
        is_checked = is_checked or (self.is_apart and self._is_own_next(content))
        self.shown, reason = follow(self.shown, suite, content, is_checked=is_checked)
        if reason is not None:
            self._wrong.append((self.shown.height, reason, self.shown.head))
        if not self.is_apart:
            self._go_by(self.shown, suite, content if reason is None else b"")
        elif self.shown.holds(self.chain.height, self.chain.head):
            self._come_together()

    def _is_own_next(self, content: bytes) -> bool:
        """It was found to hold at this place before, by the own chain."""
        chain, at = self.chain, self.shown.height
        is_here = at < chain.height and chain.holds(at, self.shown.head) and not self._wrong
        return is_here and chain.places[at].content_hash == hashlib.sha256(content).digest()

    def _go_by(self, chain: Chain, suite: str, content: bytes) -> None:
        self.chain = chain
        if suite == KEY_SUITE and content and (news := self.people.note(chain, content)):
            self.news.append(news)

    # Where the server shows another one.

    def look_whether_same(self, log: int, sequence: int, height: int, head: bytes, history: bytes) -> bool:
        """Another history of the server, another log, fewer items than before or another head: the log is read from its
        start.
        """
        before = self._noted("read", history)
        if not (self.is_apart or self.is_behind):
            self._noted("whole", before or history)
        is_other_log = self._noted("log", log.to_bytes(8, "big")) not in {None, log.to_bytes(8, "big")}
        is_same = (
            not is_other_log
            and sequence >= self.sequence
            and (height > self.shown.height or self.shown.holds(height, head))
        )
        if not self.sequence or (is_same and before in {None, history}):
            return True
        self.read_anew()
        return False

    def _noted(self, kind: str, value: bytes) -> bytes | None:
        """What it was before."""
        before = self._tables.chain_history(kind)
        if before != value:
            self._tables.put_chain_history(kind, value)
        return before

    def read_anew(self) -> None:
        """From its first item: the log may be another one now. Until it has come to what is known here, that counts."""
        own = [] if self.is_apart else self.items_after(0)
        self.is_apart = self.is_apart or bool(own)
        self._tables.read_chain_anew(own)
        self.shown, self.sequence, self._kept_to = Chain(), 0, 0
        self._wrong.clear()
        self.forget_epochs()

    def items_after(self, height: int) -> list[tuple[str, bytes]]:
        """Of the own chain."""
        if self.is_apart:
            return self._tables.own_items()[height:]
        items = [(suite, content) for _, suite, content in self._tables.items() if suite != EPOCH_SUITE]
        return items[height:]

    @property
    def broken(self) -> tuple[int, Reason] | None:
        """The first entry that does not hold, and that the person has not seen: nothing is sealed until then."""
        unseen = ((height, why) for height, why, head in self._wrong if not self.people.has_accepted(_mark(head)))
        return next(unseen, None)

    def accept_broken(self) -> None:
        """The person has seen all of them: they count for nothing, for everybody alike."""
        for _, _, head in self._wrong:
            self.people.accept(_mark(head))

    @property
    def offer(self) -> OtherGroup | None:
        """The server has another group in the place of this one."""
        group_id = self._keys.group_id
        if group_id is None:
            return None
        is_here = self.chain.group_id == group_id
        return offer_in(self.chain, self.shown, group_id, {} if is_here else past_devices(self._tables.database))

    @property
    def forked_at(self) -> int | None:
        """The first height at which the server shows another entry. None: it shows the same, more, or less."""
        return parting(self.chain, self.shown) if self.is_apart else None

    @property
    def is_less_shown(self) -> bool:
        """All that the server shows is known here, and is less than it showed before in this very history, or than it
        says that it has.
        """
        known = max(self.chain.height, self._keys.height)
        if self.is_parted or self.shown.height >= known or self.forked_at is not None or self.offer is not None:
            return False
        return self.sequence < self.target or self._tables.chain_history("whole") == self._tables.chain_history("read")

    @property
    def is_rest_lacking(self) -> bool:
        """By its own word on this link, the server has more than it has given so far, and shows no other chain."""
        is_lacking = bool(self.log) and self.sequence < self.target
        return is_lacking and not self.is_parted and self.forked_at is None and self.offer is None

    @property
    def is_own_coming_lost(self) -> bool:
        """Of all that is known here the server lacks only the entry by which this account came in, and has another in
        its place.
        """
        height = self.chain.height
        return self.coming.since(self.chain) == height == self._keys.height and self.forked_at == height

    def come_in_anew(self) -> bool:
        """As who never was in. False: what the server shows may be a lie, and is for the person to decide."""
        if not self.coming.is_lost_by_restore():
            return False
        self.accept()
        self.news.append(COMES_ANEW)
        return True

    def _come_together(self) -> None:
        """The server has all that is known here, and maybe more."""
        self.chain, self.is_apart = self.shown, False
        self._tables.forget_own_items()
        self._count_people()

    def accept(self) -> None:
        """By the word of the person: the own branch is put aside. Who has ended on it stays ended."""
        self._come_together()
        self._keys.put_aside(self.chain.height, self.chain.head)
        self._note_seen()

    def _count_people(self) -> None:
        """Anew, from what the log says now."""
        self.people, chain = KnownPeople(self._keys, past_devices(self._tables.database)), Chain()
        for _, suite, content in self._tables.items():
            if suite != EPOCH_SUITE:
                chain, reason = follow(chain, suite, content, is_checked=True)
                if suite == KEY_SUITE and reason is None:
                    self.people.note(chain, content)

    @property
    def come_back(self) -> list[bytes]:
        """Accounts that read by what the server shows, though this device has seen their end."""
        return come_back(self.shown, self._keys.ended) if self.sequence >= self.target else []

    @property
    def own_come_back(self) -> list[bytes]:
        """Devices of the own account that are live by the chain, though this one has seen their end."""
        is_less = self.is_apart or self.is_parted or self.is_behind
        is_wrong = is_less or self.broken is not None or self.offer is not None
        if is_wrong or not self.is_member or self.sequence < self.target:
            return []
        live = self.chain.accounts[self.account_id].devices
        return [each for each in live if each in self._keys.ended and each != self.device_id]

    def take_back(self, account_id: bytes) -> None:
        """By the word of the person, who was asked by name."""
        its = {each for each, device in self.shown.devices.items() if device.account == account_id}
        self._keys.take_back({account_id, *its})

    def _note_seen(self) -> None:
        """What ended once is kept for ever, whatever chain is shown later. A full disk stops no work."""
        keys, chain = self._keys, self.chain
        if keys.group_id not in {None, chain.group_id}:
            return
        ended = {each for each, account in chain.accounts.items() if account.until != NEVER}
        ended |= {each for each, device in chain.devices.items() if device.until != NEVER}
        ended |= {each for each, invite in chain.invites.items() if invite.until != NEVER}
        if self._is_unkept or chain.height > keys.height or not ended <= keys.ended | keys.taken_back:
            keys.note_ended(ended - keys.taken_back)
            keys.height, keys.head = max((keys.height, keys.head), (chain.height, chain.head))
            keys.group_id = keys.group_id or chain.group_id
            try:
                keys.save()
            except IdentityProblem:
                self._is_unkept = True
            else:
                self._is_unkept = False

    def note_seen_elsewhere(self, height: int, head: bytes) -> None:
        """By another program of this home: the chain is at least this far, and nothing is said before it is here."""
        if height > self._keys.height and height > self.chain.height:
            self._keys.height, self._keys.head = height, head
            self._keys.save()

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
        if self.offer is not None:
            return self.offer.text
        return self._problem_of_past(keys, chain)

    def _problem_of_past(self, keys: Keystore, chain: Chain) -> str:
        if self.broken is not None:
            return broken_text(*self.broken)
        fork = self.forked_at
        if fork is not None:
            return fork_text(chain, self.shown, fork)
        if self.is_parted and self.is_awaited:
            return AWAITED
        if self.is_parted:
            return PARTED
        is_not_here = self.is_behind and not self.is_apart and self.sequence >= self.target
        if is_not_here or (chain.height >= keys.height and chain.head_at(keys.height) != keys.head):
            return LAST_NOT_SHOWN
        back = self.come_back
        return come_back_text(self.shown, back, is_behind=self.is_apart or self.is_being_mended) if back else ""

    @property
    def is_behind(self) -> bool:
        """It has seen more of the chain before than is here now."""
        return self.chain.height < self._keys.height

    @property
    def scope(self) -> Scope:
        return group_scope(self.chain)

    def sealing_epoch(self) -> Epoch | None:
        """None also a day after a link ended that opens it."""
        epoch = super().sealing_epoch()
        if epoch is None:
            return None
        if self._outlived is None or self._outlived[0] is not self.chain or self._outlived[1] is not epoch:
            self._outlived = self.chain, epoch, outlived_ms(self.chain, epoch, self._since_ms(epoch))
        return epoch if self._now_ms() < self._outlived[2] else None

    def _since_ms(self, epoch: Epoch) -> int:
        """By the own clock, since when this device could seal under it."""
        since_ms = self._tables.epoch_since(epoch.epoch_id)
        if since_ms is None:
            since_ms = self._now_ms()
            with contextlib.suppress(HistoryProblem):  # a full disk stops no work
                self._tables.put_epoch_since(epoch.epoch_id, since_ms)
        return since_ms


def _mark(head: bytes) -> bytes:
    """Of the entry at which the chain has this head."""
    return hashlib.sha256(_ACCEPTED + head).digest()
