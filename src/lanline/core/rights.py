"""Owns whether an entry may be appended, as its transaction finds it: rights, quota, the epoch it is sealed under.

What was found holds until a right changes; who keeps it is `appends`.
"""

from __future__ import annotations

from lanline.chain.epochs import is_fresh
from lanline.chain.offers import said_under
from lanline.core.commands import check_still_known, unknown_conversation
from lanline.core.groupstate import SEALED_SUITES, TOPIC_SUITE, GroupStates
from lanline.core.refusals import not_sealed, stale_keys
from lanline.core.slowrooms import SlowRooms
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import ENTRY_COST_BYTES, LogId, NewEntry
from lanline.model.rooms import Membership, Role
from lanline.storage.api import Transaction, View

Key = tuple[LogId, AccountId, DeviceId, str, bytes]
"""With the suite, and the beginning of what is sealed, which names an epoch and a device; empty for what is not."""
_SAID_UNDER_BYTES = 33
_MAX_KEYS = 100_000
MAX_TOPIC_BYTES = 2048
"""Sealed: more than the longest topic takes."""


def key_of(entry: NewEntry) -> Key:
    under = entry.content[:_SAID_UNDER_BYTES] if entry.suite in SEALED_SUITES else b""
    return entry.log, entry.account, entry.device, entry.suite, under


def check_quota(view: View, account: AccountId, quota_bytes: int, size_bytes: int) -> None:
    """Before one more entry of that size. Raises RequestRefused."""
    if view.accounts.message_bytes(account) + size_bytes + ENTRY_COST_BYTES > quota_bytes:
        raise _quota_used(quota_bytes)


def _quota_used(quota_bytes: int) -> RequestRefused:
    text = f"You have written {quota_bytes // 1024**2} MB on this server, all that you may. Ask its admin."
    return RequestRefused(RefusalCode.QUOTA_EXCEEDED, text)


class Rights:
    """Who may append where, and how much more each account may write."""

    __slots__ = ("keys", "left_bytes")

    def __init__(self) -> None:
        self.keys: set[Key] = set()
        self.left_bytes: dict[AccountId, int] = {}

    def add(self, other: Rights) -> None:
        if len(self.keys) > _MAX_KEYS:
            self.keys.clear()
            self.left_bytes.clear()
        self.keys |= other.keys
        self.left_bytes |= other.left_bytes


class Judge:
    """Of one batch: each author in a log is looked up once."""

    def __init__(self, transaction: Transaction, quota_bytes: int, groups: GroupStates) -> None:
        self._transaction = transaction
        self._groups = groups
        self._quota_bytes = quota_bytes
        self._refusals: dict[Key, RequestRefused | None] = {}
        self._left_bytes: dict[AccountId, int] = {}
        self._slow_rooms = SlowRooms(transaction)
        self.found = Rights()

    def refusal(self, entry: NewEntry) -> RequestRefused | None:
        if entry.suite == TOPIC_SUITE and len(entry.content) > MAX_TOPIC_BYTES:
            return RequestRefused(RefusalCode.INVALID, "This is too large for the topic of a room.")
        key = key_of(entry)
        if key not in self._refusals:
            self._refusals[key] = self._look(entry)
            is_lasting = entry.suite != TOPIC_SUITE and not self._slow_rooms.slows(entry)
            if self._refusals[key] is None and is_lasting:
                self.found.keys.add(key)
        why = self._refusals[key] or self._slow_rooms.refusal(entry)
        if why is not None:
            return why
        left_bytes = self._left_bytes[entry.account] - len(entry.content) - ENTRY_COST_BYTES
        if left_bytes < 0:
            return _quota_used(self._quota_bytes)
        self._left_bytes[entry.account] = left_bytes
        return None

    def _look(self, entry: NewEntry) -> RequestRefused | None:
        view, account = self._transaction, entry.account
        if account == 0:  # the operator, who is in no conversation
            return unknown_conversation()
        try:
            check_still_known(view, account, entry.device)
        except RequestRefused as why:
            return why
        if account not in self._left_bytes:
            left_bytes = self._quota_bytes - view.accounts.message_bytes(account)
            self._left_bytes[account] = self.found.left_bytes[account] = left_bytes
        why_not = self.look_at_member(entry)
        if why_not is not None:
            return why_not
        return self._look_at_seal(entry) if entry.suite in SEALED_SUITES else self._look_at_plain()

    def look_at_member(self, entry: NewEntry) -> RequestRefused | None:
        """Whether its author may speak there."""
        member = self._transaction.rooms.membership(entry.log, entry.account)
        if member is not None and not member.may_read:
            return unknown_conversation()
        if member is not None and not member.may_speak:
            return RequestRefused(RefusalCode.MUTED, "You are muted in this room: you may read and not speak.")
        if member is not None and entry.suite == TOPIC_SUITE:
            return self._look_at_topic(entry, member)
        why_not = self._look_at_direct(entry.log, entry.account) if member is None else None
        if why_not is None and entry.suite == TOPIC_SUITE:
            return RequestRefused(RefusalCode.INVALID, "Only a room has a topic.")
        return why_not

    def _look_at_topic(self, entry: NewEntry, member: Membership) -> RequestRefused | None:
        """An admin may, but in a private room."""
        view = self._transaction
        account, is_private = view.accounts.by_id(entry.account), view.groups.private_room(entry.log) is not None
        is_admin = account is not None and account.is_admin and not is_private
        if member.role < Role.MODERATOR and not is_admin:
            return RequestRefused(RefusalCode.NOT_ALLOWED, "Only moderators and owners set the topic here.")
        return None

    def _look_at_plain(self) -> RequestRefused | None:
        """Where there is a group, or was one, nothing is taken that the server could read.

        A refusal for now: a client that did not know of the group yet seals the same words and sends them again.
        """
        state = self._groups.at(self._transaction)
        return not_sealed() if state.is_founded or state.is_awaited else None

    def _look_at_direct(self, log: LogId, account: AccountId) -> RequestRefused | None:
        direct = self._transaction.rooms.direct(log)
        if direct is None or account not in (direct.lower, direct.higher):
            return unknown_conversation()
        other = self._transaction.accounts.by_id(direct.other(account))
        if other is not None and other.is_ended:
            text = f"The account {other.name} was deleted: nobody would read it."
            return RequestRefused(RefusalCode.NOT_ALLOWED, text)
        return None

    def _look_at_seal(self, entry: NewEntry) -> RequestRefused | None:
        """That it is under an epoch that may still be used, by the device that sends it."""
        view, under, state = self._transaction, said_under(entry.content), self._groups.at(self._transaction)
        if state.is_awaited:  # who does not know yet that their group was put aside waits with what they say
            return stale_keys()
        scope, device = self._groups.scope_of(view, entry.log), view.accounts.device(entry.device)
        if scope is None and view.rooms.direct(entry.log) is not None:
            return RequestRefused(RefusalCode.NOT_ALLOWED, "One of the two is not in the group: nothing is said here.")
        if under is None or scope is None or device is None:
            return RequestRefused(RefusalCode.INVALID, "Nothing can be sealed in this way here.")
        epoch_id, device_id = under
        height = view.groups.epoch_height(scope.id, epoch_id)
        if height is None:
            return stale_keys()
        member = state.member_by_link(device.fingerprint)
        if member is None or member.device_id != device_id:
            return RequestRefused(RefusalCode.NOT_ALLOWED, "It is sealed by another device than sends it.")
        return None if is_fresh(height, scope.last_loss) else stale_keys()
