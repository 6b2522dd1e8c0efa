"""Owns the RSA keys that accounts register for the suite `rsa`, and who is given the private halves.

Which of them counts the chain says (`keyentries`); what they seal is `boxes`.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar

from lanline.core.boxes import member_of
from lanline.core.commands import Authority, Command, Decision
from lanline.core.keyentries import check_unnamed_keys, name_lost_keys
from lanline.errors import RefusalCode, RequestRefused
from lanline.storage.api import Transaction, View


class PutRsaKey(Command[None], frozen=True):
    """Before the entry that names its hash."""

    public: bytes
    half: bytes

    fills_disk: ClassVar[bool] = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        check_unnamed_keys(transaction, by, 1)
        rsa_hash = hashlib.sha256(self.public).digest()
        transaction.groups.put_rsa_key(rsa_hash, self.public, self.half, by.account, by.context.now_ms)
        name_lost_keys(transaction, by, (rsa_hash,))
        return None, ()


def find_half(view: View, by: Authority, rsa_hash: bytes) -> bytes:
    """Nobody else is given it, though nobody else could open it. Raises RequestRefused."""
    state = by.context.groups.at(view)
    member = member_of(view, by, state)
    own = () if member is None else state.chain.accounts[member.account_id].generations
    half = view.groups.rsa_half(rsa_hash) if any(each.rsa and each.rsa[1] == rsa_hash for each in own) else None
    if half is None:
        raise RequestRefused(RefusalCode.NOT_FOUND, "Your account has no such RSA key here.")
    return half
