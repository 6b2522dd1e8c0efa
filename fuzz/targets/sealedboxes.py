"""Boxes, keys and sealed secrets with anything in them: nothing opens but what was sealed, and nothing raises."""

from __future__ import annotations

import json
from pathlib import Path

from lanline.crypto.groups.epochs import open_back, open_prior, seal_back, seal_prior
from lanline.crypto.groups.keys import SealingKey, is_good_sign_key, seal_box, verify
from lanline.crypto.groups.labels import NONCE_BYTES, open_label, seal_label
from lanline.crypto.groups.rsa import RsaKey, check_rsa_public, open_half, seal_half, seal_rsa_box
from lanline.errors import MalformedPacket

_KEY, _SECRET, _INFO = SealingKey(bytes(range(32))), bytes(range(32, 64)), b"some info"
_VECTORS = Path(__file__).resolve().parents[2] / "tests" / "vectors" / "published.json"
_RSA = RsaKey.of_half(bytes.fromhex(json.loads(_VECTORS.read_text(encoding="utf-8"))["rsa"]["private half"]))
assert _RSA is not None
_BOX, _RSA_BOX = seal_box(_KEY.public_bytes, _INFO, _SECRET), seal_rsa_box(_RSA.public_bytes, _INFO, _SECRET)
_ID, _LONG = bytes(16), bytes(32)
_BACK, _PRIOR = seal_back(_SECRET, _LONG, _ID, _LONG), seal_prior(_SECRET, _LONG, 2, _LONG)
_LABEL = seal_label(_SECRET, _LONG, "laptop", bytes(NONCE_BYTES))
_HALF = seal_half(_SECRET, _LONG, 2, _LONG, _RSA.half)


def fuzz_one(data: bytes) -> None:
    assert _KEY.open(data, _INFO) in {None, _SECRET}  # the corpus has boxes of runs before
    assert _RSA.open(data, _INFO) in {None, _SECRET}
    assert open_back(_SECRET, _LONG, _ID, data) is None or data == _BACK
    assert open_prior(_SECRET, _LONG, 2, data) is None or data == _PRIOR
    half = open_half(_SECRET, _LONG, 2, _LONG, data)
    assert half is None or data == _HALF
    key = RsaKey.of_half(data[:384])
    assert key is None or key.half == data[:384]
    assert open_label(_SECRET, _LONG, data) in {"", "laptop"}
    _as_keys(data)


def _as_keys(data: bytes) -> None:
    """Somebody else's public key, by the hash in the chain."""
    for seal in (seal_box, seal_rsa_box):
        try:
            seal(data, _INFO, _SECRET)
        except MalformedPacket:
            continue
    try:
        check_rsa_public(data)
    except MalformedPacket:
        assert data != _RSA.public_bytes
    public, signature = data[:32].ljust(32, b"\0"), data[32:96].ljust(64, b"\0")
    if is_good_sign_key(public):
        verify(public, signature, data[96:])


def seeds() -> list[bytes]:
    return [_BOX, _RSA_BOX, _LABEL, _BACK, _PRIOR, _HALF, _RSA.half, _KEY.public_bytes, _RSA.public_bytes]
