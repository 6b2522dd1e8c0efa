"""Owns how long the name of what was deleted is nobody's, so that nobody is taken for who had it."""

from __future__ import annotations

import datetime as dt

from lanline.core.commands import Context
from lanline.errors import NameTaken
from lanline.storage.api import Transaction, View

DAY_MS = 24 * 3600 * 1000
_FOR_GOOD_MS = 2**62


def hold(transaction: Transaction, name: str, context: Context) -> None:
    transaction.names.release(context.now_ms)
    transaction.names.hold(name, context.now_ms + context.settings.names_held_days * DAY_MS)


def hold_for_good(transaction: Transaction, name: str) -> None:
    """Of a room whose members have signed it under this name: their devices take no other one for it."""
    transaction.names.hold(name, _FOR_GOOD_MS)


def check_free(view: View, name: str, context: Context) -> None:
    """Of an account, as below; also that nobody in the group has it, who may have no account any more."""
    check_held(view, name, context)
    if name.encode() in context.groups.at(view).chain.names:
        raise NameTaken(f"The name {name} is still that of a member of the group. An admin of it can end that.")


def check_held(view: View, name: str, context: Context) -> None:
    """Raises NameTaken. That nobody has it now is checked where it is written."""
    until_ms = view.names.held_until(name)
    if until_ms == _FOR_GOOD_MS:
        raise NameTaken(f"The name {name} was that of a sealed room that was deleted, and is not given out again.")
    if until_ms > context.now_ms:
        day = dt.datetime.fromtimestamp(until_ms / 1000, dt.UTC)
        raise NameTaken(f"The name {name} was deleted not long ago, and is free again on {day:%Y-%m-%d}.")
