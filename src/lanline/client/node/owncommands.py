"""Owns what a face asks its node to keep for this person on this device. Part of `protocol`."""

from __future__ import annotations

import msgspec

from lanline.client.view.values import Notifying


class Ignore(msgspec.Struct, frozen=True, tag="ignore"):
    """What they say is not shown any more; or it is again."""

    name: str
    is_ignored: bool = True


class SetNotifying(msgspec.Struct, frozen=True, tag="set_notifying"):
    notifying: Notifying


class NoteInvited(msgspec.Struct, frozen=True, tag="note_invited"):
    """The person was told that they are asked into this room."""

    log: int


class NoteReminded(msgspec.Struct, frozen=True, tag="note_reminded"):
    """The person was told that they have no recovery key."""


OwnCommand = Ignore | SetNotifying | NoteInvited | NoteReminded
