"""Who can open which epoch. No secret is computed: boxes, links backwards and who holds a key are facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lanline.chain.epochs import Recipient

Key = tuple[int, bytes, int]
"""The kind, the id and the generation of a recipient."""
MAX_LINKED_BACK = 8


def key_of(recipient: Recipient) -> Key:
    return recipient.kind, recipient.id, recipient.generation


@dataclass
class Knowledge:
    """Every box that was ever made: the server, and who is in league with it, has all of them."""

    boxes: dict[int, set[Key]] = field(default_factory=dict)
    back: dict[int, set[int]] = field(default_factory=dict)

    def begin(self, epoch: int, readers: Iterable[Key], earlier: Iterable[int]) -> None:
        self.boxes[epoch] = set(readers)
        self.back[epoch] = self._newest_that_open_the_others(set(earlier))

    def _newest_that_open_the_others(self, earlier: set[int]) -> set[int]:
        ends = [each for each in earlier if not any(each in self._behind(other) for other in earlier - {each})]
        return set(sorted(ends)[-MAX_LINKED_BACK:])

    def _behind(self, epoch: int) -> set[int]:
        found: set[int] = set()
        todo = list(self.back[epoch])
        while todo:
            each = todo.pop()
            if each not in found:
                found.add(each)
                todo += self.back[each]
        return found

    def opened_by(self, keys: set[Key]) -> set[int]:
        direct = {epoch for epoch, readers in self.boxes.items() if readers & keys}
        return direct.union(*(self._behind(epoch) for epoch in direct))
