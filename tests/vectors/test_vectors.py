"""The test vectors are what the code makes, what the page says, and for the building blocks what others published."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from cryptography.hazmat.primitives.serialization import load_der_public_key

from grouphouse.people import chance
from lanline.crypto.groups.keys import SealingKey
from lanline.crypto.groups.rsa import RsaKey
from vectors import make

VECTORS: dict[str, Any] = json.loads((make.FOLDER / "sealing.json").read_text(encoding="utf-8"))


def of(part: str, name: str) -> bytes:
    return bytes.fromhex(VECTORS[part][name])


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def expand(key: bytes, label: bytes, size: int = 32) -> bytes:
    """RFC 5869, 2.3, written out."""
    found = block = b""
    for number in range(1, 4):
        block = hmac.digest(key, block + label + bytes([number]), "sha256")
        found += block
    return found[:size]


def test_the_file_is_what_the_code_makes() -> None:
    assert make.vectors() == VECTORS


def test_ids_are_as_the_page_says() -> None:
    key, other, group = (of("ids", name) for name in ("public key", "other", "group_id"))
    assert of("ids", "account_id") == sha(b"lanline account 1\0", key)
    assert of("ids", "device_id") == sha(b"lanline device 1\0", key)[:16]
    assert of("ids", "invite_id") == sha(b"lanline invite id 1\0", key)[:16]
    assert of("ids", "open room `lobby`") == sha(b"lanline open room 1\0", group, b"lobby")
    low, high = sorted((key, other))
    assert of("ids", "pair of public key and other") == sha(b"lanline pair 1\0", group, low, high)
    assert of("ids", "pair of other with itself") == sha(b"lanline pair 1\0", group, other, other)
    tag = sha(b"lanline room tag 1\0", other, bytes(7) + b"\x07")[:16]
    assert of("ids", "tag of room `other` at height 7") == tag


def test_secrets_are_as_the_page_says() -> None:
    prk = hmac.digest(b"lanline invite 1\0", of("secrets", "invite secret"), "sha256")
    assert of("secrets", "invite shown") == expand(prk, b"shown\0", 16)
    key = hmac.digest(b"lanline approve 1\0", b"ABCDEFGHIJKLMNOPQRST", "sha256")
    assert of("secrets", "key of code ABCDEFGHIJKLMNOPQRST") == key
    record = of("secrets", "record")
    sealed = of("secrets", "sealed label `büro`")
    label = AESGCM(expand(key, b"lanline device label 1\0")).decrypt(sealed[:12], sealed[12:], sha(record))
    assert label == "büro".encode().ljust(64, b"\0")
    assert of("secrets", "mark of new") == hmac.digest(key, b"new\0" + sha(record), "sha256")
    key = expand(of("secrets", "generation seed"), b"lanline prior 1\0" + of("secrets", "account_id") + b"\0\0\0\x02")
    opened = AESGCM(key).decrypt(bytes(12), of("secrets", "prior of generation 2"), None)
    assert opened == of("secrets", "seed of the generation before")


def test_heads_are_as_the_page_says() -> None:
    head = bytes(32)
    for item in VECTORS["chain"]["log"]:
        content = bytes.fromhex(item["content"])
        tag, digest = bytes(16), sha(content)
        if item["suite"] == "stub/1":
            held = item["holds"]
            tag, digest = (content[3:19], content[21:]) if held else (b"\xff" * 16, sha(content))
        head = sha(b"lanline chain 1\0", head, tag, digest)
        assert head.hex() == item["head"]


def test_an_epoch_is_as_the_page_says() -> None:
    scope, height, head = of("epoch", "scope"), VECTORS["epoch"]["height"].to_bytes(8, "big"), of("epoch", "H")
    secret = of("epoch", "secret")
    commitment = expand(secret, b"lanline commit 1\0" + scope + height + head)
    assert of("epoch", "commitment") == commitment
    assert of("epoch", "epoch_id") == commitment[:16]
    assert of("epoch", "room key") == expand(secret, b"lanline room key 1\0" + of("epoch", "room_id"))


def test_words_are_as_the_page_says() -> None:
    room_key, room_id, account, device, run = (
        of("said", name) for name in ("room key", "room_id", "account_id", "device_id", "run")
    )
    keys = expand(room_key, b"lanline said key 1\0" + device + run, 64)
    for entry in VECTORS["said"]["entries"]:
        each = {name: bytes.fromhex(value) for name, value in entry.items()}
        header, sealed = each["content"][:61], each["content"][61:]
        ad = b"lanline said 1\0" + room_id + account + each["entry_id"] + header[:49]
        digest = sha(b"lanline digest 1\0", ad, each["statement"])
        assert digest == each["digest"]
        assert header[49:] == hmac.digest(keys[32:], each["32 random bytes"] + digest, "sha256")[:12]
        plain = AESGCM(keys[:32]).decrypt(header[49:], sealed, ad)
        assert plain[68:].rstrip(b"\0") == each["statement"].rstrip(b"\0")


@pytest.mark.parametrize("vector", make.PUBLISHED["x-wing"]["vectors"])
def test_sealing_keys_and_boxes_are_those_of_x_wing_and_rfc_9180(vector: dict[str, str]) -> None:
    """The key schedule of `make.box_from` stands on the published shared secret; the library opens what it seals."""
    seed, public, encapsulated, shared = (bytes.fromhex(vector[name]) for name in ("sk", "pk", "ct", "ss"))
    key = SealingKey(seed)
    assert key.public_bytes == public
    box = make.box_from(shared, encapsulated, b"some info", chance("secret"))
    assert key.open(box, b"some info") == chance("secret")


def test_the_suite_rsa_is_as_the_page_says() -> None:
    half = of("rsa", "private half")
    p, q = (int.from_bytes(half[start : start + 192], "big") for start in (0, 192))
    public = load_der_public_key(of("rsa", "public key"))
    assert isinstance(public, RSAPublicKey)
    assert public.public_numbers() == RSAPublicNumbers(65537, p * q)
    assert of("rsa", "rsa_hash") == sha(of("rsa", "public key"))
    label = b"lanline rsa 1\0" + of("rsa", "account_id") + b"\0\0\0\x02" + of("rsa", "rsa_hash")
    key = expand(of("rsa", "generation seed"), label)
    assert AESGCM(key).decrypt(bytes(12), of("rsa", "sealed private half"), None) == half
    low, high = sorted((of("ids", "public key"), of("ids", "other")))
    pair = sha(b"lanline pair rsa 1\0", of("ids", "group_id"), low, high)
    assert of("rsa", "rsa pair of public key and other") == pair
    private = RsaKey.of_half(half)
    assert private is not None
    assert private.open(of("rsa", "box"), of("rsa", "box info")) == of("rsa", "secret")
    assert private.open(of("rsa", "box"), of("rsa", "box info") + b"x") is None


def test_hpke_of_the_library_is_rfc_9180() -> None:
    vector = {name: bytes.fromhex(value) for name, value in make.PUBLISHED["hpke"]["vectors"][0].items()}
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
    key = X25519PrivateKey.from_private_bytes(vector["skRm"])
    box = vector["enc"] + vector["ct"]
    assert openssl.hpke._decrypt_with_aad(suite, box, key, vector["info"], vector["aad"]) == vector["pt"]


def test_a_frame_of_rfc_9605_comes_out_of_the_same_parts() -> None:
    """Video will need nothing but HKDF and AES-256-GCM."""
    [vector] = make.PUBLISHED["sframe"]["vectors"]
    parts = {name: bytes.fromhex(value) for name, value in vector.items() if isinstance(value, str)}
    secret = HKDF.extract(SHA512(), b"", parts["base_key"])
    assert secret == parts["sframe_secret"]
    key, salt = (
        HKDFExpand(SHA512(), size, parts[f"sframe_{name}_label"]).derive(secret)
        for name, size in (("key", 32), ("salt", 12))
    )
    nonce = (int.from_bytes(salt, "big") ^ vector["ctr"]).to_bytes(12, "big")
    header = parts["aad"].removesuffix(parts["metadata"])
    assert header + AESGCM(key).encrypt(nonce, parts["pt"], parts["aad"]) == parts["ct"]
