"""Owns tables for a person: who there is, which rooms, who is in one, what is unread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from prompt_toolkit.utils import get_cwidth

from lanline.client.moments import when_text
from lanline.client.view.rendering import listed_topic, name_of
from lanline.client.view.transcript import unread_of
from lanline.client.view.values import Conversation, MemberListing, Message, Person, RoomListing
from lanline.client.view.view import View
from lanline.model.rooms import Access, Role
from lanline.model.text import safe_line

_MAX_TIMES = 5
_MAX_SENDERS = 6
_MAX_WAITING = 12


def columns_of(rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned, whatever width the letters have, and indented."""
    widths = [max(get_cwidth(cell) for cell in column) for column in zip(*rows, strict=True)] if rows else []
    return [
        "    "
        + "  ".join(cell + " " * (width - get_cwidth(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def people_lines(people: Iterable[Person], own: int, now_ms: int, trust: Mapping[int, str]) -> list[str]:
    rows = [
        (
            person.name + (" (you)" if person.account == own else ""),
            "online" if person.is_online else f"offline since {when_text(person.seen_ms, now_ms)}",
            safe_line(person.address),
            " ".join(_titles(person)),
            "" if person.account == own else trust.get(person.account, ""),
        )
        for person in sorted(people, key=lambda person: (not person.is_online, person.name.casefold()))
    ]
    return columns_of(rows) or ["    Nobody is known yet."]


def _titles(person: Person) -> list[str]:
    return [word for word, holds in (("admin", person.is_admin), ("banned", person.is_banned)) if holds]


def room_lines(rooms: Iterable[RoomListing], mine: set[str]) -> list[str]:
    rows = [
        (
            f"{'*' if room.name in mine else ' '} {room.name}",
            f"{room.members:,}",
            "private" if room.access is Access.INVITE_ONLY else "",
            safe_line(listed_topic(room)),
            f"{room.invited_by} asks you in" if room.invited_by else "",
        )
        for room in rooms
    ]
    lines = columns_of(rows)
    return [*lines, "    * You are in it."] if lines else ["    There are no rooms you may see."]


_ROLES = {Role.OWNER: "owner", Role.MODERATOR: "moderator", Role.MEMBER: ""}


def member_lines(members: Iterable[MemberListing], view: View) -> list[str]:
    rows = []
    for member in members:
        person = view.person(member.account)
        states = (("muted", member.is_muted), ("invited", member.is_invited), ("banned", member.is_banned))
        rows.append(
            (
                member.name,
                "online" if person is not None and person.is_online else "offline",
                " ".join(filter(None, [_ROLES[member.role], *(word for word, holds in states if holds)])),
                "you" if member.account == view.account else view.group.trust.get(member.account, ""),
            )
        )
    return columns_of(rows)


def unread_lines(view: View, now_ms: int) -> list[str]:
    waiting = [each for each in view.conversations if each.unread]
    if not waiting:
        return ["    Nothing is unread."]
    return columns_of([(each.title, f"{each.unread:,}", _times(unread_of(view, each), now_ms)) for each in waiting])


def waiting_lines(view: View, waiting: Sequence[tuple[Conversation, list[Message]]], now_ms: int) -> list[str]:
    """The notice for who comes back: how many from whom, where, and when each was sent. People stand before rooms."""
    count = sum(conversation.unread for conversation, _ in waiting)
    senders = list(dict.fromkeys(name_of(view, each) for _, messages in waiting for each in messages))
    rooms = sum(conversation.is_room for conversation, _ in waiting)
    opening = (
        f"You have {'1 message' if count == 1 else f'{count:,} messages'} from {_named(senders)}"
        + (f" ({'1 room' if rooms == 1 else f'{rooms} rooms'})" if rooms else "")
        + "."
    )
    first = sorted(waiting, key=lambda pair: pair[0].is_room)[:_MAX_WAITING]
    rows = [(each.title, f"{each.unread:,}", _times(messages, now_ms)) for each, messages in first]
    more = len(waiting) - len(first)
    return [f"* {opening}", *columns_of(rows), *([f"    and {more:,} more: /unread shows all"] if more else [])]


def _named(names: list[str]) -> str:
    more = len(names) - _MAX_SENDERS
    return ", ".join(names[:_MAX_SENDERS]) + (f" and {more:,} more" if more > 0 else "")


def _times(messages: list[Message], now_ms: int) -> str:
    times = [when_text(message.time_ms, now_ms) for message in messages]
    if len(times) > _MAX_TIMES:
        return f"sent {times[0]} to {times[-1]}"
    # A day that was just named is not named again.
    days = [time.rpartition(" ")[0] for time in times]
    short = [
        time.removeprefix(day + " ") if day == before else time
        for time, day, before in zip(times, days, ["", *days], strict=False)
    ]
    return f"sent {', '.join(short)}" if short else ""
