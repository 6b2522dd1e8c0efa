"""The first messages on a link: which version, and who. A device is known by the key of its link."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lanline.wire.chat.limits import Id, Request, Secret, ShortText

VERSIONS = (2,)
"""The versions of the chat protocol that this program speaks, the best last. Version 1 knew nothing that is sealed."""


class Hello(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """First from the client, and the only message it may send before `Welcome`."""

    versions: Annotated[tuple[int, ...], msgspec.Meta(max_length=32)]
    software: ShortText


class Welcome(msgspec.Struct, frozen=True, array_like=True, tag=64):
    version: int
    server_name: ShortText
    is_open: bool
    """Anybody may join without an invite."""
    now_ms: int


class NoCommonVersion(msgspec.Struct, frozen=True, array_like=True, tag=65):
    """What the server speaks; the link closes after it."""

    versions: tuple[int, ...]


class SignIn(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """As the device whose key made this link."""

    request: Request
    is_away: bool = False
    """Nobody sits there: the account does not come online by this link, before a `SetAway` says otherwise."""


class SetAway(msgspec.Struct, frozen=True, array_like=True, tag=160):
    """Somebody has sat down at this link, or has left it."""

    request: Request
    is_away: bool


class Join(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Make an account, or add this device to one: a free name makes it, a taken one wants its password."""

    request: Request
    name: ShortText
    password: Secret
    label: ShortText = ""
    """Empty: what a device is called is sealed. Clients from before that say it here, and no server keeps it."""
    token: Annotated[bytes, msgspec.Meta(max_length=64)] | None = None


class SignedIn(msgspec.Struct, frozen=True, array_like=True, tag=66):
    """`People` and `Conversations` follow."""

    request: Request
    account: Id
    name: ShortText
    device: Id
    is_admin: bool
    is_new: bool = False
    """This join made the account."""
    epoch: Annotated[bytes, msgspec.Meta(max_length=16)] = b""
    """Which history of the server this is. Another after a restore: then the same numbers may mean other entries."""
    knows_away: bool = False
    """The server takes `SetAway`."""


class ChangePassword(msgspec.Struct, frozen=True, array_like=True, tag=4):
    request: Request
    old: Secret
    new: Secret


class Deregister(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """Go offline on every link of this account. What is said meanwhile is kept."""

    request: Request
