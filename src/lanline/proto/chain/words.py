"""Owns whether verified words stand where they lie: their epoch, their device, and what they say they had seen.

Not what is shown of those that do not, and not the gaps and forks that several words show together.
"""

from __future__ import annotations

from lanline.proto.chain.epochs import Epoch
from lanline.proto.chain.reasons import Reason
from lanline.proto.chain.scopes import Scope
from lanline.proto.chain.state import Chain
from lanline.wire.sealing.said import Words


def judge_words(
    chain: Chain,
    scope: Scope,
    epoch: tuple[Epoch, int],
    author: tuple[bytes, bytes],
    words: Words,
    place: int,
) -> Reason | None:
    """`epoch` comes with the place of its statement, `author` is the account and the device."""
    begun, statement_place = epoch
    account_id, device_id = author
    if begun.scope != scope.id or (scope.has_statements and statement_place >= place):
        return Reason.SCOPE
    if begun.height > words.height:
        return Reason.PLACE
    if words.height > chain.height:
        return Reason.NOT_YET_THERE
    device = chain.live_device(device_id, words.height)
    if device is None or device.account != account_id:
        return Reason.DEVICE
    return None if scope.reads_at(account_id, words.height) else Reason.RIGHTS
