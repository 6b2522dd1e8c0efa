"""Owns how sealed words come back that a restored server has lost: any member brings them, of whoever is still there.

Who said them the seal proves to every reader. The server looks at what it can: that their author is there and reads
that conversation, that their epoch is known, that who brings them may speak there and has room for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from lanline.chain.reasons import Reason
from lanline.chain.scopes import Scope
from lanline.chain.words import author_of_carried, carried_content, judge_epoch_of_carried
from lanline.core.boxes import member_of
from lanline.core.changes import Appended, Change
from lanline.core.commands import Authority, Command, Decision, unknown_conversation
from lanline.core.groupstate import CARRIED_SUITE, GroupState
from lanline.core.history import check_not_gathering
from lanline.core.keyentries import check_whole
from lanline.core.rights import Judge, check_quota
from lanline.model.logs import ENTRY_COST_BYTES, Entry, LogId, NewEntry
from lanline.storage.api import Transaction

NEVER_FRESH = -1
"""As the height of an epoch whose statement came with words: it opens them, and the server takes none under it."""
_GONE = "its author, or the device that said it, is not there any more"
_REASONS = {
    Reason.DEVICE: _GONE,
    Reason.RIGHTS: _GONE,
    Reason.FORM: "it is in no form that words have",
    Reason.NOT_YET_THERE: "it is of a part of the group's history that the server has lost",
    Reason.OTHER_CHAIN: "it is of a part of the group's history that the server has lost",
}
_NAME_TAKEN = "who brings it has said something else under the id that it would have; somebody else may bring it"
_NO_EPOCH = "the key under which it was sealed is lost"


class LostByServer(NamedTuple):
    entry_id: bytes
    said: bytes
    statement: bytes


class _Taken(NamedTuple):
    entry: NewEntry
    epoch_id: bytes


class BringWords(Command[tuple[str, ...]], frozen=True):
    """Why each is not taken; empty: it stands."""

    log: LogId
    words: tuple[LostByServer, ...]

    fills_disk: ClassVar[bool] = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[tuple[str, ...]]:
        by.check_person()
        check_not_gathering(transaction)
        state = by.context.groups.at(transaction)
        coming = NewEntry(self.log, b"", by.account, by.actor.device, by.context.now_ms, CARRIED_SUITE, b"")
        why_not = Judge(transaction, 0, by.context.groups).look_at_member(coming)
        if why_not is not None:
            raise why_not
        private = by.context.groups.room_at(transaction, self.log)
        if private is not None:
            check_whole(private)
        scope = by.context.groups.scope_of(transaction, self.log)
        member = member_of(transaction, by, state)
        if scope is None or member is None or not scope.reads_at(member.account_id, state.chain.height):
            raise unknown_conversation()
        found = [self._judged(transaction, by, state, scope, each) for each in self.words]
        taken = [each for each in found if isinstance(each, _Taken)]
        refusals = tuple(each if isinstance(each, str) else "" for each in found)
        return refusals, self._append(transaction, by, scope, taken) if taken else ()

    def _judged(
        self, transaction: Transaction, by: Authority, state: GroupState, scope: Scope, lost: LostByServer
    ) -> str | _Taken:
        """Why not, empty where it stands; or what is to be appended."""
        sealed = author_of_carried(state.chain, scope, lost.entry_id, lost.said)
        if isinstance(sealed, Reason):
            return _REASONS[sealed]
        account_id, epoch_id, carried_id = sealed
        account = state.account_of(transaction, account_id)
        stands = None if account is None else transaction.logs.find(self.log, account, lost.entry_id)
        if transaction.logs.has_carried(self.log, carried_id) or (stands is not None and stands.content == lost.said):
            return ""
        if transaction.logs.find(self.log, by.account, carried_id) is not None:
            return _NAME_TAKEN
        if why_not := _look_at_epoch(transaction, state, scope, epoch_id, lost.statement):
            return why_not
        device, now_ms, content = by.actor.device, by.context.now_ms, carried_content(*lost)
        return _Taken(NewEntry(self.log, carried_id, by.account, device, now_ms, CARRIED_SUITE, content), epoch_id)

    def _append(
        self, transaction: Transaction, by: Authority, scope: Scope, taken: Sequence[_Taken]
    ) -> Sequence[Change]:
        size_bytes = sum(len(each.entry.content) + ENTRY_COST_BYTES for each in taken)
        check_quota(transaction, by.account, by.context.settings.message_quota_bytes, size_bytes)
        entries = [each.entry for each in taken]
        told: list[Entry] = []
        for each, at in zip(entries, transaction.logs.append(entries), strict=True):
            if not at.is_repeat:
                transaction.logs.note_carried(self.log, each.entry_id)
                fields = each.device, at.time_ms, each.suite, each.content
                told.append(Entry(self.log, at.sequence, each.entry_id, by.account, *fields))
        for epoch_id in {each.epoch_id for each in taken}:
            if transaction.groups.epoch_height(scope.id, epoch_id) is None:
                transaction.groups.add_epoch(scope.id, epoch_id, NEVER_FRESH, by.account)
        return [Appended(self.log, told[-1].sequence, told)]


def _look_at_epoch(transaction: Transaction, state: GroupState, scope: Scope, epoch_id: bytes, statement: bytes) -> str:
    """Why what was sealed under it is not taken. Empty: it is known, or its statement came with the words."""
    if not statement:
        is_known = transaction.groups.epoch_height(scope.id, epoch_id) not in {None, NEVER_FRESH}
        return "" if is_known else _NO_EPOCH
    epoch = judge_epoch_of_carried(state.chain, scope, statement)
    if isinstance(epoch, Reason):
        return _REASONS.get(epoch, _NO_EPOCH)
    return "" if epoch.epoch_id == epoch_id else _NO_EPOCH
