"""Owns which line of the chain a restored server takes from those that clients still have. Not how long it waits.

An entry that was lost may stand, but whoever offers it need not be honest: somebody who was removed since the backup
can offer another line, signed in time. So accounts are counted, and at a tie a person decides.
"""

from __future__ import annotations

from collections.abc import Mapping

from lanline.proto.chain.state import Chain

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
    tips = [each for each in longer if not any(_lies_on(each, other) and each.head != other.head for other in longer)]
    counts = {each.head: sum(_lies_on(other, each) for other in longer) for each in tips}
    if not counts:
        return own
    most = max(counts.values())
    best = [each for each in tips if counts[each.head] == most]
    return best[0] if len({each.head for each in best}) == 1 else None


def _lies_on(shorter: Chain, longer: Chain) -> bool:
    return longer.holds(shorter.height, shorter.head)
