"""Owns how two versions of a chain compare (the same, longer, forked), and which of several a restored server takes.
Not how long it waits.

An entry that was lost may stand, but whoever offers it need not be honest: somebody who was removed since the backup
can offer another line, signed in time. So accounts are counted, and at a tie a person decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from lanline.chain.reasons import Reason
from lanline.chain.rules import follow
from lanline.chain.state import NEVER, Chain

MIN_TOLD = 3


def longest_shared(own: Chain, told: Mapping[bytes, Chain]) -> Chain | None:
    """Of the chains that accounts told of, each at its highest head, the one that most are on; None: wait.

    Counted are members of the chain that the server has itself. One whose chain ends on the way of several counts for
    each of them, and one that has no more than the server for none.
    """
    known = {account_id: chain for account_id, chain in told.items() if own.is_member(account_id)}
    if len(known) < min(MIN_TOLD, (len(own.names) + 1) // 2):
        return None
    longer = [chain for chain in known.values() if chain.height > own.height and _lies_on(own, chain)]
    on_head = Counter(chain.head for chain in longer)
    each_once = {chain.head: chain for chain in longer}.values()
    tips = [one for one in each_once if not any(_lies_on(one, other) and one is not other for other in each_once)]
    if not tips:
        return own
    counts = {tip.head: sum(on_head[one.head] for one in each_once if _lies_on(one, tip)) for tip in tips}
    most = max(counts.values())
    best = [tip for tip in tips if counts[tip.head] == most]
    return best[0] if len(best) == 1 else None


def _lies_on(shorter: Chain, longer: Chain) -> bool:
    return longer.holds(shorter.height, shorter.head)


def parting(one: Chain, other: Chain) -> int | None:
    """The first height at which they differ. None: one is the beginning of the other."""
    shorter = min(one.height, other.height)
    if one.head_at(shorter) == other.head_at(shorter):
        return None
    low, high = 0, shorter  # the same up to `low`, for a head stands for all before it; different at `high`
    while high - low > 1:
        middle = (low + high) // 2
        if one.head_at(middle) == other.head_at(middle):
            low = middle
        else:
            high = middle
    return high


def cut_at(chain: Chain, height: int) -> Chain | None:
    """For comparing heads only: who is in it is not looked back. None: it does not reach so far."""
    head = chain.head_at(height)
    return None if head is None else msgspec.structs.replace(chain, height=height, head=head)


def heads_of(chain: Chain) -> Chain:
    """For comparing heads only: who is in it is not kept."""
    return Chain(chain.height, chain.head, chain.group_id, places=chain.places)


def lengthened(chain: Chain, items: Iterable[tuple[str, bytes]]) -> Chain | Reason:
    """By items of which each has to hold."""
    for suite, content in items:
        chain, reason = follow(chain, suite, content)
        if reason is not None:
            return reason
    return chain


class Ended(NamedTuple):
    """Accounts, devices of accounts that stay, and invites."""

    accounts: tuple[bytes, ...]
    devices: tuple[bytes, ...]
    invites: tuple[bytes, ...]


def ended_only_in(one: Chain, other: Chain) -> Ended:
    """Who has ended in the one and not in the other, where they may have never been."""
    accounts = [
        each
        for each, account in one.accounts.items()
        if account.until != NEVER and (each not in other.accounts or other.is_member(each))
    ]
    devices = [
        each
        for each, device in one.devices.items()
        if device.until != NEVER
        and device.account not in accounts
        and (each not in other.devices or other.live_device(each) is not None)
    ]
    invites = [
        each
        for each, invite in one.invites.items()
        if invite.until != NEVER and (each not in other.invites or other.invites[each].until == NEVER)
    ]
    return Ended(tuple(accounts), tuple(devices), tuple(invites))
