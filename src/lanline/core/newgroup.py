"""Owns how the operator puts a group aside that nobody can rule any more, so that another can be founded in its place.

Not who is in that one: each member's own program asks before it seals anything to it (docs/protocol/sealing.md, 7.1).
"""

from __future__ import annotations

import msgspec

from lanline.core.accounts import alter
from lanline.core.changes import ChainGrew, Change
from lanline.core.commands import Authority, Command, Decision, known_account
from lanline.core.groupstate import AWAITED
from lanline.core.history import check_not_gathering
from lanline.core.journal import note
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import Account, AccountId
from lanline.model.journal import Deed
from lanline.storage.api import Transaction


class BeginNewGroup(Command[None], frozen=True):
    founder: AccountId

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        if not by.actor.is_operator:
            text = "Only whoever runs the server can begin a new group, on its own machine."
            raise RequestRefused(RefusalCode.NOT_ALLOWED, text)
        founder = known_account(transaction, self.founder)
        if founder.is_banned:
            raise RequestRefused(RefusalCode.NOT_ALLOWED, f"{founder.name} is banned: let them in again first.")
        if not by.context.groups.at(transaction).is_founded:
            raise RequestRefused(RefusalCode.NOT_FOUND, "There is no group on this server to put aside.")
        check_not_gathering(transaction)
        note(transaction, by, Deed.GROUP_PUT_ASIDE, founder.name)
        transaction.groups.put_aside(by.context.now_ms)
        changes = _made_only_admin(transaction, by, founder)
        return None, (*changes, ChainGrew(AWAITED))


def _made_only_admin(transaction: Transaction, by: Authority, founder: Account) -> list[Change]:
    """Who rules the server could found the group: whoever has found or stolen a device of the last admin, too."""
    changes: list[Change] = []
    for before in transaction.accounts.all():
        after = msgspec.structs.replace(before, is_admin=before.id == founder.id)
        if after != before:
            changes += alter(transaction, by, before, after)[1]
    return changes
