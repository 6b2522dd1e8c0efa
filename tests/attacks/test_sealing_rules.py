"""Attacks on the rules of sealing themselves, with neither a server nor a client in between."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from grouphouse.people import InviteKeys, Person, Story, chance, founded, stub_of
from lanline.chain.epochs import Epoch, judge_epoch
from lanline.chain.reasons import Reason
from lanline.chain.rules import follow
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import commitment_of, seal_back
from lanline.crypto.groups.keys import SealingKey, SigningKey, box_info, is_good_sign_key, seal_box, verify
from lanline.crypto.groups.said import RunKeys, Where, padded_size, seal_words, vouched
from lanline.errors import MalformedPacket
from lanline.testing.said import open_words
from lanline.wire.sealing import entries
from lanline.wire.sealing.entries import DeviceKind, Inviters, Role
from lanline.wire.sealing.said import EpochBody, Header, Words
from lanline.wire.sealing.strict import ZEROS, decode_strictly, encode_strictly

PRIME = 2**255 - 19
Y_OF_ORDER_EIGHT = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL_ORDER_Y = (0, 1, PRIME - 1, Y_OF_ORDER_EIGHT, PRIME - Y_OF_ORDER_EIGHT)


def encoded_points(ys: tuple[int, ...]) -> list[bytes]:
    return [(y | sign << 255).to_bytes(32, "little") for y in ys for sign in (0, 1)]


# -- bytes


def test_small_order_and_noncanonical_device_keys_are_refused() -> None:
    bad = encoded_points((*SMALL_ORDER_Y, PRIME, PRIME + 1, PRIME + 18))
    signature = b"\x01" + bytes(63)
    assert sum(verify(key, signature, b"anything at all") for key in bad) > 0, "the library takes some of them"
    assert not any(is_good_sign_key(key) for key in bad)
    story, [ana] = founded("ana")
    for key in bad:
        joiner = encode_strictly(entries.Joiner(b"bo", key, ZEROS, ZEROS, ZEROS))
        assert story.write(entries.Admit, ana.device, joiner=joiner, request_signature=signature) is Reason.WEAK_KEY
        device = encode_strictly(entries.NewDevice(key, ZEROS, ZEROS))
        fields = {"device": device, "kind": DeviceKind.DEVICE, "proof": signature}
        assert story.write(entries.AddDevice, ana.device, **fields) is Reason.WEAK_KEY
        fields = {"verify_key": key, "seal_hash": ZEROS, "uses": 1, "until_ms": 0, "role": Role.MEMBER}
        assert story.write(entries.MakeInvite, ana.device, **fields) is Reason.WEAK_KEY
        body = story.body(entries.Join, joiner=joiner, invite_id=None)
        content = entries.encode_entry(encode_strictly(body), ids.device_id_of(key), signature)
        assert story.add(content) is Reason.WEAK_KEY


def test_no_other_key_is_refused() -> None:
    """What is no point of the curve loads and verifies nothing: it needs no rule."""
    for number in range(200):
        assert is_good_sign_key(SigningKey(chance(number)).public_bytes)
    assert is_good_sign_key((2).to_bytes(32, "little"))
    assert not verify((2).to_bytes(32, "little"), bytes(64), b"")


def test_other_encodings_and_unsorted_lists_do_not_hold() -> None:
    story, [ana, bo, cy] = founded("ana", "bo", "cy")
    good = encode_strictly(story.body(entries.Remove, accounts=tuple(sorted((bo.id, cy.id)))))
    number, *common, accounts = msgspec.msgpack.decode(good)
    others = [
        msgspec.msgpack.encode([number, *common, accounts[::-1]]),
        msgspec.msgpack.encode([number, *common, [accounts[0], accounts[0]]]),
        msgspec.msgpack.encode([number, *common, []]),
        msgspec.msgpack.encode([number, *common, accounts, None]),
        msgspec.msgpack.encode([number, *common]),
        msgspec.msgpack.encode([float(number), *common, accounts]),
        msgspec.msgpack.encode([number, common[0], float(common[1]), *common[2:], accounts]),
        msgspec.msgpack.encode([number, common[0], common[1], common[2], 2**53, accounts]),
        msgspec.msgpack.encode([number, common[0], True, *common[2:], accounts]),
        msgspec.msgpack.encode([number, *common, [each.hex() for each in accounts]]),
        msgspec.msgpack.encode([number, *common, [each[:-1] for each in accounts]]),
        b"\xdc\x00\x06" + good[1:],
        good[:1] + b"\xcc" + good[1:],
        good + b"\0",
        good[:-1],
        b"",
    ]
    for other in others:
        assert other != good
        signature = ana.device.signer.sign(ids.KEY_ENTRY + other)
        content = encode_strictly(entries.SignedEntry(other, ana.device.id, signature, None))
        assert follow(story.chain, entries.KEY_SUITE, content)[1] is Reason.FORM
    signature = ana.device.signer.sign(ids.KEY_ENTRY + good)
    content = entries.encode_entry(good, ana.device.id, signature)
    assert content[:1] == b"\x94"
    for other in (b"\xdc\x00\x04" + content[1:], content + b"\xc0", content.ljust(9000, b"\0")):
        assert follow(story.chain, entries.KEY_SUITE, other)[1] is Reason.FORM
    assert follow(story.chain, entries.KEY_SUITE, content)[1] is None


@pytest.mark.parametrize("name", [b"", b"a" * 129, b"a\nb", b"\x7f", "\x85".encode(), b"\xff", b"\xed\xa0\x80"])
def test_a_name_is_plain_text_of_128_bytes_at_most(name: bytes) -> None:
    story, [ana] = founded("ana")
    bo = Person("bo")
    keys = msgspec.msgpack.decode(bo.joiner)
    joiner = msgspec.msgpack.encode([name, *keys[1:]])
    request = bo.device.signer.sign(ids.REQUEST + story.chain.group_id + joiner)
    assert story.write(entries.Admit, ana.device, joiner=joiner, request_signature=request) is Reason.FORM


def test_no_label_begins_another() -> None:
    labels = [value for name, value in vars(ids).items() if name.isupper() and isinstance(value, bytes)]
    assert len(labels) > 20
    assert all(label.endswith(b"\0") and label.count(b"\0") == 1 for label in labels)
    assert len(set(labels)) == len(labels)


# -- the chain


def test_chain_is_judged_the_same_by_every_python() -> None:
    """No table of Unicode and no order of a set decides: letters of tomorrow's tables, in names of any script."""
    story, [ana] = founded("ana")
    for name in (
        "\U0001fae9",
        "\ufb01",
        "fi",
        "\u0130",
        "i\u0307",
        "\u2066a",
        "\U000e0fff",
        "\u212b",
        "\xc5",
        "A\u030a",
    ):
        assert story.admit(ana, Person(name)) is None
    assert story.chain.head.hex() == "17171ce4a92b497e0236deedaed443d6b04dbe13769c1f812c8bffedef085b95"


def test_people_entry_shown_as_a_stub_is_a_fork() -> None:
    story, [ana, bo] = founded("ana", "bo")
    removal = story.signed(story.body(entries.Remove, accounts=(bo.id,)), ana.device)
    removed, reason = follow(story.chain, entries.KEY_SUITE, removal)
    assert reason is None
    disguises = [
        removal,
        encode_strictly(entries.Stub(bytes(16), hashlib.sha256(removal).digest())),
        encode_strictly(entries.Stub(b"\xff" * 16, hashlib.sha256(removal).digest())),
        stub_of(chance("a room"), 3, removal),
    ]
    heads = {follow(story.chain, entries.STUB_SUITE, disguise)[0].head for disguise in disguises}
    assert removed.head not in heads
    assert len(heads) == len(disguises)


def test_bad_item_takes_a_height_everywhere() -> None:
    story, [ana, bo] = founded("ana", "bo")
    bad = (
        (entries.KEY_SUITE, b"rubbish"),
        (entries.KEY_SUITE, b""),
        (entries.STUB_SUITE, b"rubbish"),
        (entries.STUB_SUITE, encode_strictly(entries.Stub(bytes(16), ZEROS))),
        (entries.KEY_SUITE, bytes(10_000_000)),
    )
    for suite, content in bad:
        before = story.chain
        assert story.add(content, suite) is Reason.FORM
        assert story.chain.height == before.height + 1
        assert story.chain.head != before.head
        assert story.chain.accounts == before.accounts
    assert story.remove(ana, bo) is None, "the next one stands on it"


def test_stub_without_its_entry_stops_that_room_only() -> None:
    story, [ana, bo] = founded("ana", "bo")
    lab, other = story.found_room(ana, "lab"), story.found_room(ana, "other")
    made_up = chance("nobody's entry")
    height = story.chain.height + 1
    story.add(stub_of(lab, height, made_up), entries.STUB_SUITE)
    assert story.room(lab).lacking == (height,)
    assert story.room(other).lacking == ()
    assert story.remove(ana, bo) is None


def test_any_byte_changed_in_an_entry_and_it_does_not_hold() -> None:
    story, [ana, bo] = founded("ana", "bo")
    good = story.signed(story.body(entries.Remove, accounts=(bo.id,)), ana.device)
    for place in range(len(good)):
        changed = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        assert follow(story.chain, entries.KEY_SUITE, changed)[1] is not None, place


# -- boxes and invites


def test_server_that_saw_the_shown_token_can_neither_open_nor_join() -> None:
    """It knows `shown`, the chain and every box; what opens and what proves a use follow from the secret alone."""
    story, [ana] = founded("ana")
    invite = InviteKeys(1, seals=True)
    story.invite(ana, invite)
    seeds = ids.InviteSecrets.of(invite.secret)
    info = box_info(story.chain.group_id, ZEROS, 2, invite.id, 0)
    box = seal_box(SealingKey(seeds.seal_seed).public_bytes, info, chance("secret"))
    for guess in (seeds.shown, seeds.shown.ljust(32, b"\0"), invite.id):
        derived = ids.InviteSecrets.of(guess)
        assert SealingKey(derived.seal_seed).open(box, info) is None
        forger = InviteKeys(2)
        forger.signer, forger.id = SigningKey(derived.sign_seed), invite.id
        assert story.join(Person(guess.hex()), forger) is Reason.SIGNATURE
    assert SealingKey(seeds.seal_seed).open(box, info) == chance("secret")


def test_demoted_makers_link_does_not_open_again() -> None:
    story, [ana, bo] = founded("ana", "bo")
    story.policy(ana, inviters=Inviters.ADMINS)
    story.role(ana, bo, Role.ADMIN)
    invite = InviteKeys(1)
    story.invite(bo, invite, uses=5)
    story.role(ana, bo, Role.MEMBER)
    story.role(ana, bo, Role.ADMIN)
    assert story.join(Person("cy"), invite) is Reason.INVITE


def test_key_that_cannot_be_sealed_to_is_told() -> None:
    good = SealingKey(chance(1)).public_bytes
    for x25519 in (bytes(32), (1).to_bytes(32, "little"), (PRIME - 1).to_bytes(32, "little")):
        with pytest.raises(MalformedPacket):
            seal_box(good[:1184] + x25519, b"", chance(2))


# -- devices


def test_thief_cannot_add_a_recovery_key_beside_mine() -> None:
    story, [ana] = founded("ana")
    stolen, mine, theirs = ana.new_device(), ana.new_device(DeviceKind.RECOVERY), ana.new_device(DeviceKind.RECOVERY)
    story.add_device(ana, stolen)
    story.add_device(ana, mine)
    assert story.add_device(ana, theirs, by=stolen) is Reason.RIGHTS
    assert story.turn(ana, mine, by=stolen) is Reason.RIGHTS
    assert story.turn(ana, stolen, by=mine) is None


# -- epochs


def test_commitment_copied_at_an_old_height_is_garbage() -> None:
    """Who was sent away signs today's commitment for a height where he still read. Its secret does not fit there."""
    story, [ana, bo] = founded("ana", "bo")
    group, old = story.chain.group_id, story.chain
    story.remove(ana, bo)
    secret = chance("today's secret")
    now = judge_epoch(story.chain, group, story.chain.is_member, (), story.epoch(ana.device, group, secret))
    assert isinstance(now, Epoch)
    copied = sign_old_epoch(story, bo, now.commitment)
    shown = judge_epoch(old, group, old.is_member, (), copied)
    assert isinstance(shown, Epoch), "to who is kept behind it looks as it should"
    assert commitment_of(secret, group, shown.height, shown.head) != shown.commitment


def sign_old_epoch(story: Story, person: Person, commitment: bytes) -> bytes:
    head = story.chain.head_at(2)
    assert head is not None
    body = encode_strictly(EpochBody(story.chain.group_id, commitment, 2, head, ()))
    signature = person.device.signer.sign(ids.EPOCH + body)
    return encode_strictly([body, person.device.id, signature])


def test_a_box_opens_only_for_what_it_was_made() -> None:
    key = SealingKey(chance(1))
    parts = (chance("scope"), chance("commitment"), 1, chance("recipient"), 3)
    box = seal_box(key.public_bytes, box_info(*parts), chance("secret"))
    assert key.open(box, box_info(*parts)) == chance("secret")
    for place, other in enumerate((chance("x"), chance("y"), 2, chance("z"), 4)):
        changed = [*parts[:place], other, *parts[place + 1 :]]
        assert key.open(box, box_info(*changed)) is None  # type: ignore[arg-type]
    assert SealingKey(chance(2)).open(box, box_info(*parts)) is None
    assert seal_back(chance(1), chance(2), bytes(16), chance(3)) != seal_back(
        chance(1), chance(2), bytes(15) + b"1", chance(3)
    )


# -- messages

ANA, BO = SigningKey(chance("ana")), SigningKey(chance("bo"))
ROOM_KEY = chance("room key")
SIGN_KEYS = {ids.device_id_of(key.public_bytes): key.public_bytes for key in (ANA, BO)}


def said(
    n: int, prev: bytes, *, signer: SigningKey = ANA, room: bytes = b"r" * 32, run: bytes = b"1" * 16
) -> tuple[Where, Header, bytes, bytes]:
    device_id = ids.device_id_of(signer.public_bytes)
    header = Header(b"e" * 16, device_id, run, b"")
    where = Where(room, chance(signer.public_bytes), chance("entry", n, run, room)[:16])
    statement = encode_strictly(Words(n, prev, 0, 1, ZEROS, bytes(8), 0, ZEROS, (), b"hi"))
    content, digest = seal_words(
        RunKeys(ROOM_KEY, device_id, run), signer, header, where, statement, chance("chance", n)
    )
    return where, header, content, digest


def run_keys(header: Header) -> RunKeys:
    return RunKeys(ROOM_KEY, header.device_id, header.run)


def test_one_signature_does_not_vouch_across_devices_rooms_runs_or_gaps() -> None:
    first = said(0, ZEROS)
    second = said(1, first[3])
    fourth = said(3, said(2, second[3])[3])
    other_run = said(0, second[3], run=b"2" * 16)
    other_device = said(0, second[3], signer=BO)
    opened = {
        name: open_words(run_keys(header), where, content)
        for name, (where, header, content, _) in {
            "first": first,
            "second": second,
            "fourth": fourth,
            "run": other_run,
            "device": other_device,
        }.items()
    }
    forged = {name: msgspec.structs.replace(each, signature=bytes(64)) for name, each in opened.items()}

    def vouch(*each: object) -> list[bool]:
        return vouched(SIGN_KEYS.__getitem__, each)  # type: ignore[arg-type]

    assert vouch(forged["first"], opened["second"]) == [True, True], "vouched for by the one that names it"
    assert vouch(forged["first"], forged["second"]) == [False, False]
    assert vouch(forged["second"], opened["fourth"]) == [False, True], "a gap"
    assert vouch(opened["second"], opened["fourth"]) == [True, True]
    assert vouch(forged["second"], opened["run"]) == [False, True], "another run names it"
    assert vouch(forged["second"], opened["device"]) == [False, True], "another device names it"
    later = vouched(SIGN_KEYS.__getitem__, [forged["first"]], later=opened["second"].words.prev)
    assert later == [True], "a page backwards"
    where, header, content, _ = first
    with pytest.raises(MalformedPacket):
        open_words(run_keys(header), where._replace(room_id=b"s" * 32), content)


def test_each_bit_flipped_in_sealed_words_and_nothing_opens() -> None:
    where, header, content, _ = said(0, ZEROS)
    for bit in range(len(content) * 8):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(MalformedPacket):
            open_words(run_keys(header), where, bytes(changed))
    for place, part in enumerate(where):
        moved = Where(*[*where[:place], bytes([part[0] ^ 1]) + part[1:], *where[place + 1 :]])
        with pytest.raises(MalformedPacket):
            open_words(run_keys(header), moved, content)


def test_padding_is_what_everybody_pads_to() -> None:
    assert [padded_size(size) for size in (1, 32, 33, 255, 256, 257, 1000, 1024, 1025, 131_073)] == [
        32, 32, 64, 256, 256, 288, 1024, 1024, 1152, 147_456,
    ]  # fmt: skip
    where, header, _, _ = said(0, ZEROS)
    keys = run_keys(header)
    ad = b"".join((ids.SAID, *where, header.without_nonce))
    statement = encode_strictly(Words(0, ZEROS, 0, 1, ZEROS, bytes(8), 0, ZEROS, (), b"hi"))
    plain = bytes(64) + len(statement).to_bytes(4, "big") + statement
    for padded in (
        plain,
        plain.ljust(512, b"\0"),
        plain.ljust(padded_size(len(plain)) - 1, b"\0") + b"\1",
        b"",
        bytes(67),
    ):
        with pytest.raises(MalformedPacket):
            open_words(keys, where, keys.seal(header, padded, ad, chance(1), chance(2)))
    with pytest.raises(MalformedPacket):
        decode_strictly(msgspec.msgpack.Decoder(Words), statement + b"\0")


def test_cloned_process_repeats_no_nonce() -> None:
    """Two copies of one run draw the same chance, and say different words."""
    where, header, _, _ = said(0, ZEROS)
    statements = [
        encode_strictly(Words(0, ZEROS, 0, 1, ZEROS, bytes(8), 0, ZEROS, (), words))
        for words in (b"one", b"two", b"one")
    ]
    drawn = chance("the same")
    contents = [seal_words(run_keys(header), ANA, header, where, each, drawn)[0] for each in statements]
    nonces = [content[49:61] for content in contents]
    assert nonces[0] != nonces[1]
    assert contents[0] == contents[2], "the same words under the same nonce are the same bytes"
