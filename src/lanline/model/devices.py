"""How a further device comes to an account: what a server keeps of it, none of which opens anything."""

from __future__ import annotations

import hashlib

import msgspec

from lanline.model.accounts import AccountId, DeviceId
from lanline.model.text import is_seen, safe_line

DEVICE_WAITS_MS = 10 * 60 * 1000
"""So long a code is good, and a link that a device has made for another."""


DEVICE_ID_BYTES = 16
MAX_DEVICES_NAMED = 64
"""In one note."""
NAMELESS = "a device"
_MAX_LABEL_CHARS = 64


def checked_label(label: str) -> str:
    """What a device is called, in a line that anybody may see."""
    return " ".join("".join(filter(is_seen, safe_line(label))).split())[:_MAX_LABEL_CHARS].strip() or NAMELESS


class DeviceOffer(msgspec.Struct, frozen=True):
    """Whoever shows the token signs in as a device of the account. To read takes more: docs/protocol/sealing.md, 6."""

    shown_hash: bytes
    account: AccountId
    until_ms: int | None
    """None: as long as the recovery key lives."""
    recovery_id: bytes | None = None
    used_by: bytes | None = None
    """The fingerprint of the device that has come by it: the same may come again."""

    def lets_in(self, fingerprint: bytes, now_ms: int) -> bool:
        is_over = self.until_ms is not None and now_ms >= self.until_ms
        return not is_over and self.used_by in {None, fingerprint}


class DeviceRequest(msgspec.Struct, frozen=True):
    """A device of the server that asks another of its account to take it into the group."""

    device: DeviceId
    account: AccountId
    record: bytes
    mark: bytes
    left_ms: int
    answer: bytes | None = None
    sealed_label: bytes = b""
    """What it is called, for who is given its code."""


def shown_hash_of(shown: bytes) -> bytes:
    """Tokens are random, so that one plain hash is enough."""
    return hashlib.sha256(b"lanline device\0" + shown).digest()
