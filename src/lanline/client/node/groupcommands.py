"""Owns what a face asks its node about the group, and the answers. Part of `protocol`."""

from __future__ import annotations

import msgspec


class Admit(msgspec.Struct, frozen=True, tag="admit"):
    """Who asks to be let into the group; empty: the only one."""

    name: str = ""


class ApproveDevice(msgspec.Struct, frozen=True, tag="approve_device"):
    """One more device of one's own, which shows this code. Answered with `DeviceLetIn`."""

    code: str


class AskWords(msgspec.Struct, frozen=True, tag="ask_words"):
    """To compare with somebody. Answered with `Words`."""

    name: str


class Verify(msgspec.Struct, frozen=True, tag="verify"):
    """These words were compared, and are the same."""

    name: str
    words: bytes


class AcceptPerson(msgspec.Struct, frozen=True, tag="accept_person"):
    """That another account has this name now."""

    name: str


class AskChain(msgspec.Struct, frozen=True, tag="ask_chain"):
    """How far this device has the chain of the group, and what the server shows. Answered with `ChainState`."""


class AcceptChain(msgspec.Struct, frozen=True, tag="accept_chain"):
    """What the server shows is right, and what this device has seen is put aside. Answered with `ChainState`."""


class TakeBack(msgspec.Struct, frozen=True, tag="take_back"):
    """Somebody whose end this device has seen may read again. Answered with `ChainState`."""

    name: str


class RenewKeys(msgspec.Struct, frozen=True, tag="renew_keys"):
    """Throw away what can be computed anew of the group, and compute it. Answered with `KeysRenewed`."""

    limit_s: float


GroupCommand = Admit | ApproveDevice | AskWords | Verify | AcceptPerson | RenewKeys | AskChain | AcceptChain | TakeBack


class DeviceLetIn(msgspec.Struct, frozen=True, tag="device_let_in"):
    label: str


class Words(msgspec.Struct, frozen=True, tag="words"):
    words: bytes
    text: str
    """One word for each byte."""
    trust: str


class ChainState(msgspec.Struct, frozen=True, tag="chain_state"):
    height: int
    head: str
    """Of this device; hexadecimal."""
    shown_height: int
    shown_head: str
    """Of what the server shows."""
    problem: str
    """A sentence, where the two do not go together."""
    can_accept: bool
    come_back: tuple[str, ...]
    """Who reads by what the server shows, though this device has seen their end."""


class KeysRenewed(msgspec.Struct, frozen=True, tag="keys_renewed"):
    lines: tuple[str, ...]
    """What was done; sentences for the person."""
    is_whole: bool
    """All is as it was before."""


GroupResult = DeviceLetIn | Words | KeysRenewed | ChainState
