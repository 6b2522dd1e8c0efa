"""Owns what becomes of a face's command about what is kept for this person on this device."""

from __future__ import annotations

from lanline.client.chat.client import ChatClient
from lanline.client.node.owncommands import Ignore, NoteInvited, NoteReminded, OwnCommand, SetNotifying
from lanline.client.view.events import NotifyingChanged
from lanline.errors import InvalidInput, RecordMissing


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
        case NoteReminded():
            node.preferences.note_reminded()


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
