"""Owns what the chain says at its head, and said at each height before. Not the rules by which it changes.

Nothing that ended is forgotten: words, statements and entries of private rooms are judged at the height that they
name. A state never changes; the next one shares with it what stayed the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

import msgspec

from lanline.wire.sealing.entries import DeviceKind, Inviters, Joins, Role
from lanline.wire.sealing.strict import MAX_INTEGER, ZEROS

NEVER = MAX_INTEGER + 1
"""The end of what has not ended: above every height."""
KNOWN_LEVEL = 1

T = TypeVar("T")


class Row(Generic[T]):
    """A list that grows only at its end. Two that begin alike share their items, until one of them differs."""

    __slots__ = ("_items", "_size")

    def __init__(self, items: list[T] | None = None, size: int = 0) -> None:
        self._items: list[T] = [] if items is None else items
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, place: int) -> T:
        if not 0 <= place < self._size:
            raise IndexError(place)
        return self._items[place]

    def with_next(self, item: T) -> Row[T]:
        items = self._items if len(self._items) == self._size else self._items[: self._size]
        items.append(item)
        return Row(items, self._size + 1)


class Place(NamedTuple):
    """What is kept of every height."""

    head: bytes
    tag: bytes
    content_hash: bytes
    removed: tuple[bytes, ...] = ()
    turned: bytes | None = None


class Generation(NamedTuple):
    """Of an account's sealing key: from which height on, which key, and which device made it (none: the first)."""

    since: int
    seal_hash: bytes
    maker: bytes
    prior: bytes | None
    rsa: tuple[int, bytes] | None = None
    """The height and the hash of its RSA key."""


class Device(NamedTuple):
    account: bytes
    kind: DeviceKind
    sign_key: bytes
    seal_hash: bytes
    link_fingerprint: bytes
    came_by: bytes | None
    since: int
    until: int = NEVER


class Account(NamedTuple):
    name: bytes
    came_by: bytes | None
    devices: tuple[bytes, ...]
    """Those that are live."""
    generations: tuple[Generation, ...]
    since: int
    until: int = NEVER
    open_invites: tuple[bytes, ...] = ()
    """Those that it made."""

    def generation_at(self, height: int) -> int:
        """Counted from 1."""
        return sum(generation.since <= height for generation in self.generations)


class Invite(NamedTuple):
    verify_key: bytes
    seal_hash: bytes
    maker: bytes
    maker_device: bytes
    uses_left: int
    until_ms: int
    role: Role
    since: int
    until: int = NEVER
    used_up_ms: int = 0
    """By the entry that did."""


class Chain(msgspec.Struct, frozen=True):
    height: int = 0
    head: bytes = ZEROS
    group_id: bytes = ZEROS
    level: int = KNOWN_LEVEL
    joins: Joins = Joins.INVITE
    inviters: Inviters = Inviters.ADMINS
    accounts: Mapping[bytes, Account] = {}
    """All that ever were."""
    devices: Mapping[bytes, Device] = {}
    invites: Mapping[bytes, Invite] = {}
    names: Mapping[bytes, bytes] = {}
    """Those of members, and whose they are."""
    admins: frozenset[bytes] = frozenset()
    places: Row[Place] = msgspec.field(default_factory=Row[Place])
    last_loss: int = 0
    """The height of the newest entry by which the group lost a reader: docs/protocol/sealing.md, 4.2."""

    def head_at(self, height: int) -> bytes | None:
        if height == 0:
            return ZEROS
        return self.places[height - 1].head if height <= self.height else None

    def holds(self, height: int, head: bytes) -> bool:
        """Whether this chain went through that head."""
        return self.head_at(height) == head

    def is_member(self, account_id: bytes, height: int | None = None) -> bool:
        account = self.accounts.get(account_id)
        at = self.height if height is None else height
        return account is not None and account.since <= at < account.until

    def live_device(self, device_id: bytes, height: int | None = None) -> Device | None:
        device = self.devices.get(device_id)
        at = self.height if height is None else height
        return device if device is not None and device.since <= at < device.until else None

    def live_devices(self, account_id: bytes) -> list[bytes]:
        """Those that somebody holds in the hand: no recovery keys."""
        devices = self.accounts[account_id].devices
        return [each for each in devices if self.devices[each].kind is DeviceKind.DEVICE]

    def recovery_keys(self, account_id: bytes) -> list[bytes]:
        devices = self.accounts[account_id].devices
        return [each for each in devices if self.devices[each].kind is DeviceKind.RECOVERY]

    def has_recovery_key(self, account_id: bytes) -> bool:
        return bool(self.recovery_keys(account_id))

    def has_had_rsa_key(self, account_id: bytes, height: int) -> bool:
        """Of any generation, by then: it is one that knows the suite."""
        generations = self.accounts[account_id].generations
        return any(each.rsa is not None and each.rsa[0] <= height for each in generations)

    def rsa_key_at(self, account_id: bytes, height: int) -> bytes | None:
        """The hash of the RSA key of the newest generation."""
        account = self.accounts[account_id]
        rsa = account.generations[account.generation_at(height) - 1].rsa
        return rsa[1] if rsa is not None and rsa[0] <= height else None
