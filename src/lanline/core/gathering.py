"""Owns how a server that was put back to an older state gets the chain back: it gathers what members still have.

After a start with another history it takes no entry before ten minutes are over and enough accounts have told their
heads, or every device of its own chain has. Then it takes the branch that most are on (`proto/chain/branches`); at a
tie its operator takes one. The ten minutes are those of the loop: whatever the wall's clock says, they are as long.
How one is taken: `takenbranch`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from lanline.clock import Clock
from lanline.core.changes import ChainGrew, Handlers, ServerWarned
from lanline.core.groupstate import STUB_SUITE, GroupState, Member
from lanline.core.history import CHAIN_SETTING, GATHERING
from lanline.core.takenbranch import Item
from lanline.errors import RefusalCode, RequestRefused
from lanline.proto.chain.branches import cut_at, lengthened, longest_shared
from lanline.proto.chain.reasons import Reason
from lanline.proto.chain.state import Chain
from lanline.storage.api import View
from lanline.ticket import Ticket

_LOG = logging.getLogger(__name__)
WAIT_S = 600.0
MAX_BRANCHES = 8
MAX_ITEMS = 10_000
_MAX_COMING = 64
_ENOUGH_TO_LENGTHEN = 2
_AGAIN_S = 60.0
_TOO_FEW = "The server was restored, and too few members have come to say what it lost: it takes nobody new."


class Branch(NamedTuple):
    chain: Chain
    """Behind its last item."""
    items: tuple[Item, ...]
    """That the server lacks."""


class Shown(NamedTuple):
    """A branch, for whoever has to choose."""

    height: int
    head: bytes
    told_by: tuple[str, ...]
    """Names of accounts that are on it."""
    comes: tuple[str, ...]
    goes: tuple[str, ...]
    """Members that the group gets by it, and loses."""


class Gathered(NamedTuple):
    """How it stands."""

    height: int
    head: bytes
    is_gathering: bool
    waits_s: float
    told: int
    """Accounts that have told their heads."""
    branches: tuple[Shown, ...]


class Gathering:
    def __init__(
        self,
        clock: Clock,
        take: Callable[[Chain, Sequence[Item]], Ticket[None]],
        warn: Callable[[Sequence[ServerWarned]], None],
    ) -> None:
        """`take`: onto this chain, which has to stand still, these items; none: the chain is right as it is."""
        self._clock = clock
        self._take = take
        self._warn = warn
        self._own = Chain()
        self._ends_s = 0.0
        self._warned = ""
        self.is_on = False
        self._lengthens: bytes | None = None
        """The head of the branch that was taken: while it is the head, what lengthens it may come."""
        self._told: dict[bytes, Chain] = {}
        """By account, its highest head."""
        self._devices: set[bytes] = set()
        self._branches: dict[bytes, Branch] = {}
        """By their heads."""
        self._coming: dict[bytes, Branch] = {}
        """By device, what it is about to bring."""
        self._is_taking = False
        self._is_closed = False

    def close(self) -> None:
        """Nothing is taken any more."""
        self._is_closed = True

    def load(self, state: GroupState, view: View) -> None:
        kept = view.settings.get(CHAIN_SETTING)
        self._own = state.chain
        if kept == GATHERING and state.is_founded:
            self.is_on = True
            self._ends_s = self._clock.now() + WAIT_S
            self._clock.call_later(WAIT_S, self._decide)
        elif kept is not None and len(kept) == len(state.chain.head):
            self._lengthens = kept

    def handlers(self) -> Handlers:
        return {ChainGrew: self._note_grown}

    def _note_grown(self, change: ChainGrew) -> None:
        self._own = change.state.chain

    @property
    def asks(self) -> bool:
        """Members are to tell their heads."""
        return self.is_on or self._lengthens == self._own.head

    # What members bring.

    def tell(self, member: Member, height: int, head: bytes) -> int | None:
        """From behind which height on items are wanted; None: none are, for they are known or of no use."""
        own = self._own
        if not self.asks:
            return None
        if own.holds(height, head):
            self._count(member, own)
            return None
        for branch in self._branches.values():
            known = cut_at(branch.chain, height)
            if known is not None and known.head == head:
                self._count(member, known)
                return None
        return own.height

    def offer(self, member: Member, after: int, items: Sequence[Item], *, is_last: bool) -> None:
        """In pieces; none at all from who has another chain below the server's head. Raises RequestRefused."""
        if not self.asks:
            return
        begun = self._coming.pop(member.device_id, None)
        begun = Branch(self._own, ()) if begun is None or after == self._own.height else begun
        if after != begun.chain.height or len(begun.items) + len(items) > MAX_ITEMS:
            raise RequestRefused(RefusalCode.INVALID, "What is offered does not follow on what the server has.")
        chain = lengthened(begun.chain, items)
        if isinstance(chain, Reason):
            self._count(member, self._own)
            raise RequestRefused(RefusalCode.INVALID, f"What is offered does not hold: {chain.value}.")
        coming = Branch(chain, (*begun.items, *items))
        if not is_last:
            while len(self._coming) >= _MAX_COMING:
                del self._coming[next(iter(self._coming))]
            self._coming[member.device_id] = coming
            return
        if chain.height > self._own.height:
            self._keep(coming)
        self._count(member, chain)

    def _keep(self, branch: Branch) -> None:
        shorter = [
            head for head, known in self._branches.items() if branch.chain.holds(known.chain.height, known.chain.head)
        ]
        for head in shorter:
            del self._branches[head]
        if len(self._branches) >= MAX_BRANCHES:
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, "Members have offered too many different pasts already.")
        self._branches[branch.chain.head] = branch

    def _count(self, member: Member, chain: Chain) -> None:
        before = self._told.get(member.account_id)
        if before is None or chain.height > before.height:
            self._told[member.account_id] = chain
        self._devices.add(member.device_id)
        self._decide()

    # Deciding.

    def _decide(self) -> None:
        if self._is_taking or self._is_closed:
            return
        if not self.is_on:
            self._lengthen()
        elif self._clock.now() >= self._ends_s or self._has_heard_all:
            best = longest_shared(self._own, self._told)
            if best is not None:
                self._begin_to_take(best.head)
            elif self._clock.now() >= self._ends_s:
                self._tell_operator()

    @property
    def _has_heard_all(self) -> bool:
        own = self._own
        return all(each in self._devices for account in own.names.values() for each in own.live_devices(account))

    def _lengthen(self) -> None:
        """By what two accounts bring, or where nothing in it stands for an entry that somebody may have made up."""
        for head, branch in self._branches.items():
            on_it = sum(each.holds(branch.chain.height, head) for each in self._told.values())
            is_plain = all(suite != STUB_SUITE for suite, _ in branch.items)
            if (
                self.asks
                and branch.chain.holds(self._own.height, self._own.head)
                and (on_it >= _ENOUGH_TO_LENGTHEN or (on_it and is_plain))
            ):
                self._begin_to_take(head)
                return

    def _tell_operator(self) -> None:
        text = f"{_TOO_FEW} Choose for them: lanline admin chain"
        if self._branches and len(self._told) >= _ENOUGH_TO_LENGTHEN:
            text = "The server was restored, and members disagree about what it lost. Choose: lanline admin chain"
        if text != self._warned:
            self._warned = text
            _LOG.warning(text)
            self._warn((ServerWarned(text),))

    def take(self, head: bytes) -> Ticket[None]:
        """Whatever the others say. Raises RequestRefused where there is no such branch."""
        if not self.is_on or (head != self._own.head and head not in self._branches):
            raise RequestRefused(RefusalCode.NOT_FOUND, "Nobody has offered this, or it is decided already.")
        if self._is_taking:
            raise RequestRefused(RefusalCode.SLOW_DOWN, "One is being taken just now.", 1.0)
        return self._begin_to_take(head)

    def _begin_to_take(self, head: bytes) -> Ticket[None]:
        items = () if head == self._own.head else self._items_to(head)
        self._is_taking = True
        ticket = self._take(self._own, items)
        ticket.when_settled(self._on_taken)
        return ticket

    def _items_to(self, head: bytes) -> tuple[Item, ...]:
        own = self._own.height
        for branch in self._branches.values():
            before = branch.chain.height - len(branch.items)  # the server may have come further since it was offered
            for height in range(own + 1, branch.chain.height + 1):
                if branch.chain.head_at(height) == head:
                    return branch.items[own - before : height - before]
        raise AssertionError("a branch that is taken was offered")

    def _on_taken(self, ticket: Ticket[None]) -> None:
        self._is_taking = False
        if ticket.problem is not None:
            _LOG.error("What members have brought could not be taken.", exc_info=ticket.problem)
            self._clock.call_later(_AGAIN_S, self._decide)
            return
        was_on, self.is_on, self._lengthens = self.is_on, False, self._own.head
        self._coming.clear()
        further = {head: each for head, each in self._branches.items() if each.chain.height > self._own.height}
        self._branches = {} if was_on else further
        self._told.clear()

    # For whoever has to choose.

    def shown(self) -> Gathered:
        waits_s = max(0.0, self._ends_s - self._clock.now()) if self.is_on else 0.0
        branches = tuple(self._shown(branch) for branch in self._branches.values()) if self.is_on else ()
        return Gathered(self._own.height, self._own.head, self.is_on, waits_s, len(self._told), branches)

    def _shown(self, branch: Branch) -> Shown:
        chain, own = branch.chain, self._own
        told_by = [each for each, told in self._told.items() if told.height > own.height and _is_on(told, chain)]
        return Shown(
            chain.height,
            chain.head,
            tuple(sorted(_name(own, each) for each in told_by)),
            _names(chain, chain.names, own.names),
            _names(own, own.names, chain.names),
        )


def _is_on(told: Chain, chain: Chain) -> bool:
    return chain.holds(told.height, told.head)


def _names(chain: Chain, these: Mapping[bytes, bytes], others: Mapping[bytes, bytes]) -> tuple[str, ...]:
    return tuple(sorted(_name(chain, each) for each in set(these.values()) - set(others.values())))


def _name(chain: Chain, account_id: bytes) -> str:
    return chain.accounts[account_id].name.decode(errors="replace")
