"""One link's way from Hello to signed in."""

from __future__ import annotations

from enum import Enum

import msgspec


class NodeState(Enum):
    OFFLINE = "offline"
    GREETING = "greeting"
    SIGNING_IN = "signing in"
    SIGNED_IN = "signed in"
    """Requests are answered; the tables of people and conversations are on their way."""
    SYNCHRONIZED = "synchronized"


class AsDevice(msgspec.Struct, frozen=True):
    """By the key of the link: a device that joined before, or the operator."""


class AsNewcomer(msgspec.Struct, frozen=True):
    """Make an account or add this device to one; after it has worked, later links sign in as the device."""

    name: str
    password: str
    label: str
    token: bytes | None = None

    def __repr__(self) -> str:
        return f"AsNewcomer({self.name!r}, ***)"


SignInWay = AsDevice | AsNewcomer
