"""Owns whether verified words stand where they lie: their epoch, their device, and what they say they had seen.

Not what is shown of those that do not, and not the gaps and forks that several words show together.
"""

from __future__ import annotations

from typing import NamedTuple

from lanline.chain.epochs import Epoch, judge_epoch
from lanline.chain.reasons import Reason
from lanline.chain.scopes import Scope
from lanline.chain.state import NEVER, Chain
from lanline.crypto.groups.ids import carried_id_of
from lanline.errors import MalformedPacket
from lanline.wire.sealing.said import CarriedWords, Words, split_said
from lanline.wire.sealing.strict import encode_strictly


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


# Words that a restored server has lost, and that somebody brings again.


def judge_epoch_of_carried(chain: Chain, scope: Scope, statement: bytes) -> Epoch | Reason:
    """It came with words, and only opens them: nothing is sealed under it, so it may be as old as it likes."""
    return judge_epoch(chain, scope.id, scope.reads_at, (), statement)


class UnopenedWords(NamedTuple):
    """What shows of words that nobody has opened."""

    account_id: bytes
    epoch_id: bytes
    carried_id: bytes


def author_of_carried(chain: Chain, scope: Scope, entry_id: bytes, said: bytes) -> UnopenedWords | Reason:
    """They are taken of who is there now: of others nobody could tell from when they are."""
    try:
        header, _ = split_said(said)
    except MalformedPacket:
        return Reason.FORM
    device = chain.devices.get(header.device_id)
    if device is None or device.until != NEVER:
        return Reason.DEVICE
    if not scope.reads_at(device.account, chain.height):
        return Reason.RIGHTS
    return UnopenedWords(device.account, header.epoch_id, carried_id_of(device.account, entry_id, said))


def carried_content(entry_id: bytes, said: bytes, statement: bytes) -> bytes:
    return encode_strictly(CarriedWords(entry_id, said, statement))


def judge_carried(
    chain: Chain, scope: Scope, epoch: Epoch, author: tuple[bytes, bytes], words: Words, history: bytes
) -> Reason | None:
    """By who reads them, with the server's present `history`: what names that one was never lost.

    Their place says nothing, as it is not the one at which they were said.
    """
    if words.history == history:
        return Reason.NOT_LOST
    if words.height <= chain.height and not chain.holds(words.height, words.head):
        return Reason.OTHER_CHAIN
    return judge_words(chain, scope, (epoch, 0), author, words, 1)
