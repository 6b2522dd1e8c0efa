"""Owns how a server that was put back to an older state gets the chain back: it gathers what members still have.

After a start with another history it takes no entry before ten minutes are over and enough accounts have told their
heads, or every device of its own chain has. Then it takes the branch that most are on (`chain/branches`); at a
tie its operator takes one. The ten minutes are those of the loop: whatever the wall's clock says, they are as long.
How one is taken: `takenbranch`.

Nobody can keep the others from mending: each account has one branch, that of its highest head, and where all together
are too much, the account goes that takes the most room; what several bring is shared by them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from lanline.chain.branches import cut_at, heads_of, longest_shared
from lanline.chain.reasons import Reason
from lanline.chain.state import Chain
from lanline.clock import Clock
from lanline.core.changes import ChainGrew, Handlers, ServerWarned
from lanline.core.fullentries import FullEntries
from lanline.core.groupstate import STUB_SUITE, ChainMember, GroupState
from lanline.core.history import CHAIN_SETTING, GATHERING
from lanline.core.offereditems import OfferedItems
from lanline.core.takenbranch import Item
from lanline.errors import RefusalCode, RequestRefused
from lanline.storage.api import View
from lanline.ticket import Ticket

_LOG = logging.getLogger(__name__)
WAIT_S = 600.0
MAX_BYTES = 64 * 1024 * 1024
MAX_COMING = 4
"""Devices of one account that are about to bring something."""
MAX_SHOWN = 16
_ENOUGH_TO_VOUCH = 2
_AGAIN_S = 60.0
_TOO_FEW = "The server was restored, and too few members have come to say what it lost: it takes nobody new."


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


class ChainGathering:
    def __init__(
        self,
        clock: Clock,
        take: Callable[[Chain, Sequence[Item], int, Iterable[bytes]], Ticket[None]],
        warn: Callable[[Sequence[ServerWarned]], None],
    ) -> None:
        """`take`: puts these items onto this chain, if it is still the same: see `TakeBranch`. Without items the chain
        is right as it is.
        """
        self._clock = clock
        self._take = take
        self._warn = warn
        self._offered = OfferedItems(Chain())
        self._ends_s = 0.0
        self._warned = ""
        self.is_on = False
        self._lengthens: bytes | None = None
        """The head of the branch that was taken: while it is the head, what lengthens it may come."""
        self._told: dict[bytes, Chain] = {}
        """By account, its highest head, for comparing heads."""
        self._devices: set[bytes] = set()
        self._coming: dict[bytes, dict[bytes, bytes]] = {}
        """By account and device, up to which head it has brought what it is about to bring."""
        self._in_full = FullEntries()
        self._tried: set[bytes] = set()
        """Heads that lengthen the chain by what did not hold."""
        self._is_taking = False
        self._is_closed = False

    def close(self) -> None:
        """Nothing is taken any more."""
        self._is_closed = True

    def load(self, state: GroupState, view: View) -> None:
        kept = view.settings.get(CHAIN_SETTING)
        self._offered = OfferedItems(state.chain)
        if kept == GATHERING and state.is_founded:
            self.is_on = True
            self._ends_s = self._clock.now() + WAIT_S
            self._clock.call_later(WAIT_S, self._decide)
        elif kept is not None and len(kept) == len(state.chain.head):
            self._lengthens = kept

    def handlers(self) -> Handlers:
        return {ChainGrew: self._note_grown}

    def _note_grown(self, change: ChainGrew) -> None:
        own = change.state.chain
        self._offered.go_on_from(own)
        self._coming.clear()
        self._in_full.clear()
        self._tried.clear()
        self._told = {each: chain for each, chain in self._told.items() if chain.holds(own.height, own.head)}

    @property
    def _own(self) -> Chain:
        return self._offered.own

    @property
    def asks(self) -> bool:
        """Members are to tell their heads."""
        return self.is_on or self._lengthens == self._own.head

    # What members bring.

    def tell(self, member: ChainMember, height: int, head: bytes) -> int | None:
        """From behind which height on items are wanted; None: none are, for they are known or of no use."""
        own = self._own
        if not self.asks:
            return None
        if own.holds(height, head):
            self._count(member, own)
            return None
        for branch in self._branches():
            known = cut_at(branch, height)
            if known is not None and known.head == head:
                self._count(member, known)
                return None
        return own.height

    def offer(self, member: ChainMember, after: int, items: Sequence[Item], *, is_last: bool) -> None:
        """In pieces; none at all from who has another chain below the server's head. Raises RequestRefused."""
        if not self.asks:
            return
        own, coming = self._own, self._coming.setdefault(member.account_id, {})
        brought = coming.pop(member.device_id, own.head)
        begun = own.head if after == own.height else brought
        if after != self._offered.height(begun):
            self._drop(brought)
            raise RequestRefused(RefusalCode.INVALID, "What is offered does not follow on what the server has.")
        head = self._offered.add(begun, items)
        if isinstance(head, Reason):
            self._drop(brought)
            self._count(member, own)
            raise RequestRefused(RefusalCode.INVALID, f"What is offered does not hold: {head.value}.")
        while len(coming) >= MAX_COMING:
            del coming[next(iter(coming))]
        coming[member.device_id] = head
        self._make_room(member)
        if is_last:
            del coming[member.device_id]
            self._count(member, heads_of(self._offered.chain_at(head)))

    def bring(self, member: ChainMember, contents: Iterable[bytes]) -> None:
        """Entries of private rooms in full, before the stubs that stand for them."""
        if self.asks:
            self._in_full.bring(member.account_id, contents)

    def _drop(self, brought: bytes) -> None:
        """Of an offer that is refused nothing stays, not of its pieces before either, but what others have brought."""
        others = {head for theirs in self._coming.values() for head in theirs.values()}
        self._offered.drop(brought, others | {chain.head for chain in self._told.values()})

    def _make_room(self, member: ChainMember) -> None:
        if self._offered.size_bytes <= MAX_BYTES:
            return
        heads = {each: set(coming.values()) for each, coming in self._coming.items()}
        for each, chain in self._told.items():
            heads.setdefault(each, set()).add(chain.head)
        self._offered.keep_only(head for theirs in heads.values() for head in theirs)
        while self._offered.size_bytes > MAX_BYTES:
            largest = self._offered.largest_share(heads)
            del heads[largest]
            self._coming.pop(largest, None)
            self._told.pop(largest, None)
            self._offered.keep_only(head for theirs in heads.values() for head in theirs)
        if member.account_id not in heads:
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, "Your devices offer more than the server can keep.")

    def _branches(self) -> list[Chain]:
        """Each that an account is on, and that goes on in no other."""
        tips: dict[bytes, Chain] = {}
        for chain in sorted(self._told.values(), key=lambda each: -each.height):
            is_further = chain.height > self._own.height and chain.head not in tips
            if is_further and not any(each.holds(chain.height, chain.head) for each in tips.values()):
                tips[chain.head] = chain
        return list(tips.values())

    def _count(self, member: ChainMember, chain: Chain) -> None:
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
            proven = {each.head: self._as_far_as_proven(each) for each in self._branches()}
            told = {each: proven.get(chain.head, chain) for each, chain in self._told.items()}
            best = longest_shared(self._own, told)
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
        for branch in self._branches() if self.asks else ():
            if branch.head not in self._tried and self._as_far_as_proven(branch) is branch:
                self._tried.add(branch.head)
                self._begin_to_take(branch.head)
                return

    def _as_far_as_proven(self, branch: Chain) -> Chain:
        """It ends before the first stub that one account alone brings without the entry for which it stands."""
        known = self._in_full.hashes()
        items, vouched = enumerate(self._offered.path(branch.head), self._own.height), self._vouched(branch)
        stubs = [at for at, (suite, _) in items if suite == STUB_SUITE and at >= vouched]
        made_up = [at for at in stubs if branch.places[at].content_hash not in known]
        return (cut_at(branch, made_up[0]) or branch) if made_up else branch

    def _vouched(self, branch: Chain) -> int:
        """The height up to which two accounts are on it, or the only one that there is."""
        heights = [
            each.height
            for account_id, each in self._told.items()
            if self._own.is_member(account_id) and branch.holds(each.height, each.head)
        ]
        enough = min(_ENOUGH_TO_VOUCH, len(self._own.names))
        return sorted([*heights, *[self._own.height] * enough], reverse=True)[enough - 1]

    def _tell_operator(self) -> None:
        text = f"{_TOO_FEW} Choose for them: lanline admin chain"
        if self._branches() and len(self._told) >= _ENOUGH_TO_VOUCH:
            text = "The server was restored, and members disagree about what it lost. Choose: lanline admin chain"
        if text != self._warned:
            self._warned = text
            _LOG.warning(text)
            self._warn((ServerWarned(text),))

    def take(self, head: bytes) -> Ticket[None]:
        """Whatever the others say. Raises RequestRefused where there is no such branch."""
        if not self.is_on or head not in {self._own.head, *(each.head for each in self._branches())}:
            raise RequestRefused(RefusalCode.NOT_FOUND, "Nobody has offered this, or it is decided already.")
        if self._is_taking:
            raise RequestRefused(RefusalCode.SLOW_DOWN, "One is being taken just now.", 1.0)
        return self._begin_to_take(head, is_chosen=True)

    def _begin_to_take(self, head: bytes, *, is_chosen: bool = False) -> Ticket[None]:
        self._is_taking = True
        branch = self._own if head == self._own.head else self._offered.chain_at(head)
        vouched = branch.height if is_chosen else self._vouched(branch)
        ticket = self._take(self._own, self._offered.path(head), vouched, self._in_full.contents())
        ticket.when_settled(self._on_taken)
        return ticket

    def _on_taken(self, ticket: Ticket[None]) -> None:
        self._is_taking = False
        if ticket.problem is not None:
            _LOG.error("What members have brought could not be taken.", exc_info=ticket.problem)
            self._clock.call_later(_AGAIN_S, self._decide)
            return
        was_on, self.is_on, self._lengthens = self.is_on, False, self._own.head
        if was_on:
            self._coming.clear()
            self._told.clear()

    # For whoever has to choose.

    def shown(self) -> Gathered:
        waits_s = max(0.0, self._ends_s - self._clock.now()) if self.is_on else 0.0
        most = sorted(self._branches() if self.is_on else (), key=lambda each: -len(self._told_by(each)))[:MAX_SHOWN]
        branches = tuple(self._shown(each) for each in most)
        return Gathered(self._own.height, self._own.head, self.is_on, waits_s, len(self._told), branches)

    def _told_by(self, branch: Chain) -> list[bytes]:
        return [
            each
            for each, told in self._told.items()
            if told.height > self._own.height and branch.holds(told.height, told.head)
        ]

    def _shown(self, branch: Chain) -> Shown:
        chain, own = self._offered.chain_at(branch.head), self._own
        return Shown(
            chain.height,
            chain.head,
            tuple(sorted(_name(own, each) for each in self._told_by(branch))),
            _names(chain, chain.names, own.names),
            _names(own, own.names, chain.names),
        )


def _names(chain: Chain, these: Mapping[bytes, bytes], others: Mapping[bytes, bytes]) -> tuple[str, ...]:
    return tuple(sorted(_name(chain, each) for each in set(these.values()) - set(others.values())))


def _name(chain: Chain, account_id: bytes) -> str:
    return chain.accounts[account_id].name.decode(errors="replace")
