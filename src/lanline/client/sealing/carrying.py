"""Owns how words are judged that a restored server had lost, and that somebody brings: docs/protocol/sealing.md, 5.3.

By the same rules as all words, but for their place: it is not the one at which they were said, so neither the order nor
the gaps of a run show anything, and nothing is compared with what their author had seen of the log.
"""

from __future__ import annotations

from lanline.chain.epochs import Epoch
from lanline.chain.reasons import Reason
from lanline.chain.words import judge_carried
from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.scopes import Place, Sealing
from lanline.client.sealing.words import Body, GroupWords, Lacks, Outcome, Said
from lanline.errors import MalformedPacket
from lanline.wire.sealing.said import CarriedWords, split_said


class CarriedOpening:
    def __init__(self, context: GroupContext, words: GroupWords) -> None:
        self._context = context
        self._words = words

    def open(self, where: Place, place: int, carried: CarriedWords) -> tuple[str, Outcome]:
        """The name of whoever said it, by the chain; empty where nobody knows."""
        chain = self._context.copy.chain
        try:
            header, _ = split_said(carried.said)
        except MalformedPacket:
            return "", Reason.FORM
        device = chain.devices.get(header.device_id)
        if device is None:
            return "", Lacks.CHAIN
        author = chain.accounts[device.account].name.decode(errors="surrogateescape")
        under = self._epoch(where, header.epoch_id, carried.statement)
        if not isinstance(under, tuple):
            return author, under
        said = Said(place, carried.entry_id, author, carried.said)
        return author, self._judged(where, *under, (device.account, header.device_id), said)

    def _judged(self, where: Place, sealing: Sealing, epoch: Epoch, by: tuple[bytes, bytes], said: Said) -> Outcome:
        """By who it is: account and device."""
        if sealing.copy.secret(epoch.epoch_id) is None:
            return Lacks.KEY
        opening = self._words.open_under(sealing, epoch, by[0], said)
        if isinstance(opening, Reason):
            return opening
        chain, scope, words = self._context.copy.chain, sealing.copy.scope, opening.words
        reason = judge_carried(chain, scope, epoch, by, words, self._context.history)
        if reason is Reason.NOT_YET_THERE or (reason is Reason.RIGHTS and not sealing.copy.is_complete):
            return Lacks.CHAIN
        if reason is None and self._words.is_above_end(where, said.place, by[1]):
            reason = Reason.ENDED
        run, digest = opening.header.run, opening.digest
        return reason or Body(words.body, by[1], run, words, digest, sealing.room_id, epoch.scope, epoch.height)

    def _epoch(self, where: Place, epoch_id: bytes, statement: bytes) -> tuple[Sealing, Epoch] | Lacks | Reason:
        """Of a scope in which is sealed here now: one that stands, or what the statement that came with it says."""
        found: Lacks | Reason = Lacks.EPOCH
        chain = self._context.copy.chain
        for sealing in [each for each in self._context.scopes.sealings(where) if each.until is None]:
            known = sealing.copy.known(chain, epoch_id)
            if known is not None:
                return sealing, known
            if statement:
                epoch = sealing.copy.add_carried(chain, statement)
                if isinstance(epoch, Epoch):
                    return (sealing, epoch) if epoch.epoch_id == epoch_id else Reason.SCOPE
                found = Lacks.CHAIN if epoch is Reason.NOT_YET_THERE else epoch
        return found
