"""Writes the test vectors of docs/protocol/sealing.md: `python tests/vectors/make.py`.

All follows from fixed bytes, so each run writes the same. The test beside it compares, and computes part of it anew,
as the page has it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import load_der_public_key

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from grouphouse.people import InviteKeys, Person, Story, chance
from lanline.chain.epochs import group_readers, judge_epoch, room_readers
from lanline.chain.reasons import Reason
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import commitment_of, epoch_id_of, room_key_of, seal_back, seal_prior
from lanline.crypto.groups.keys import SealingKey, SigningKey, box_info, hash_of_key
from lanline.crypto.groups.labels import seal_label
from lanline.crypto.groups.rsa import RsaKey, seal_half
from lanline.crypto.groups.said import RunKeys, Where, padded_size, seal_words
from lanline.wire.sealing import entries
from lanline.wire.sealing.entries import DeviceKind, Inviters, Joins, Role, RoomRole
from lanline.wire.sealing.said import Header, LinkedBack, Words
from lanline.wire.sealing.strict import ZEROS, encode_strictly

FOLDER = Path(__file__).resolve().parent
PUBLISHED = json.loads((FOLDER / "published.json").read_text(encoding="utf-8"))
SUITE_ID = b"HPKE" + (0x647A).to_bytes(2, "big") + (1).to_bytes(2, "big") + (2).to_bytes(2, "big")


def box_from(shared: bytes, encapsulated: bytes, info: bytes, plain: bytes) -> bytes:
    """A box whose randomness is that of a published vector: the library takes none (RFC 9180, 5.1 and 5.2)."""

    def extract(salt: bytes, label: bytes, secret: bytes) -> bytes:
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + SUITE_ID + label + secret, "sha256")

    def expand(prk: bytes, label: bytes, context: bytes, size: int) -> bytes:
        labelled = size.to_bytes(2, "big") + b"HPKE-v1" + SUITE_ID + label + context
        return HKDFExpand(SHA256(), size, labelled).derive(prk)

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    aead = AESGCM(expand(secret, b"key", context, 32))
    return encapsulated + aead.encrypt(expand(secret, b"base_nonce", context, 12), plain, None)


def of_ids() -> dict[str, Any]:
    key, other, group = chance("a key"), chance("another key"), chance("a group")
    return {
        "public key": key,
        "other": other,
        "group_id": group,
        "account_id": ids.account_id_of(key),
        "device_id": ids.device_id_of(key),
        "invite_id": ids.invite_id_of(key),
        "open room `lobby`": ids.open_room_id_of(group, "lobby"),
        "pair of public key and other": ids.pair_id_of(group, key, other),
        "pair of other with itself": ids.pair_id_of(group, other, other),
        "tag of room `other` at height 7": ids.room_tag_of(other, 7),
    }


def of_secrets() -> dict[str, Any]:
    device, seed, before = chance("a device"), chance("a generation"), chance("the one before")
    invite = ids.InviteSecrets.of(device[:16])
    code = ids.approval_key_of("abcd efgh ijkl mnop qrst")
    record = b"a record"
    account = chance("an account")
    return {
        "device secret": device,
        "device sign key": SigningKey.of_device(device).public_bytes,
        "device seal_hash": hash_of_key(SealingKey.of_device(device).public_bytes),
        "generation seed": seed,
        "generation hash": hash_of_key(SealingKey.of_generation(seed).public_bytes),
        "account_id": account,
        "seed of the generation before": before,
        "prior of generation 2": seal_prior(seed, account, 2, before),
        "invite secret": device[:16],
        "invite shown": invite.shown,
        "invite verify_key": SigningKey(invite.sign_seed).public_bytes,
        "invite seal_hash": hash_of_key(SealingKey(invite.seal_seed).public_bytes),
        "key of code ABCDEFGHIJKLMNOPQRST": code,
        "record": record,
        "sealed label `büro`": seal_label(code, record, "büro", seed[:12]),
        "mark of new": ids.mark_of_new(code, record),
        "mark of old at height 7": ids.mark_of_old(code, record, 7, before, device[:16]),
    }


def told_story() -> tuple[Story, dict[str, Person], bytes]:
    """Every kind of entry once and more, and some that do not hold."""
    story = Story()
    ana, bo, cy, di, eve = (Person(name) for name in ("ana", "bo", "cy", "di", "éva"))
    link, class_link, old_link = (InviteKeys(name) for name in ("link", "class", "old"))
    story.found(ana, Joins.INVITE, Inviters.MEMBERS)
    story.add_device(ana, ana.new_device(DeviceKind.RECOVERY))
    story.invite(ana, link, role=Role.ADMIN)
    story.join(bo, link)
    story.join(cy, link)
    story.invite(bo, class_link, uses=30)
    story.join(cy, class_link)
    story.admit(cy, di)
    story.admit(bo, di)
    story.rsa(di)
    lab = story.found_room(cy, "lab", di)
    story.let_in(lab, di, ana)
    story.room_role(lab, cy, di, RoomRole.MODERATOR)
    story.let_in(lab, di, ana)
    story.add_device(di, di.new_device())
    story.turn(di, di.device, by=di.devices[1])
    di.device = di.devices[1]
    story.add(b"rubbish")
    story.add(b"rubbish", entries.STUB_SUITE)
    story.invite(cy, old_link, uses=5)
    story.send_away(lab, di, ana)
    story.role(bo, ana, Role.MEMBER)
    story.drop(cy, old_link)
    story.policy(bo, Joins.ANYONE, Inviters.ADMINS)
    story.join(eve, None)
    story.remove(bo, bo)
    story.remove(bo, cy)
    return story, {"ana": ana, "bo": bo, "cy": cy, "di": di, "éva": eve}, lab


def of_chain() -> dict[str, Any]:
    story, _, lab = told_story()
    replayed = Story()
    items = []
    for suite, content in story.log:
        reason = replayed.add(content, suite)
        items.append({"suite": suite, "content": content, "head": replayed.chain.head, "holds": reason is None})
    assert replayed.chain.head == story.chain.head
    chain, room = story.chain, story.room(lab)
    return {
        "log": items,
        "group_id": chain.group_id,
        "members": {name.decode(): account for name, account in sorted(chain.names.items())},
        "admins": sorted(chain.admins),
        "last loss": chain.last_loss,
        "open invites": sorted(each for each, invite in chain.invites.items() if invite.until > chain.height),
        "readers": [[int(each.kind), each.id, each.generation] for each in sorted(group_readers(chain, story.time_ms))],
        "room": {
            "room_id": lab,
            "log": [content for _, content in sorted(story.rooms[lab].items())],
            "heights that do not hold": [height for height, _ in room.broken],
            "members": {account.hex(): int(role) for account, role in sorted(room.members.items())},
            "last loss": room.last_loss,
            "readers": [[int(each.kind), each.id, each.generation] for each in sorted(room_readers(chain, room))],
        },
    }


def of_epoch() -> dict[str, Any]:
    story, people, _ = told_story()
    secret, earlier, scope = chance("an epoch"), chance("an earlier epoch"), story.chain.group_id
    back = LinkedBack(bytes(16), seal_back(secret, scope, bytes(16), earlier))
    statement = story.epoch(people["ana"].device, scope, secret, back=(back,))
    assert not isinstance(judge_epoch(story.chain, scope, story.chain.is_member, (), statement), Reason)
    commitment = commitment_of(secret, scope, story.chain.height, story.chain.head)
    room_id = ids.open_room_id_of(scope, "lobby")
    return {
        "scope": scope,
        "height": story.chain.height,
        "H": story.chain.head,
        "secret": secret,
        "commitment": commitment,
        "epoch_id": epoch_id_of(commitment),
        "secret of the epoch 00*16": earlier,
        "statement": statement,
        "room_id": room_id,
        "room key": room_key_of(secret, room_id),
    }


def of_box() -> dict[str, Any]:
    x_wing = {name: bytes.fromhex(value) for name, value in PUBLISHED["x-wing"]["vectors"][0].items()}
    parts = (chance("a scope"), chance("a commitment"), 1, chance("a recipient"), 3)
    info = box_info(*parts)
    box = box_from(x_wing["ss"], x_wing["ct"], info, chance("an epoch"))
    assert SealingKey(x_wing["sk"]).open(box, info) == chance("an epoch")
    names = ("scope", "commitment", "kind", "recipient", "generation")
    return {
        "sealing seed": x_wing["sk"],
        **dict(zip(names, parts, strict=True)),
        "info": info,
        "box": box,
        "secret": chance("an epoch"),
    }


def rsa_box(public: RSAPublicNumbers, label: bytes, seed: bytes, secret: bytes) -> bytes:
    """RFC 8017, 7.1.1, with a seed from outside: the library draws its own."""

    def mask(source: bytes, size: int) -> bytes:
        blocks = (hashlib.sha256(source + number.to_bytes(4, "big")).digest() for number in range(size // 32 + 1))
        return b"".join(blocks)[:size]

    def mixed(one: bytes, other: bytes) -> bytes:
        return bytes(a ^ b for a, b in zip(one, other, strict=True))

    size = (public.n.bit_length() + 7) // 8
    block = hashlib.sha256(label).digest() + b"\1".rjust(size - 33 - 32 - len(secret), b"\0") + secret
    masked = mixed(block, mask(seed, len(block)))
    encoded = b"\0" + mixed(seed, mask(masked, 32)) + masked
    return pow(int.from_bytes(encoded, "big"), public.e, public.n).to_bytes(size, "big")


def of_rsa() -> dict[str, Any]:
    key = RsaKey.of_half(bytes.fromhex(PUBLISHED["rsa"]["private half"]))
    assert key is not None
    parts = (chance("a scope"), chance("a commitment"), 1, chance("a recipient"), 3)
    public = load_der_public_key(key.public_bytes)
    assert isinstance(public, RSAPublicKey)
    box = rsa_box(public.public_numbers(), box_info(*parts), chance("drawn"), chance("an epoch"))
    assert key.open(box, box_info(*parts)) == chance("an epoch")
    seed, account, rsa_hash = chance("a generation"), chance("an account"), hash_of_key(key.public_bytes)
    return {
        "public key": key.public_bytes,
        "rsa_hash": rsa_hash,
        "private half": key.half,
        "account_id": account,
        "generation": 2,
        "generation seed": seed,
        "sealed private half": seal_half(seed, account, 2, rsa_hash, key.half),
        "box info": box_info(*parts),
        "seed of the OAEP": chance("drawn"),
        "box": box,
        "secret": chance("an epoch"),
        "rsa pair of public key and other": ids.rsa_pair_id_of(
            chance("a group"), chance("a key"), chance("another key")
        ),
    }


def of_said() -> dict[str, Any]:
    signer, room_key = SigningKey.of_device(chance("a device")), chance("a room key")
    device_id = ids.device_id_of(signer.public_bytes)
    header = Header(chance("an epoch")[:16], device_id, chance("a run")[:16], b"")
    keys = RunKeys(room_key, device_id, header.run)
    prev, run = ZEROS, []
    for n in range(2):
        where = Where(chance("a room"), chance("an account"), chance("an entry", n)[:16])
        statement = encode_strictly(Words(n, prev, 1_700_000_000_000, 7, chance("H"), bytes(8), n, ZEROS, (), b"hi"))
        drawn = chance("drawn", n)
        content, digest = seal_words(keys, signer, header, where, statement, drawn)
        run.append(
            {"entry_id": where.entry_id, "statement": statement, "32 random bytes": drawn, "content": content}
            | {"digest": digest}
        )
        prev = digest
    return {
        "room key": room_key,
        "room_id": chance("a room"),
        "account_id": chance("an account"),
        "sign key": signer.public_bytes,
        "device_id": device_id,
        "run": header.run,
        "entries": run,
        "padded sizes": [
            [size, padded_size(size)] for size in (68, 96, 97, 255, 256, 257, 511, 512, 513, 4097, 131_072)
        ],
    }


def refused_keys() -> list[bytes]:
    prime = 2**255 - 19
    eight = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
    ys = (0, 1, prime - 1, eight, prime - eight, prime, prime + 1)
    return [(y | sign << 255).to_bytes(32, "little") for y in ys for sign in (0, 1)]


def vectors() -> dict[str, Any]:
    parts = {
        "ids": of_ids(),
        "secrets": of_secrets(),
        "chain": of_chain(),
        "epoch": of_epoch(),
        "box": of_box(),
        "rsa": of_rsa(),
        "said": of_said(),
        "refused Ed25519 keys": refused_keys(),
    }
    return json.loads(json.dumps(parts, default=lambda value: value.hex() if isinstance(value, bytes) else value))


if __name__ == "__main__":
    text = json.dumps(vectors(), indent=1, ensure_ascii=False)
    (FOLDER / "sealing.json").write_text(text + "\n", encoding="utf-8")
    print(f"{FOLDER / 'sealing.json'}: {len(text)} characters")
