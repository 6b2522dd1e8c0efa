"""Owns what is shown in place of a message that does not open: why, and what mends it, or that nothing does. Not the
opening.

It is found anew each time they are shown, by what this device has then: so no sentence stays that is not true any more.
"""

from __future__ import annotations

from lanline.client.chat.history import History
from lanline.client.chat.sealed.content import UNREAD
from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.scopes import Pair, Place
from lanline.crypto.groups import ids
from lanline.errors import MalformedPacket
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import CARRIED_SUITE, Header, decode_carried, split_said

_OUTSIDE = "(cannot be read yet: this device is not in the group)"
_GONE = "(cannot be read: this device is not in the group any more)"
_STATEMENT = "(cannot be read yet: what says under which key has not come)"
_DAMAGED = (
    "(cannot be read: what says under which key is damaged on the server, or was changed there. Whoever has it can "
    "say it again)"
)
_SEED = "(cannot be read yet: another device of yours has to be online once, to give its keys)"
_CHAIN = "(cannot be read yet: its author has seen more of the group than the server shows here)"
_BEYOND = "(cannot be read: it is of a group before this one, or of more of this one than the server shows here)"
_GIVEN_BY_NOBODY = "(cannot be read: its key had not come when you, or who had it, left, and nobody gives it any more)"
_OTHER_ACCOUNT = (
    "(cannot be read: it is of the account that had your name before this one, whose keys are lost. Nothing opens it: "
    "whoever has it can say it again)"
)
_OTHER_GROUP = (
    "(cannot be read: it was sealed in a group before this one, and this device has no key of that. Whoever has it can "
    "say it again)"
)


class Unread:
    def __init__(self, context: GroupContext, history: History) -> None:
        self._context = context
        self._history = history

    def text(self, place: Place, entry: LogEntry) -> str:
        context = self._context
        if not context.copy.is_member:
            return _GONE if context.copy.device_id in context.copy.chain.devices else _OUTSIDE
        try:
            said = decode_carried(entry.content).said if entry.suite == CARRIED_SUITE else entry.content
            header, _ = split_said(said)
        except MalformedPacket:
            return UNREAD
        sealing = next((each for each in context.scopes.sealings(place) if header.epoch_id in each.copy.epochs), None)
        if sealing is None:
            return self._without_statement(place, entry, header)
        if sealing.copy.secret(header.epoch_id) is not None:
            return _CHAIN
        if not context.has_newest_seed:
            return _SEED
        return UNREAD if sealing.copy.may_begin or not sealing.copy.is_complete else _GIVEN_BY_NOBODY

    def _without_statement(self, place: Place, entry: LogEntry, header: Header) -> str:
        if any(header.epoch_id in each.copy.damaged for each in self._context.scopes.sealings(place)):
            return _DAMAGED
        chain = self._context.copy.chain
        found = self._context.scopes.foreign_statement(place.log, header.epoch_id)
        if found is not None and isinstance(place, Pair) and self._is_of_account_before(place, found.scope):
            return _OTHER_ACCOUNT
        is_strange = header.device_id not in chain.devices
        if found is not None and not chain.holds(found.height, found.head):
            return _OTHER_GROUP if is_strange or found.height <= chain.height else _BEYOND
        opened = self._history.first_opened(place.log)
        return _OTHER_GROUP if is_strange and opened is not None and entry.sequence < opened else _STATEMENT

    def _is_of_account_before(self, place: Pair, scope: bytes) -> bool:
        """Whether it is of a talk that an account which had this one's name before had with the same person."""
        copy, scopes = self._context.copy, self._context.scopes
        before = scopes.accounts_named(copy.chain.accounts[copy.account_id].name)
        return any(
            scope == make(copy.chain.group_id, one, other)
            for make in (ids.pair_id_of, ids.rsa_pair_id_of)
            for one in before
            for other in scopes.accounts_named(place.name.encode())
            if copy.account_id not in {one, other}
        )
