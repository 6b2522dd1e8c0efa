"""Owns how epochs begin and how their secrets reach each reader, in boxes that the server cannot open.

It checks that a statement holds, is fresh, and that nobody who reads was left out; and gives each box to its reader
only. Who may read is the chain's word (`groupstate`).
"""

from __future__ import annotations

import hashlib
from typing import ClassVar, NamedTuple

from lanline.chain.epochs import Epoch, Recipient, RecipientKind, is_fresh, judge_epoch, scope_named
from lanline.chain.offers import seed_places
from lanline.chain.reasons import Reason
from lanline.chain.scopes import Scope
from lanline.core.changes import Appended, BoxesGiven, ChainGrew, Change
from lanline.core.commands import Authority, Command, Decision
from lanline.core.groupstate import EPOCH_SUITE, ChainMember, GroupState
from lanline.core.keyentries import BOXES_WAIT_MS, check_whole, does_not_hold
from lanline.core.refusals import stale_keys
from lanline.core.rights import check_quota
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.groups import FOR_DEVICE, MAX_BOXES_FROM_HELPERS, Box
from lanline.model.invites import invite_token_hash
from lanline.model.logs import ENTRY_ID_BYTES, Entry, LogId, NewEntry
from lanline.storage.api import Transaction, View

_MAX_BOXES_OF_STRANGER = 4
_MAX_SEEDS = 64
"""Of one account, the newest: each is sealed to its devices, of which there are as many at most."""
_MAX_COMING_SEEDS = 8
"""For which there is no entry yet: two devices may be at it at once."""


class NewBox(NamedTuple):
    kind: int
    recipient: bytes
    generation: int
    data: bytes


class Begun(NamedTuple):
    sequence: int


class Lacking(NamedTuple):
    """Readers without a box: nothing was begun."""

    readers: tuple[Recipient, ...]


class PutBoxes(Command[None], frozen=True):
    """Of an epoch whose statement follows, or that stands and somebody lacks. `log` 0: of one's own seed."""

    log: LogId
    scope: bytes
    epoch_id: bytes
    boxes: tuple[NewBox, ...]

    fills_disk: ClassVar[bool] = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        by.check_person()
        state, now_ms = by.context.groups.at(transaction), by.context.now_ms
        member = member_of(transaction, by, state)
        if not self.log:
            self._put(transaction, by, self._of_seed(transaction, by, state, member))
            return None, (BoxesGiven(self.scope, self.epoch_id, frozenset(each.recipient for each in self.boxes)),)
        if member is None:
            raise _not_in_group()
        scope = _scope(transaction, by, self.log, self.scope, member)
        _check_suite(scope, self.boxes)
        readers = {(each.kind.value, each.id, each.generation) for each in scope.readers(now_ms)}
        wanted = [each for each in self.boxes if (each.kind, each.recipient, each.generation) in readers]
        if transaction.groups.epoch_height(self.scope, self.epoch_id) is None:
            transaction.groups.drop_waiting(by.account, self.scope, self.epoch_id)
            transaction.groups.drop_stale(now_ms - BOXES_WAIT_MS, 0)
            self._put(transaction, by, wanted)
            return None, ()
        given = [each for each in wanted if self._has_place(transaction, by, each)]
        self._put(transaction, by, given)
        return None, (BoxesGiven(self.scope, self.epoch_id, frozenset(each.recipient for each in given)),)

    def _of_seed(
        self, transaction: Transaction, by: Authority, state: GroupState, member: ChainMember | None
    ) -> list[NewBox]:
        """To the devices of one's own account; somebody who comes brings that of the first device before the entry."""
        if any(each.kind != FOR_DEVICE for each in self.boxes):
            raise does_not_hold(Reason.SCOPE)
        if member is not None:
            if self.scope != member.account_id:
                raise does_not_hold(Reason.SCOPE)
            places = seed_places(state.chain, member.account_id)
            number = places.index(self.epoch_id) + 1 if self.epoch_id in places else len(places) + 1
            self._make_place(transaction, by, places)
            mine = state.chain.accounts[member.account_id].devices
            return [each for each in self.boxes if each.recipient in mine and each.generation == number]
        given = transaction.groups.boxes_of(by.account)
        if self.scope in state.chain.accounts or given + len(self.boxes) > _MAX_BOXES_OF_STRANGER:
            raise _not_in_group()
        return list(self.boxes)

    def _make_place(self, transaction: Transaction, by: Authority, places: list[bytes]) -> None:
        """What nothing names, and the oldest, goes: nobody who has a device of the account can keep it from turning."""
        given = transaction.groups.epochs_given(by.account, self.scope)
        coming = [each for each in given if each not in places and each != self.epoch_id][: _MAX_COMING_SEEDS - 1]
        kept = {self.epoch_id, *coming, *places[-_MAX_SEEDS:]}
        transaction.groups.drop_given(by.account, self.scope, [each for each in given if each not in kept])

    def _has_place(self, view: View, by: Authority, box: NewBox) -> bool:
        """What is kept of helpers is bounded, or garbage would fill the disk; the author's has its own place."""
        there = view.groups.boxes(box.kind, box.recipient, self.scope, [self.epoch_id])
        if any(each.giver == by.account for each in there):
            return True
        is_author = view.groups.epoch_author(self.scope, self.epoch_id) == by.account
        return is_author or len(there) < MAX_BOXES_FROM_HELPERS

    def _put(self, transaction: Transaction, by: Authority, boxes: list[NewBox]) -> None:
        kept = [
            Box(self.scope, self.epoch_id, each.kind, each.recipient, each.generation, by.account, each.data)
            for each in boxes
        ]
        transaction.groups.put_boxes(kept, by.context.now_ms)


class BeginEpoch(Command[Begun | Lacking], frozen=True):
    log: LogId
    content: bytes

    fills_disk: ClassVar[bool] = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[Begun | Lacking]:
        by.check_person()
        state = by.context.groups.at(transaction)
        member = member_of(transaction, by, state)
        if member is None:
            raise _not_in_group()
        entry_id = hashlib.sha256(self.content).digest()[:ENTRY_ID_BYTES]
        stands = transaction.logs.find(self.log, by.account, entry_id)
        if stands is not None:
            return Begun(stands.sequence), ()
        scope = _scope(transaction, by, self.log, scope_named(self.content), member)
        if scope.id != _scope(transaction, by, self.log, None, member).id and not scope.is_rsa:
            raise does_not_hold(Reason.SUITE)
        private = by.context.groups.room_at(transaction, self.log)
        if private is not None:
            check_whole(private)
        epoch = self._judged(transaction, state, scope, member)
        lacking = self._lacking(transaction, by, scope, epoch)
        if lacking:
            return Lacking(lacking), ()
        transaction.groups.add_epoch(scope.id, epoch.epoch_id, epoch.height, by.account)
        check_quota(transaction, by.account, by.context.settings.message_quota_bytes, len(self.content))
        begun, changes = self._appended(transaction, by, entry_id)
        if scope.is_rsa:  # what was sealed in the other suite is not taken any more
            changes = (*changes, ChainGrew(state))
        return begun, changes

    def _judged(self, view: View, state: GroupState, scope: Scope, member: ChainMember) -> Epoch:
        known = view.groups.epoch_ids(scope.id)
        epoch = judge_epoch(state.chain, scope.id, scope.reads_at, known, self.content)
        if isinstance(epoch, Reason):
            raise does_not_hold(epoch)
        if epoch.author != member.account_id:
            raise does_not_hold(Reason.RIGHTS)
        if not is_fresh(epoch.height, scope.last_loss):
            raise stale_keys()
        return epoch

    @staticmethod
    def _lacking(view: View, by: Authority, scope: Scope, epoch: Epoch) -> tuple[Recipient, ...]:
        there = view.groups.recipients(by.account, scope.id, epoch.epoch_id)
        lacking = [
            each
            for each in scope.readers(by.context.now_ms)
            if each.kind is RecipientKind.ACCOUNT and (each.kind.value, each.id, each.generation) not in there
        ]
        keys = view.groups.keys([each.seal_hash for each in lacking])  # a restored server has lost some
        return tuple(each for each in lacking if each.seal_hash in keys)

    def _appended(self, transaction: Transaction, by: Authority, entry_id: bytes) -> Decision[Begun | Lacking]:
        device, now_ms = by.actor.device, by.context.now_ms
        entry = NewEntry(self.log, entry_id, by.account, device, now_ms, EPOCH_SUITE, self.content)
        [at] = transaction.logs.append([entry])
        committed = Entry(self.log, at.sequence, entry_id, by.account, device, at.time_ms, EPOCH_SUITE, self.content)
        changes: list[Change] = [Appended(self.log, at.sequence, [committed])]
        return Begun(at.sequence), changes


class WantBoxes(Command[ChainMember], frozen=True):
    """What was given does not open, or nothing was: helpers' boxes are dropped, and others are asked for one."""

    log: LogId
    scope: bytes
    epoch_ids: tuple[bytes, ...]

    def decide(self, transaction: Transaction, by: Authority) -> Decision[ChainMember]:
        state = by.context.groups.at(transaction)
        member = member_of(transaction, by, state)
        if member is None:
            raise _not_in_group()
        groups = transaction.groups
        if self.log:
            _scope(transaction, by, self.log, self.scope, member)
            groups.drop_boxes_of_helpers(RecipientKind.ACCOUNT, member.account_id, self.scope, self.epoch_ids)
        else:
            groups.drop_boxes_of_helpers(FOR_DEVICE, member.device_id, member.account_id, self.epoch_ids)
        return member, ()


def find_boxes(view: View, by: Authority, scope: bytes, epoch_ids: tuple[bytes, ...], shown: bytes | None) -> list[Box]:
    """Those for the asker: for its account, for this device, and for the invite whose `shown` it knows."""
    state = by.context.groups.at(view)
    member = member_of(view, by, state)
    found: list[Box] = []
    if member is not None:
        found += view.groups.boxes(RecipientKind.ACCOUNT, member.account_id, scope, epoch_ids)
        found += view.groups.boxes(FOR_DEVICE, member.device_id, scope, epoch_ids)
    for device_id in _recovery_keys(view, by, state, scope):
        found += view.groups.boxes(FOR_DEVICE, device_id, scope, epoch_ids)
    invite = None if shown is None else view.invites.by_token_hash(invite_token_hash(shown))
    if invite is not None and invite.invite_id is not None:
        found += view.groups.boxes(RecipientKind.INVITE, invite.invite_id, scope, epoch_ids)
    return found or _past_boxes(view, by, scope, epoch_ids)


def _past_boxes(view: View, by: Authority, scope: bytes, epoch_ids: tuple[bytes, ...]) -> list[Box]:
    """To who was in a group before this one at its end: what was said there stays theirs to read."""
    found: list[Box] = []
    for state in by.context.groups.past(view):
        member = member_of(view, by, state)
        if member is not None:
            found += view.groups.past_boxes(RecipientKind.ACCOUNT, member.account_id, scope, epoch_ids)
            found += view.groups.past_boxes(FOR_DEVICE, member.device_id, scope, epoch_ids)
    return found


def find_past_items(
    view: View, by: Authority, group_id: bytes, after: int, limit: int, most_bytes: int
) -> tuple[LogId, list[Entry]]:
    """Of the chain of such a group, with the log that it lies in. Raises RequestRefused."""
    for state in by.context.groups.past(view):
        if state.chain.group_id == group_id and member_of(view, by, state) is not None:
            return state.log, view.logs.after(state.log, after, limit, most_bytes)
    raise RequestRefused(RefusalCode.NOT_FOUND, "This device was in no such group here.")


def _recovery_keys(view: View, by: Authority, state: GroupState, scope: bytes) -> list[bytes]:
    """What only the bearer of the account's recovery key can open: for a device that comes in by it."""
    if not state.is_founded or state.member_of(view, by.account) != scope:
        return []
    return state.chain.recovery_keys(scope)


def member_of(view: View, by: Authority, state: GroupState) -> ChainMember | None:
    device = view.accounts.device(by.actor.device)
    return None if device is None else state.member_by_link(device.fingerprint)


def _scope(view: View, by: Authority, log: LogId, named: bytes | None, member: ChainMember) -> Scope:
    """Of a log in which epochs' statements lie. Nobody has a say there who does not read it."""
    groups = by.context.groups
    state, scope = groups.at(view), groups.scope_of(view, log, named)
    if scope is None or not (scope.has_statements or log == state.log) or named not in {None, scope.id}:
        raise does_not_hold(Reason.SCOPE)
    if not scope.reads_at(member.account_id, state.chain.height):
        raise does_not_hold(Reason.RIGHTS)
    return scope


def _check_suite(scope: Scope, given: tuple[NewBox, ...]) -> None:
    """A program that does not know the suite seals boxes of another length, which nobody would open."""
    if any(not scope.may_be_box(each.data) for each in given):
        text = "This conversation is sealed in suite rsa, which this program does not know. Upgrade Lanline."
        raise RequestRefused(RefusalCode.INVALID, text)


def _not_in_group() -> RequestRefused:
    return RequestRefused(RefusalCode.NOT_ALLOWED, "This device is not in the group yet.")
