"""Owns the items of the chain that members offer to a restored server: each once, and only such as hold.

Not who has told what, and which branch is taken: `chaingathering`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from lanline.chain.reasons import Reason
from lanline.chain.rules import follow
from lanline.chain.state import Chain
from lanline.core.takenbranch import Item

_MAX_CHAINS = 64
"""Kept, so that who goes on needs no way back to the server's head."""
_ITEM_BYTES = 500
"""What is kept of each beside its content, about."""


class _Step(NamedTuple):
    before: bytes
    """The head that it stands on."""
    item: Item
    height: int


class OfferedItems:
    def __init__(self, own: Chain) -> None:
        self.own = own
        """That all follow on; it may grow by some of them."""
        self.size_bytes = 0
        self._after: dict[tuple[bytes, Item], bytes] = {}
        """By the head before it and itself, the head after an item."""
        self._steps: dict[bytes, _Step] = {}
        """By the head after them."""
        self._following: dict[bytes, set[bytes]] = {}
        """By each head, those that stand right on it."""
        self._chains: dict[bytes, Chain] = {}

    def add(self, head: bytes, items: Iterable[Item]) -> bytes | Reason:
        """The head behind them, or why one does not hold: then none of them is kept."""
        new, start = list[bytes](), self.own
        for item in items:
            known = self._after.get((head, item))
            if known is None:
                before = self.chain_at(head)
                start = start if new else before
                chain, reason = follow(before, *item)
                if reason is not None:
                    self._forget(new)
                    self._remember(start)
                    return reason
                known = chain.head
                new.append(known)
                self._after[head, item] = known
                self._steps[known] = _Step(head, item, chain.height)
                self._following.setdefault(head, set()).add(known)
                self.size_bytes += _size(item)
                self._chains.pop(head, None)
                self._remember(chain)
            head = known
        return head

    def drop(self, head: bytes, stays: AbstractSet[bytes]) -> None:
        """What leads to it, and to nothing else that is kept: `stays`, heads that somebody is on."""
        gone: list[bytes] = []
        for each, _ in self._way_back(head):
            if each in stays or not self._following.get(each, set()) <= {*gone[-1:]}:
                break
            gone.append(each)
        self._forget(gone)

    def _forget(self, heads: Iterable[bytes]) -> None:
        for head in heads:
            step = self._steps.pop(head)
            del self._after[step.before, step.item]
            self._following[step.before].discard(head)
            if not self._following[step.before]:
                del self._following[step.before]
            self._chains.pop(head, None)
            self.size_bytes -= _size(step.item)

    def height(self, head: bytes) -> int:
        return self.own.height if head == self.own.head else self._steps[head].height

    def path(self, head: bytes) -> list[Item]:
        """From behind the server's head."""
        return [step.item for _, step in self._way_back(head)][::-1]

    def _way_back(self, head: bytes) -> Iterator[tuple[bytes, _Step]]:
        while head != self.own.head:
            step = self._steps[head]
            yield head, step
            head = step.before

    def chain_at(self, head: bytes) -> Chain:
        if head == self.own.head:
            return self.own
        chain = self._chains.pop(head, None)
        if chain is None:
            chain = self.own
            for item in self.path(head):
                chain, _ = follow(chain, *item, is_checked=True)
        self._remember(chain)
        return chain

    def _remember(self, chain: Chain) -> None:
        while len(self._chains) >= _MAX_CHAINS:
            del self._chains[next(iter(self._chains))]
        self._chains[chain.head] = chain

    def keep_only(self, heads: Iterable[bytes]) -> None:
        """And what lies on the way to them."""
        kept: set[bytes] = set()
        for head in heads:
            for each, _ in self._way_back(head):
                if each in kept:
                    break
                kept.add(each)
        self._keep(kept)

    def go_on_from(self, own: Chain) -> None:
        """What does not follow on it is forgotten."""
        kept, next_ones = set[bytes](), [*self._following.get(own.head, ())]
        while next_ones:
            kept.update(next_ones)
            next_ones = [each for head in next_ones for each in self._following.get(head, ())]
        self.own = own
        self._keep(kept)

    def _keep(self, kept: AbstractSet[bytes]) -> None:
        self._steps = {head: step for head, step in self._steps.items() if head in kept}
        self._after = {(step.before, step.item): head for head, step in self._steps.items()}
        self._following = {}
        for head, step in self._steps.items():
            self._following.setdefault(step.before, set()).add(head)
        self._chains = {head: chain for head, chain in self._chains.items() if head in kept}
        self.size_bytes = sum(_size(step.item) for step in self._steps.values())

    def largest_share(self, heads: Mapping[bytes, Iterable[bytes]]) -> bytes:
        """Of those by whom these are offered, the one who takes the most room; what several bring is shared by them."""
        bringers: dict[bytes, set[bytes]] = {}
        for who, theirs in heads.items():
            for head in theirs:
                for each, _ in self._way_back(head):
                    bringers.setdefault(each, set()).add(who)
        share = Counter[bytes]()
        for each, those in bringers.items():
            for who in those:
                share[who] += _size(self._steps[each].item) // len(those)
        return max(heads, key=lambda who: share[who])


def _size(item: Item) -> int:
    return len(item[1]) + _ITEM_BYTES
