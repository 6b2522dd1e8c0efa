"""Owns what a face asks its node to keep for this person on this device. Part of `protocol`."""

from __future__ import annotations

import msgspec

from lanline.client.chat.client import ChatClient
from lanline.client.view.events import NotifyingChanged
from lanline.client.view.values import Notifying
from lanline.errors import InvalidInput, RecordMissing


class Ignore(msgspec.Struct, frozen=True, tag="ignore"):
    """What they say is not shown any more; or it is again."""

    name: str
    is_ignored: bool = True


class SetNotifying(msgspec.Struct, frozen=True, tag="set_notifying"):
    notifying: Notifying


class NoteInvited(msgspec.Struct, frozen=True, tag="note_invited"):
    """The person was told that they are asked into this room."""

    log: int


OwnCommand = Ignore | SetNotifying | NoteInvited


def carry_out(client: ChatClient, command: OwnCommand) -> None:
    node = client.node
    match command:
        case Ignore(name, is_ignored):
            _ignore(client, name, is_ignored=is_ignored)
        case SetNotifying(notifying):
            node.preferences.put_notifying(notifying)
            node.tell(NotifyingChanged(notifying))
        case NoteInvited(log):
            node.conversations.invitations.note_told(log)


def _ignore(client: ChatClient, name: str, *, is_ignored: bool) -> None:
    node = client.node
    person = node.directory.named(name)
    if person is None:
        raise RecordMissing(f"There is nobody called {name} here.")
    if person.account == node.own.account:
        raise InvalidInput("That is you.")
    if not is_ignored and person.account not in node.directory.ignoring:
        raise InvalidInput(f"{person.name} is not ignored.")
    node.ignore(person.account, person.name, is_ignored=is_ignored)
