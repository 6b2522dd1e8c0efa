"""Owns the sentences about changes that are no messages: who comes and goes, the state of the link, the rooms."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lanline.client.view.edits import folded
from lanline.client.view.events import (
    CallFailed,
    ConnectionLost,
    ConversationChanged,
    ConversationClosed,
    ConversationOpened,
    GroupChanged,
    HistoryFailed,
    InvitedToRoom,
    MemberChanged,
    PeopleChanged,
    ServerRestored,
    ServerSaid,
    SignedIn,
    Warned,
)
from lanline.client.view.places import LOBBY
from lanline.client.view.rendering import name_of, shorten, topic_text, words_of
from lanline.client.view.values import Conversation, GroupFacts, NodeState
from lanline.client.view.view import Change, Snapshot, View
from lanline.model.rooms import Access, Role, Standing, pace_text

_MAX_NAMED = 8
_SEARCHED = 500
_STANDINGS = {Role.OWNER: "an owner", Role.MODERATOR: "a moderator", Role.MEMBER: "a member"}


class Notices:
    """Remembers the state of the link, to tell each change once however often a call fails."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._was_signed_in = False
        self._told_away = False
        self._disk_problem = ""
        self._why_silent = ""
        """Why nothing can be said, as it was told last."""
        self._known = {each.log: each for each in view.conversations}
        self._group = GroupFacts()

    def of(self, event: Change) -> list[str]:
        match event:
            case Snapshot() | SignedIn() | ConnectionLost() | CallFailed():
                return self._of_link(event)
            case HistoryFailed(text):
                return self._of_disk(text)
            case PeopleChanged(_, came, went):
                unheard = {self._view.account, *self._view.ignored}
                return [
                    *_together([person.name for person in came if person.account not in unheard], "here"),
                    *_together([person.name for person in went if person.account not in unheard], "gone"),
                ]
            case ServerSaid(text) | ServerRestored(text) | Warned(text):
                return self._warning(event, text)
            case GroupChanged(group, news):
                return [*news, *self._of_group(group)]
            case _:
                return self._of_rooms(event)

    def _of_link(self, event: Snapshot | SignedIn | ConnectionLost | CallFailed) -> list[str]:
        match event:
            case Snapshot():
                return self._at_beginning(event)
            case SignedIn(name=name, server_name=server):
                return self._signed_in(name, server)
            # Of a connection that was lost for good the end of the program tells.
            case ConnectionLost(reason, is_own_doing=True):
                return [reason]
            case ConnectionLost(reason, is_refused=True):
                self._told_away = True
                return [f"Connection lost: {reason}"]
            case ConnectionLost(reason, is_for_good=False) | CallFailed(reason):
                return self._away(reason)
            case _:
                return []

    def _of_disk(self, text: str) -> list[str]:
        if text == self._disk_problem:
            return []
        self._disk_problem, self._told_away = text, True
        return [f"{text} Until then nothing that you type is taken, and what others say waits at the server."]

    def _warning(self, event: ServerSaid | ServerRestored | Warned, text: str) -> list[str]:
        if isinstance(event, ServerSaid):
            return [f"The server says: {text}"]
        return self._silenced(text) if isinstance(event, Warned) else [text]

    def _silenced(self, text: str) -> list[str]:
        before, self._why_silent = self._why_silent, text
        return [text] if text != before else []

    def _of_group(self, group: GroupFacts) -> list[str]:
        """Who waits, and what the person should see to: each once."""
        before, self._group = self._group, group
        lines = [each for each in group.notes if each not in before.notes]
        for each in group.asking:
            if each not in before.asking:
                lines += [
                    f"{each.name} asks to be let into the group. Compare these words with theirs by another way:",
                    f"  {each.words}",
                    f"/admit {each.name} lets them in.",
                ]
        if len(group.devices) > len(before.devices):
            lines.append(
                f"A device (number {group.devices[-1]}) asks to be one of yours. If you made a link for it, it is let "
                "in by itself; if it shows a code, type that: /approve CODE. If it is not yours, change your password: "
                "lanline password"
            )
        return lines

    def _of_rooms(self, event: Change) -> list[str]:
        match event:
            case ConversationClosed(log, title, reason):
                if (known := self._known.get(log)) is not None:
                    self._known[log] = msgspec.structs.replace(known, is_open=False)
                return [f"You are no longer in {title}{f': {reason}' if reason else '.'}"]
            case InvitedToRoom():
                return self._invited(event)
            case MemberChanged():
                return self._member(event) if event.account != self._view.account else []
            case ConversationOpened(conversation) | ConversationChanged(conversation):
                before = self._known.get(conversation.log)
                self._known[conversation.log] = conversation
                return self._changes(before, conversation) if before is not None else []
            case _:
                return []

    def _invited(self, event: InvitedToRoom) -> list[str]:
        """Once on this device; of who is ignored it is not told."""
        self._view.note_invitation_told(event.log)
        if event.by in self._view.ignored:
            return []
        about = f" ({event.topic})" if event.topic else ""
        return [f"{event.by_name} asks you into {event.room}{about}. /join {event.room} goes there."]

    def _at_beginning(self, snapshot: Snapshot) -> list[str]:
        """And again after what was missed: another node, or a face that was too slow."""
        known, self._known = self._known, {each.log: each for each in snapshot.conversations}
        lines = [
            line for each in snapshot.conversations if each.log in known for line in self._missed(known[each.log], each)
        ]
        lines += [line for each in snapshot.invitations for line in self._invited(each)]
        if snapshot.state in {NodeState.SIGNED_IN, NodeState.SYNCHRONIZED}:
            if snapshot.problem and snapshot.problem not in snapshot.group.notes:  # told once, to whoever was there
                lines += self._silenced(snapshot.problem)
            lines += self._of_group(snapshot.group)
            return self._signed_in(snapshot.name, snapshot.server_name) + lines
        return (self._away(snapshot.problem) if snapshot.failed_calls else []) + lines

    def _missed(self, before: Conversation, now: Conversation) -> list[str]:
        if not now.is_open:
            return [f"You are no longer in {now.title}."] if before.is_open else []
        return self._changes(before, now)

    def _changes(self, before: Conversation, now: Conversation) -> list[str]:
        lines = []
        if now.role is not before.role:
            lines.append(f"You are {_STANDINGS[now.role]} of {now.title} now.")
        if now.is_muted is not before.is_muted:
            lines.append(f"You are muted in {now.title}." if now.is_muted else f"You may speak in {now.title} again.")
        if now.access is not before.access:
            who = "open to all" if now.access is Access.OPEN else "for the invited only"
            lines.append(f"{now.title} is {who} now.")
        if now.topic != before.topic and now.topic_from <= before.topic_from:  # else who has set it says so
            about = topic_text(self._view, now)
            lines.append(f"The topic of {now.title} is: {about}" if about else f"{now.title} has no topic now.")
        if now.slow_s != before.slow_s:
            lines.append(slow_text(now) if now.slow_s else f"{now.title} is not slow any more.")
        return [*lines, *self._of_pins(before, now)]

    def _of_pins(self, before: Conversation, now: Conversation) -> list[str]:
        """What is pinned may not be on this device."""
        known = {each.sequence: each for each in folded(self._view.messages(now.log, last=_SEARCHED))}
        lines = []
        for number in now.pins:
            if number not in before.pins:
                said = known.get(number)
                words = f": {name_of(self._view, said)}: “{shorten(words_of(said))}”" if said is not None else "."
                lines.append(f"Pinned in {now.title}, ^{number}{words}")
        gone = [each for each in before.pins if each not in now.pins]
        return lines + [f"^{each} is not pinned in {now.title} any more." for each in gone]

    def _signed_in(self, name: str, server: str) -> list[str]:
        again, was_away = self._was_signed_in, self._told_away
        self._was_signed_in, self._told_away, self._disk_problem = True, False, ""
        if again:
            return ["Connected again."] if was_away else []  # moved to the other link, and nothing was lost
        return [f"Connected to {server or 'the server'} as {name}."]

    def _away(self, reason: str) -> list[str]:
        if self._told_away:
            return []
        self._told_away = True
        what = "Connection lost" if self._was_signed_in else "Not connected"
        return [f"{what}: {reason.rstrip('.')}. Your words are kept and sent when it is back."]

    def _member(self, event: MemberChanged) -> list[str]:
        """Of others; one's own standing comes as a changed conversation."""
        conversation = self._view.conversation(event.log)
        where = conversation.title if conversation is not None else "a room"
        if event.by == self._view.account:
            return []  # the command has answered that
        return _step(event, where)


def _step(event: MemberChanged, where: str) -> list[str]:
    match event.was, event.standing:
        case _, Standing.BANNED:
            told = f"{event.by_name} has banned {event.name} from {where}."
        case Standing.JOINED, Standing.JOINED:
            told = _rights(event, where)
        case _, Standing.JOINED:
            # Into the lobby everybody comes who is new; that they are here is told anyhow.
            told = f"{event.name} has joined {where}." if where != LOBBY else ""
        case Standing.BANNED, _:
            told = f"{event.by_name} lets {event.name} come back to {where}."
        case Standing.INVITED, None:
            told = f"{event.name} is not asked into {where} any more."
        case Standing.JOINED | None, None:
            told = _parting(event, where)
        case Standing.JOINED, Standing.INVITED:  # one who was muted, and comes back so
            told = _parting(event, where)
        case _:
            told = f"{event.by_name} asks {event.name} into {where}."
    return [told] if told else []


def _parting(event: MemberChanged, where: str) -> str:
    if event.by in {event.account, 0}:
        return f"{event.name} has left {where}."
    return f"{event.by_name} has sent {event.name} out of {where}."


def _rights(event: MemberChanged, where: str) -> str:
    if event.is_muted:
        return f"{event.by_name} has muted {event.name} in {where}."
    standing = _STANDINGS[event.role or Role.MEMBER]
    return f"{event.name} is {standing} of {where} now, and may speak (by {event.by_name})."


def slow_text(conversation: Conversation) -> str:
    waits = f"a member says one message every {pace_text(conversation.slow_s)}"
    return f"{conversation.title} is slow: {waits}. What comes too early is kept and goes out by itself."


def _together(names: Iterable[str], state: str) -> list[str]:
    """One line each, unless half the school comes at once."""
    named = list(names)
    verb = {"here": ("is here", "are here"), "gone": ("has left", "have left")}[state]
    if len(named) <= _MAX_NAMED:
        return [f"{name} {verb[0]}" for name in named]
    return [f"{', '.join(named[:_MAX_NAMED])} and {len(named) - _MAX_NAMED:,} more {verb[1]}"]
