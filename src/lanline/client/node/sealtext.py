"""Owns the sentences about content that is not sealed yet: what a yes would do, and what it has done."""

from __future__ import annotations

from collections.abc import Sequence

from lanline.client.node.groupcommands import FromBefore, Plain, SealReport
from lanline.wire.sealing.entries import Role

NOTHING = "Nothing is left to seal here."
_AWAITED = "They come in by themselves, each as soon as it is there with a Lanline of today and yours runs too."


def asked_lines(plain: Plain) -> list[str]:
    """What the person says yes or no to; empty: there is nothing to ask."""
    if not (plain.is_group or plain.rooms):
        return []
    lines = _group_lines(plain) if plain.is_group else ["These rooms by invitation, which you own, are not sealed yet:"]
    for room in plain.rooms:
        others = ", ".join(each.name for each in room.people) or "nobody else"
        lines.append(f"  {room.title} goes on, with you and those who are in it: {others}.")
    return lines


def _group_lines(plain: Plain) -> list[str]:
    if plain.is_in_place:
        return _lines_in_place(plain)
    lines = [
        "What is said on this server is not sealed: whoever runs it can read it. From now on you can have it sealed:",
        "  Only the group reads it then, which you found. What was said until now stays as it is, and is marked.",
    ]
    if plain.people:
        lines += [
            f"  These are let in, as soon as each is there with a Lanline of today: {_members(plain.people)}.",
            "  That they are who they were is the server's word, for nobody compares words with them.",
        ]
    return lines


def _lines_in_place(plain: Plain) -> list[str]:
    lines = [
        "The group was put aside, and you are to found another. The old one ends for you: its rights, links, recovery",
        "  keys and private rooms do not go on. What was said stays readable where it is, and is marked.",
        "  What waits here to be sent goes to the new group.",
    ]
    if plain.people:
        lines += [
            f"  These are let in, once they have agreed to it: {_members(plain.people)}.",
            "  Only who has a key of the group until now comes in by that; for others you compare words: lanline admit",
            "  If one of them has lost a device, leave them out: lanline seal --without NICK",
        ]
    return lines


def _members(people: Sequence[FromBefore]) -> str:
    return ", ".join(f"{each.name} (an admin)" if each.role == Role.ADMIN else each.name for each in people)


def done_lines(sealed: SealReport) -> list[str]:
    if sealed.problem:
        return [f"Not yet: {sealed.problem} It goes on by itself; nothing has to be typed again."]
    lines = ["What is said from now on is sealed."]
    if sealed.awaited:
        lines += [f"Awaited: {', '.join(sealed.awaited)}.", _AWAITED]
    return lines


def awaited_lines(plain: Plain) -> list[str]:
    if plain.problem:
        return [plain.problem]
    return [f"Awaited: {', '.join(plain.awaited)}.", _AWAITED] if plain.awaited else [NOTHING]
