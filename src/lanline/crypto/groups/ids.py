"""Owns the labels of sealing, and the ids and secrets derived under them. Not keys, and nothing that is sealed.

Every label ends with a zero byte and none begins another, so that no two uses ever derive or sign the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

ACCOUNT = b"lanline account 1\0"
ACCOUNT_SEAL = b"lanline account seal 1\0"
APPROVE = b"lanline approve 1\0"
BACK = b"lanline back 1\0"
BOX = b"lanline box 1\0"
CARRIED = b"lanline carried 1\0"
CHAIN = b"lanline chain 1\0"
COMMIT = b"lanline commit 1\0"
DEVICE = b"lanline device 1\0"
DEVICE_LABEL = b"lanline device label 1\0"
DEVICE_SEAL = b"lanline device seal 1\0"
DEVICE_SIGN = b"lanline device sign 1\0"
DIGEST = b"lanline digest 1\0"
EPOCH = b"lanline epoch 1\0"
GROUP = b"lanline group 1\0"
GROUP_WORDS = b"lanline group words 1\0"
INVITE = b"lanline invite 1\0"
INVITE_ID = b"lanline invite id 1\0"
INVITE_USE = b"lanline invite use 1\0"
KEY_ENTRY = b"lanline key entry 1\0"
LOG = b"lanline log 1\0"
NEW_DEVICE = b"lanline new device 1\0"
OPEN_ROOM = b"lanline open room 1\0"
PAIR = b"lanline pair 1\0"
PAIR_RSA = b"lanline pair rsa 1\0"
PRIOR = b"lanline prior 1\0"
PRIVATE_ROOM = b"lanline private room 1\0"
RECOVERY = b"lanline recovery 1\0"
RECOVERY_SHOWN = b"lanline recovery shown 1\0"
REQUEST = b"lanline request 1\0"
REQUEST_WORDS = b"lanline request words 1\0"
VERIFY_WORDS = b"lanline verify words 1\0"
ROOM_KEY = b"lanline room key 1\0"
ROOM_TAG = b"lanline room tag 1\0"
RSA = b"lanline rsa 1\0"
SAID = b"lanline said 1\0"
SAID_KEY = b"lanline said key 1\0"
SAID_SIGNED = b"lanline said signed 1\0"

_CODE = re.compile(r"[A-Z2-7]+")
_SHOWN, _SIGN, _SEAL = b"shown\0", b"sign\0", b"seal\0"
_NEW, _OLD = b"new\0", b"old\0"
CODE_LETTERS = 20
RECOVERY_BYTES = 16
REQUEST_WORDS_SHOWN = 20
"""The server may choose keys on both sides: 12 words would fall to 2^48 tries."""


def digest_of(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def expand(key: bytes, label: bytes, size_bytes: int = 32) -> bytes:
    return HKDFExpand(SHA256(), size_bytes, label).derive(key)


def group_id_of(first_content: bytes) -> bytes:
    return digest_of(GROUP, first_content)


def account_id_of(sign_key: bytes) -> bytes:
    """Of the public key of the account's first device."""
    return digest_of(ACCOUNT, sign_key)


def device_id_of(sign_key: bytes) -> bytes:
    return digest_of(DEVICE, sign_key)[:16]


def invite_id_of(verify_key: bytes) -> bytes:
    return digest_of(INVITE_ID, verify_key)[:16]


def private_room_id_of(found_content: bytes) -> bytes:
    return digest_of(PRIVATE_ROOM, found_content)


def open_room_id_of(group_id: bytes, name: str) -> bytes:
    """The name without its `#`."""
    return digest_of(OPEN_ROOM, group_id, name.encode())


def pair_id_of(group_id: bytes, one: bytes, other: bytes) -> bytes:
    return digest_of(PAIR, group_id, min(one, other), max(one, other))


def rsa_pair_id_of(group_id: bytes, one: bytes, other: bytes) -> bytes:
    """Of the same two, where they seal in the suite `rsa`: no key of the one is ever used in the other."""
    return digest_of(PAIR_RSA, group_id, min(one, other), max(one, other))


def room_tag_of(room_id: bytes, height: int) -> bytes:
    """What a private room's entry is known by in the chain, to who knows the room."""
    return digest_of(ROOM_TAG, room_id, height.to_bytes(8, "big"))[:16]


def carried_id_of(account_id: bytes, entry_id: bytes, said: bytes) -> bytes:
    """Of words that come a second time. Other bytes have another one, so nobody takes the place of somebody's words."""
    return digest_of(CARRIED, account_id, entry_id, hashlib.sha256(said).digest())[:16]


def log_start_of(room_id: bytes) -> bytes:
    """The hash over a log of which nothing has come."""
    return digest_of(LOG, room_id)


def log_link_of(place: int, entry_id: bytes, time_ms: int, suite: str, content: bytes) -> bytes:
    """What an entry adds to the hash over its log."""
    inner = hashlib.sha256(suite.encode() + b"\0" + content).digest()
    return b"".join((place.to_bytes(8, "big"), entry_id, time_ms.to_bytes(8, "big"), inner))


def log_hash_of(before: bytes, link: bytes) -> bytes:
    return hashlib.sha256(before + link).digest()


def chain_hash_of(before: bytes, tag: bytes, content_hash: bytes) -> bytes:
    return digest_of(CHAIN, before, tag, content_hash)


class InviteSecrets(NamedTuple):
    """What follows from the secret in a link: the first is shown to the server, the others never."""

    shown: bytes
    sign_seed: bytes
    seal_seed: bytes

    @classmethod
    def of(cls, secret: bytes) -> InviteSecrets:
        prk = _extract(INVITE, secret)
        return cls(expand(prk, _SHOWN, 16), expand(prk, _SIGN), expand(prk, _SEAL))


def recovery_secret_of(chance: bytes) -> bytes:
    """The secret of a recovery key, from the 16 bytes that a person keeps as words."""
    return _extract(RECOVERY, chance)


def request_words_of(group_id: bytes, account_id: bytes) -> bytes:
    """What somebody who asks to be let in and an admin compare as words: each sees their own side's keys."""
    return digest_of(REQUEST_WORDS, group_id, account_id)[:REQUEST_WORDS_SHOWN]


def recovery_shown_of(recovery_secret: bytes) -> bytes:
    """What lets its bearer in as a device of the account, of which the server keeps a hash."""
    return expand(recovery_secret, RECOVERY_SHOWN, 16)


def group_words_of(group_id: bytes) -> bytes:
    """What members compare as words where a group takes the place of another."""
    return digest_of(GROUP_WORDS, group_id)[:REQUEST_WORDS_SHOWN]


def verify_words_of(group_id: bytes, one: bytes, other: bytes) -> bytes:
    """What two members compare as words: each by the keys that are shown to them."""
    return digest_of(VERIFY_WORDS, group_id, min(one, other), max(one, other))[:REQUEST_WORDS_SHOWN]


def approval_code_of(chance: bytes) -> str:
    """20 letters, from 13 bytes: what a new device shows, for a person to type on another."""
    return base64.b32encode(chance).decode()[:CODE_LETTERS]


def code_of_token(token: bytes) -> str:
    """The same of a link that a device has made for another."""
    return base64.b32encode(token).decode().rstrip("=")


def is_code(text: str) -> bool:
    """As a person typed it."""
    letters = "".join(text.split()).upper()
    return len(letters) >= CODE_LETTERS and _CODE.fullmatch(letters) is not None


def approval_key_of(code: str) -> bytes:
    """From the letters that a person typed: spaces and the case of letters do not count."""
    return _extract(APPROVE, "".join(code.split()).upper().encode())


def device_shown_of(approval_key: bytes) -> bytes:
    """What lets the bearer of a link for devices in, of which the server keeps a hash."""
    return expand(approval_key, _SHOWN, 16)


def mark_of_new(key: bytes, record: bytes) -> bytes:
    """Proves that the new device, which shows the code, left this record."""
    return hmac.digest(key, _NEW + digest_of(record), "sha256")


def mark_of_old(key: bytes, record: bytes, height: int, head: bytes, device_id: bytes) -> bytes:
    """Proves to the new device which chain, up to where, the device saw that took it in."""
    return hmac.digest(key, _OLD + digest_of(record) + height.to_bytes(8, "big") + head + device_id, "sha256")


def label_key_of(key: bytes) -> bytes:
    """Seals what the new device is called, for who is given its code."""
    return expand(key, DEVICE_LABEL)


def _extract(salt: bytes, secret: bytes) -> bytes:
    """HKDF-Extract, for secrets that people carry (RFC 5869, 2.2)."""
    return hmac.digest(salt, secret, "sha256")
