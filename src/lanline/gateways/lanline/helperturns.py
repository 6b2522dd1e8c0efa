"""Owns in which order members are asked for a box that somebody lacks, so that nobody is always the first.

One box ends the asking, and who asks anew was not served by it: others are asked first then. In memory only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from lanline.gateways.lanline.session import Session
from lanline.model.accounts import AccountId

_MAX_ASKERS = 1000
_MAX_EPOCHS_OF_ASKER = 512
_MAX_TURNS = 200_000
"""Of all together: about 30 MB. Who has most of them loses the oldest, so nobody takes those of others away."""
_Turns = dict[object, int]
"""By account, and by account and device: the number of the last time that it was asked."""


class HelperTurns:
    def __init__(self) -> None:
        self._asked: dict[AccountId, dict[bytes, _Turns]] = {}
        """By who asks, and epoch; who asked last stands last."""
        self._sizes: dict[AccountId, int] = {}
        """How many turns are kept of each."""
        self._size = 0
        self._count = 0

    def in_turn(self, asker: AccountId, epoch_ids: Collection[bytes], helpers: Iterable[Session]) -> list[Session]:
        """One device of each account after the other, then the second of each; who was asked last comes last."""
        asked = self._asked.get(asker, {})
        turns = [asked[each] for each in epoch_ids if each in asked]

        def last(helper: object) -> int:
            return max((each.get(helper, 0) for each in turns), default=0)

        of_account: defaultdict[AccountId, list[Session]] = defaultdict(list)
        for each in helpers:
            of_account[each.actor.account].append(each)
        for theirs in of_account.values():
            theirs.sort(key=lambda each: last((each.actor.account, each.actor.device)))
        in_turn = [of_account[account] for account in sorted(of_account, key=last)]
        most = max(map(len, in_turn), default=0)
        return [theirs[number] for number in range(most) for theirs in in_turn if number < len(theirs)]

    def note_asked(self, asker: AccountId, epoch_ids: Collection[bytes], helper: Session) -> None:
        self._count += 1
        account, device = helper.actor.account, helper.actor.device
        asked = self._asked[asker] = self._asked.pop(asker, {})
        for each in epoch_ids:
            turns = asked[each] = asked.pop(each, {})
            before = len(turns)
            turns[account] = turns[account, device] = self._count
            self._resize(asker, len(turns) - before)
        while len(asked) > _MAX_EPOCHS_OF_ASKER:
            self._drop_oldest(asker)
        while len(self._asked) > _MAX_ASKERS:
            oldest = next(iter(self._asked))
            self._resize(oldest, -self._sizes[oldest])
            del self._asked[oldest], self._sizes[oldest]
        while self._size > _MAX_TURNS:
            self._drop_oldest(max(self._sizes, key=lambda each: self._sizes[each]))

    def _drop_oldest(self, asker: AccountId) -> None:
        asked = self._asked[asker]
        self._resize(asker, -len(asked.pop(next(iter(asked)))))

    def _resize(self, asker: AccountId, more: int) -> None:
        self._sizes[asker] = self._sizes.get(asker, 0) + more
        self._size += more
