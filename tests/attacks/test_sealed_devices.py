"""A hostile server, a thief of a device, and a holder of a link against further devices, recovery and revocation."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lanline.chain.reasons import Reason
from lanline.client.chat.history import History
from lanline.client.sealing.devices import DeviceAnswer, device_id_in, device_record
from lanline.client.sealing.member import GroupStanding
from lanline.client.sealing.ownentries import InviteKeys
from lanline.client.sealing.recovery import SeenGroup
from lanline.client.sealing.recoveryfile import RecoveryFile, read_recovery_file, write_recovery_file
from lanline.client.sealing.tables import GroupTables
from lanline.client.sealing.words import Body
from lanline.crypto.groups import ids
from lanline.crypto.groups.keys import SealingKey, SigningKey
from lanline.crypto.passphrase import PassphraseKey
from lanline.errors import InvalidInput, RecordMissing, RequestRefused, WrongPassphrase
from lanline.wire.chat import groups
from lanline.wire.sealing.strict import encode_strictly
from unit.client.sealing.devices import Device, Town, came, change


def waiting(town: Town, name: str) -> tuple[Device, str]:
    """A device with the password, and the code that it shows."""
    device = Device(town, name)
    town.pass_time(0.3)
    assert device.keys.code is not None
    return device, device.keys.code


def approve(town: Town, old: Device, code: str) -> None:
    found = town.done(old.member.devices.find(code))
    town.done(old.member.devices.approve(found, code))
    town.pass_time(0.3)


def test_approval_with_swapped_key_or_foreign_account_fails_on_the_side_that_is_lied_to(town: Town) -> None:
    ana = town.founder()
    eve = came(town, "eve", ana)
    new, code = waiting(town, "ana")
    account_id = ana.member.copy.account_id
    servers = encode_strictly(device_record(eve.member._context, account_id))
    true = encode_strictly(device_record(new.member._context, account_id))
    change(town, "UPDATE device_requests SET record = ?", servers)
    with pytest.raises(RecordMissing, match="No device of yours"):
        town.done(ana.member.devices.find(code))
    for field, other in (("account_id", eve.member.copy.account_id), ("group_id", bytes(32))):
        record = msgspec.structs.replace(device_record(new.member._context, account_id), **{field: other})
        data = encode_strictly(record)
        mark = ids.mark_of_new(ids.approval_key_of(code), data)
        change(town, "UPDATE device_requests SET record = ?, mark = ?", data, mark)
        with pytest.raises(RequestRefused, match="another group or account"):
            town.done(ana.member.devices.find(code))
    change(
        town, "UPDATE device_requests SET record = ?, mark = ?", true, ids.mark_of_new(ids.approval_key_of(code), true)
    )
    chain = ana.member.copy.chain
    lies = [
        DeviceAnswer(chain.height, chain.head, eve.member.copy.device_id, b"m" * 32),
        DeviceAnswer(
            chain.height, b"x" * 32, ana.member.copy.device_id, _mark(code, true, chain.height, b"x" * 32, ana)
        ),
    ]
    for lie in lies:
        new.member.approval.answer = lie
        new.member._go_on()
        town.pass_time(0.3)
        assert new.member.standing is GroupStanding.WAITS
        assert "Nothing was joined" in new.member.refusal
    approve(town, ana, code)
    assert new.member.standing is GroupStanding.MEMBER


def _mark(code: str, record: bytes, height: int, head: bytes, old: Device) -> bytes:
    return ids.mark_of_old(ids.approval_key_of(code), record, height, head, old.member.copy.device_id)


def test_each_bit_of_a_waiting_record_or_its_mark_flipped_and_nobody_is_found(town: Town) -> None:
    ana = town.founder()
    new, code = waiting(town, "ana")
    [left] = town.house.engine.transact([lambda t: t.devices.request(new.client.signed_in.device)])  # type: ignore[union-attr]
    chance = random.Random(5)
    for field in ("record", "mark"):
        data = getattr(left, field)
        for place in chance.sample(range(len(data)), 16):
            flipped = bytearray(data)
            flipped[place] ^= 1 << chance.randrange(8)
            change(town, f"UPDATE device_requests SET {field} = ?", bytes(flipped))
            with pytest.raises(RecordMissing):
                town.done(ana.member.devices.find(code))
        change(town, f"UPDATE device_requests SET {field} = ?", data)
    approve(town, ana, code)


def test_a_device_that_is_only_in_the_chain_believes_nothing_before_it_is_proven(town: Town) -> None:
    """The server shows its entry, and answers nothing: it may be a group of the server's own."""
    ana = town.founder()
    new, code = waiting(town, "ana")
    change(town, "UPDATE device_requests SET answer = NULL")
    found = town.done(ana.member.devices.find(code))
    from lanline.ticket import follow  # noqa: PLC0415 -- half an approval

    town.done(follow(ana.member.devices._add_once(found.record, device_id_in(found.record))))
    town.pass_time(0.5)
    assert new.member.copy.chain.live_device(new.member.copy.device_id) is not None
    assert not new.member.copy.is_member
    assert new.words.seal(new.lobby, bytes(16), b"to whom?") is None
    chain, by = new.member.copy.chain, ana.member.copy.device_id
    record = encode_strictly(device_record(new.member._context, ana.member.copy.account_id))
    for lie in (
        DeviceAnswer(chain.height, chain.head, by, b"m" * 32),
        DeviceAnswer(chain.height, b"x" * 32, by, _mark(code, record, chain.height, b"x" * 32, ana)),
        DeviceAnswer(chain.height - 1, chain.head, by, _mark(code, record, chain.height, chain.head, ana)),
    ):
        new.member.approval.answer = lie
        new.member._go_on()
        town.pass_time(6.0)
        assert new.member.standing is GroupStanding.WAITS
        assert "Nothing was joined" in new.member.refusal
    approve(town, ana, code)
    assert new.member.standing is GroupStanding.MEMBER


def test_recovery_file_on_a_new_machine(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each of a hundred damaged files would be worth a second of Argon2, which is not what is tested here.
    monkeypatch.setattr(PassphraseKey.__init__, "__defaults__", (1024, 1))
    ana = town.founder()
    eve = came(town, "eve", ana)
    ana.say("before the fire")
    chance = ana.member.entering.recovery_words
    assert chance is not None
    chain, path = ana.member.copy.chain, tmp_path / "ana.recovery"
    content = RecoveryFile(chance, "10.0.0.1", b"f" * 32, "ana", chain.group_id, chain.height, chain.head)
    write_recovery_file(path, content, "open sesame", random.Random(1).randbytes)
    assert chance not in path.read_bytes()
    with pytest.raises(WrongPassphrase):
        read_recovery_file(path, "close sesame")
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises((InvalidInput, WrongPassphrase)):
            read_recovery_file(path, "open sesame")
    path.write_bytes(whole)
    kept = read_recovery_file(path, "open sesame")
    ana.disconnect()
    thief = Device(town, "eve")  # of another account
    town.pass_time(0.3)
    with pytest.raises(RequestRefused, match="recovery key of ana"):
        town.done(thief.member.recovery.use(kept.chance, kept.seen))
    new, _ = waiting(town, "ana")
    other = SeenGroup(kept.group_id, kept.height, b"x" * 32)
    with pytest.raises(RequestRefused, match="another group"):
        town.done(new.member.recovery.use(kept.chance, other))
    assert new.member.standing is GroupStanding.WAITS
    town.done(new.member.recovery.use(kept.chance, kept.seen))
    town.pass_time(0.5)
    assert new.member.standing is GroupStanding.MEMBER
    assert new.texts() == ["before the fire"]
    town.done(new.member.devices.revoke([ana.member.copy.device_id]))
    town.pass_time(0.3)
    new.say("after it")
    assert eve.texts() == ["before the fire", "after it"]


def test_a_recovery_that_was_cut_off_is_ended_by_the_same_words_with_nobody_online(town: Town) -> None:
    """The device was in already, and its program ended before it had the keys of the account."""
    ana = town.founder()
    ana.say("before the fire")
    words = ana.member.entering.recovery_words
    assert words is not None
    ana.disconnect()
    new, _ = waiting(town, "ana")
    town.done(new.member.recovery.use(words))
    town.pass_time(0.3)
    tables = GroupTables(new.history.database, new.keys.device_secret, new.entropy)
    new.history.database.run("DELETE FROM account_seeds")
    tables.forget()
    change(town, "DELETE FROM boxes WHERE kind = 3 AND recipient = ?", new.member.copy.device_id)
    new.disconnect()
    new.restart()
    new.connect()
    town.pass_time(0.3)
    assert "lanline recovery use" in new.member.refusal
    town.done(new.member.recovery.use(words))
    town.pass_time(0.3)
    assert new.texts() == ["before the fire"]


def test_a_thief_of_a_device_neither_removes_the_recovery_key_nor_adds_one(town: Town) -> None:
    ana = town.founder()
    ana.keys.unshown = None  # they were shown
    recovery = ana.member.copy.chain.recovery_keys(ana.member.copy.account_id)
    with pytest.raises(RequestRefused, match="Only with its words"):
        town.done(ana.member.recovery.make())
    with pytest.raises(RequestRefused, match="not the words"):
        town.done(ana.member.recovery.make(bytes(16)))
    with pytest.raises(RequestRefused, match="may not do this"):
        town.done(ana.member.devices.revoke(recovery))
    assert ana.member.copy.chain.recovery_keys(ana.member.copy.account_id) == recovery
    assert ana.epoch_id is not None


def test_revoked_device_that_copies_a_turn_gets_no_seed(town: Town) -> None:
    """The thief makes, on a fork, the same `turn` as its own, and takes the seed that was boxed for another's."""
    ana = town.founder()
    new, code = waiting(town, "ana")
    approve(town, ana, code)
    thief = new.member.copy
    town.done(ana.member.devices.revoke([thief.device_id]))
    town.pass_time(0.5)
    account = ana.member.copy.chain.accounts[ana.member.copy.account_id]
    seed, newest = ana.member._context.seeds[2], account.generations[-1]
    assert newest.maker == ana.member.copy.device_id
    assert 2 not in new.member._context.seeds
    secrets = [seed, *ana.member.copy.secrets.values()]
    boxes: list[Any] = town.house.engine.transact(
        [lambda t: t.groups._connection.execute("SELECT data FROM boxes").fetchall()]  # type: ignore[attr-defined]
    )[0]
    keys = [SealingKey.of_device(new.keys.device_secret), SealingKey.of_generation(new.member._context.seeds[1])]
    from lanline.client.sealing.ownentries import seed_box_place  # noqa: PLC0415 -- as the thief does
    from lanline.crypto.groups.keys import box_info  # noqa: PLC0415

    opened = set()
    for maker in (thief.device_id, newest.maker):
        commitment, _ = seed_box_place(SealingKey.of_generation(seed), maker)
        for device_id in (thief.device_id, ana.member.copy.device_id):
            info = box_info(ana.member.copy.account_id, commitment, 3, device_id, 2)
            opened |= {key.open(data, info) for key in keys for (data,) in boxes}
    assert opened == {None}
    assert ana.epoch_id is not None
    assert thief.secret(ana.epoch_id) is None
    assert secrets


def test_revoked_device_says_nothing_after_its_owner(town: Town) -> None:
    """The server takes its words on, under a height at which it was not gone yet."""
    ana = town.founder()
    ben = came(town, "ben", ana)
    lost, code = waiting(town, "ana")
    approve(town, ana, code)
    lost.say("while it was mine")
    late = lost.words.seal(lost.lobby, b"l" * 16, b"pay ben")
    assert late is not None
    town.done(ana.member.devices.revoke([lost.member.copy.device_id]))
    town.pass_time(0.5)
    heard = ben.heard()
    said = heard[0]._replace(place=heard[-1].place + 1, entry_id=b"l" * 16, content=late)
    assert isinstance(ben.words.open(ben.lobby, [*heard, said])[-1], Body), "nobody has named the end yet"
    ben.restart()
    ben.disconnect()
    ben.connect()
    ana.say("it is lost")
    town.pass_time(0.2)
    heard = ben.heard()
    above = said._replace(place=heard[-1].place + 1)
    assert ben.words.open(ben.lobby, [*heard, above])[-1] is Reason.ENDED
    ben.restart()  # what was named is remembered
    assert ben.words.open(ben.lobby, [above]) == [Reason.ENDED]


def test_a_turn_that_leaves_a_device_without_the_seed_is_refused(town: Town) -> None:
    """By a thief who wants to read on alone."""
    ana = town.founder()
    thief, code = waiting(town, "ana")
    approve(town, ana, code)
    thief.refuses = lambda message: None
    real = thief.member.devices._secrets.put_seed

    def for_itself_only(device_ids: Any, *rest: Any) -> Any:
        return real([each for each in device_ids if each == thief.member.copy.device_id], *rest)

    thief.member.devices._secrets.put_seed = for_itself_only  # type: ignore[method-assign]
    with pytest.raises(RequestRefused, match="not sealed to every device"):
        town.done(thief.member.devices.revoke([]))
    assert len(ana.member.copy.chain.accounts[ana.member.copy.account_id].generations) == 1


def test_nobody_brings_a_device_of_another_account_on_the_own_link(town: Town) -> None:
    ana = town.founder()
    eve = came(town, "eve", ana)
    extra, _ = waiting(town, "eve")
    record = device_record(extra.member._context, ana.member.copy.account_id)
    from lanline.client.sealing.devices import added_entry  # noqa: PLC0415 -- signed by ana, brought by eve
    from lanline.wire.sealing.entries import DeviceKind  # noqa: PLC0415

    content = added_entry(ana.member._context, record, DeviceKind.DEVICE, ana.member.copy.signer)
    assert eve.client is not None
    request = groups.AppendKey(eve.client.number(), content)
    eve.send(request)
    town.settle()
    assert "somebody else" in eve.client.answer(request.request).text


def test_reader_of_a_link_cannot_pose_as_its_maker(town: Town) -> None:
    """It has all that the link gives, and no key of the maker: what it signs as her holds nowhere."""
    ana = town.founder()
    token = town.link(ana)
    keys = InviteKeys.of(token[:16])
    copy = ana.member.copy
    for signer in (keys.signer, SigningKey.of_device(token)):
        from lanline.chain.rules import follow  # noqa: PLC0415
        from lanline.client.sealing.devices import added_entry  # noqa: PLC0415
        from lanline.wire.sealing.entries import DeviceKind  # noqa: PLC0415

        record = device_record(ana.member._context, copy.account_id)
        content = added_entry(ana.member._context, record, DeviceKind.DEVICE, signer)
        assert follow(copy.chain, "key/1", content)[1] is Reason.DEVICE
        outer = msgspec.msgpack.decode(content)
        forged = msgspec.msgpack.encode([outer[0], copy.device_id, outer[2], outer[3]])
        assert follow(copy.chain, "key/1", forged)[1] is Reason.SIGNATURE
    other = token[:16] + random.Random(1).randbytes(16)
    ben = Device(town, "ben", other)
    town.pass_time(0.3)
    assert ben.member.standing is not GroupStanding.MEMBER, "a link to another past than its maker's leads nowhere"


def test_leaver_of_a_class_link_reads_no_more(town: Town) -> None:
    """Who came by a link for many and was sent away still knows its secret: the link ends with them."""
    ana = town.founder()
    token = town.link(ana, 30)
    eve, ben = Device(town, "eve", token), Device(town, "ben", token)
    town.pass_time(0.3)
    keys, before = InviteKeys.of(token[:16]), ana.epoch_id
    town.done(ana.member.changes.remove([eve.member.copy.account_id]))
    town.pass_time(0.5)
    assert keys.id not in {each.id for each in ana.member.copy.scope.readers(town.house.clock.now_ms())}
    assert ana.epoch_id == ben.epoch_id
    assert ana.epoch_id not in {None, before}
    found = town.house.engine.transact(
        [lambda t: t.groups.boxes(2, keys.id, ana.member.copy.chain.group_id, [ana.epoch_id or b""])]
    )
    assert found == [[]]
    late = Device(town, "late", token, joins=False)
    with pytest.raises(AssertionError, match="used up"):
        late.join(token, settles=True)


def test_an_only_device_whose_key_nobody_has_any_more_makes_another(town: Town) -> None:
    """Its home was put back to before it came, and so was the server: nobody could ever give the key of its account."""
    ana = town.founder()
    ben = came(town, "ben", ana)
    ana.say("before")
    assert ben.texts() == ["before"]
    ben.disconnect()
    ben.history.close()
    ben.history = History.in_memory()
    change(town, "DELETE FROM boxes WHERE kind = 3 AND scope = ?", ben.member.copy.account_id)
    ben.restart()
    ben.connect()
    town.pass_time(1.0)
    assert ben.member.refusal == ""
    ben.say("here I am again")
    assert ana.texts() == ben.texts() == ["before", "here I am again"]
    assert len(ana.member.copy.chain.accounts[ben.member.copy.account_id].generations) == 2


@pytest.mark.parametrize("is_in_recovery_box", [True, False])
def test_an_only_device_with_a_recovery_key_makes_no_other_key_before_its_words_were_brought(
    town: Town, *, is_in_recovery_box: bool
) -> None:
    ana = town.founder()
    ben = came(town, "ben", ana)
    chance = town.done(ben.member.recovery.make())
    ana.say("before")
    assert ben.texts() == ["before"]
    ben.disconnect()
    ben.history.close()
    ben.history = History.in_memory()
    of_device = "" if not is_in_recovery_box else "AND recipient = ?"
    values = (ben.member.copy.account_id, *([ben.member.copy.device_id] if is_in_recovery_box else []))
    change(town, f"DELETE FROM boxes WHERE kind = 3 AND scope = ? {of_device}", *values)
    ben.restart()
    ben.connect()
    town.pass_time(30.0)
    assert "bring the words of your recovery key" in ben.member.refusal
    generations = ana.member.copy.chain.accounts[ben.member.copy.account_id].generations
    assert len(generations) == 1
    town.done(ben.member.recovery.use(chance))
    town.pass_time(10.0)
    ben.say("here I am again")
    assert ana.texts() == ben.texts() == ["before", "here I am again"]
    generations = ana.member.copy.chain.accounts[ben.member.copy.account_id].generations
    assert len(generations) == (1 if is_in_recovery_box else 2)
