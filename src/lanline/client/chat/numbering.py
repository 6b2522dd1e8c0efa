"""Owns the number of each conversation: given once, kept on this device, and given to no other one."""

from __future__ import annotations

from collections.abc import Iterable

from lanline.client.view.values import ENDED_MARK, Conversation
from lanline.model.names import folded_name

_FIRST = "#lobby"


def numbers_for(known: Iterable[Conversation]) -> dict[int, int]:
    """By log: those that are to be others than they are. 0: another log has taken it over, of the same title."""
    all_known = list(known)
    by_title = {_key(each): each for each in all_known if each.number and not each.is_open}
    last = max((each.number for each in all_known), default=0)
    changed: dict[int, int] = {}
    for each in sorted(all_known, key=_order):
        if each.number or not each.is_open:
            continue
        before = by_title.pop(_key(each), None)  # a restored server has lost it, and it was made anew
        if before is not None:
            changed[before.log], changed[each.log] = 0, before.number
        else:
            last += 1
            changed[each.log] = last
    return changed


def is_another(before: Conversation, title: str) -> bool:
    """After a restore a log may be another conversation's. An account that was deleted is still the same one."""
    return folded_name(before.title.removesuffix(ENDED_MARK)) != folded_name(title.removesuffix(ENDED_MARK))


def _key(each: Conversation) -> tuple[bool, str]:
    return each.is_room, folded_name(each.title)


def _order(each: Conversation) -> tuple[bool, bool, str]:
    return each.title != _FIRST, not each.is_room, each.title.casefold()
