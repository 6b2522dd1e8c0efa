"""What devices are called: the server keeps none of it, and neither it nor a thief makes one look like another."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from lanline.client.chat import following
from lanline.client.chat.sealed.content import PLAIN, open_sealed
from lanline.client.sealing.devices import Devices, DeviceToApprove
from lanline.client.sealing.keystore import KeptLabel, Keystore
from lanline.client.view.values import NoWords
from lanline.core.changes import Actor
from lanline.core.devices import ForgetLabel
from lanline.crypto.groups import ids
from lanline.crypto.groups.labels import SEALED_LABEL_BYTES, open_label, seal_label
from lanline.errors import RequestRefused
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.content import DeviceLabel, KnownDevices, Text
from lanline.model.devices import MAX_DEVICES_NAMED
from lanline.server.backup import make_backup
from lanline.server.datafolder import DataFolder
from lanline.storage.api import Transaction
from lanline.storage.sqlite.database import SqliteDatabase
from lanline.ticket import Steps, in_steps
from lanline.wire.chat.devices import WaitingDevice
from unit.client.chat.sealed.test_shared_trust import second_device
from unit.client.chat.village import Process, Village

LATEST_MS = 2**53 - 1
"""That can be said."""
NAMES = ("harbour desk", "the red hedgehog", "spare telephone")


def called(process: Process) -> dict[str, str]:
    """By the ids of the devices."""
    labels = process.member.devices.labels
    return {each.hex(): labels.of(each) for each in labels.live}


def own(process: Process) -> str:
    return process.member.copy.device_id.hex()


def name_first(village: Village) -> Process:
    ann = village.homes[0].processes[0]
    ann.member._context.label = NAMES[0]
    return ann


def soon_ms(process: Process) -> int:
    """Later than all that is said in a test, and believed."""
    return process.member._context.clock.now_ms() + 3600 * 1000


def rename(process: Process, device: Process, label: str) -> None:
    assert process.node.labels is not None
    process.node.labels.rename(device.member.copy.device_id, label)


def rest_until(village: Village, condition: Callable[[], bool]) -> None:
    village.rest_until(lambda: condition() and not any(each.node.outbox.messages for each in village.all_processes()))


def test_each_device_knows_what_all_are_called_also_one_that_comes_later(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, ben, _ = (home.processes[0] for home in village.homes)
    name_first(village)
    second = second_device(village, NAMES[1])
    both = {own(ann): NAMES[0], own(second): NAMES[1]}
    rest_until(village, lambda: called(ann) == called(second) == both)
    rename(second, ann, "the old desk")
    rest_until(village, lambda: called(ann)[own(ann)] == "the old desk")
    monkeypatch.setattr(following, "FETCHED_AT_FIRST", 0)  # what was said before does not come to it
    third = second_device(village, NAMES[2], 3)
    all_three = {**both, own(ann): "the old desk", own(third): NAMES[2]}
    rest_until(village, lambda: called(ann) == called(second) == called(third) == all_three)
    assert not ben.member.devices.labels.told()
    notes = ann.shown("ann")
    assert notes.unread == 0
    assert not [each for each in ann.node.messages(notes.log) if each.is_said]


def test_more_devices_than_one_note_can_name_are_all_known(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    """An admin may allow more of them."""
    for module in ("lanline.model.content", "lanline.client.chat.sealed.sharedtrust"):
        monkeypatch.setattr(f"{module}.MAX_DEVICES_NAMED", 1)
    ann = name_first(village)
    devices = (ann, second_device(village, NAMES[1]), second_device(village, NAMES[2], 3))
    all_three = dict(zip(map(own, devices), NAMES, strict=True))
    rest_until(village, lambda: all(called(each) == all_three for each in devices))


def test_a_stolen_server_and_a_backup_hold_no_label(village: Village, tmp_path: Path) -> None:
    ann = name_first(village)
    second = second_device(village, NAMES[1])
    rest_until(village, lambda: called(ann) == {own(ann): NAMES[0], own(second): NAMES[1]})
    rename(ann, second, NAMES[2])
    rest_until(village, lambda: called(second)[own(second)] == NAMES[2])
    folder, archive = village.folder / "server", tmp_path / "stolen.tar"
    DataFolder(folder).identity(is_first=True)
    make_backup(SqliteDatabase(folder), archive)
    with tarfile.open(archive) as tar:
        inside = b"".join(stream.read() for each in tar.getmembers() if (stream := tar.extractfile(each)) is not None)
    for stolen in (inside, b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file())):
        assert b"device_added" in stolen
        assert [name for name in (*NAMES, "a device") if name.encode() in stolen] == []


def test_a_label_sealed_for_one_device_opens_at_no_other_and_no_bit_of_it_may_change() -> None:
    key, other = (ids.approval_key_of(letters * 20) for letters in "AB")
    sealed = seal_label(key, b"its record", NAMES[0], bytes(12))
    assert len(sealed) == SEALED_LABEL_BYTES
    assert open_label(key, b"its record", sealed) == NAMES[0]
    assert open_label(key, b"another record", sealed) == open_label(other, b"its record", sealed) == ""
    for bit in range(8 * len(sealed)):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        assert open_label(key, b"its record", bytes(flipped)) == ""
    assert open_label(key, b"its record", sealed[:-1]) == open_label(key, b"its record", b"") == ""
    assert open_label(key, b"its record", seal_label(key, b"its record", "ü" * 99, bytes(12))) == "ü" * 32


def test_a_waiting_device_is_shown_by_what_its_code_opens_and_else_as_a_device(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server puts there what it wants, in plain and sealed."""
    ann, asked, found = name_first(village), list[WaitingDevice](), list[str]()
    find = type(ann.member.devices).find

    @in_steps
    def lied(devices: Devices, code: str) -> Steps[DeviceToApprove]:
        waiting = yield from find(devices, code).wait()
        [before] = ann.member.devices.waiting.values()
        asked.append(before)
        found.append(waiting.label)
        return waiting

    monkeypatch.setattr(type(ann.member.devices), "find", lied)
    second_device(village, NAMES[1])
    assert found == [NAMES[1]]
    [waiting] = asked
    assert waiting.label == ""
    assert NAMES[1].encode() not in msgspec.msgpack.encode(waiting)


def test_labels_of_others_in_plain_or_elsewhere_count_nowhere(village: Village) -> None:
    ann, ben, _ = (home.processes[0] for home in village.homes)
    name_first(village)
    second = second_device(village, NAMES[1])
    both = {own(ann): NAMES[0], own(second): NAMES[1]}
    rest_until(village, lambda: called(ann) == called(second) == both)
    lie = KnownDevices(
        (DeviceLabel(second.member.copy.device_id, NAMES[0], soon_ms(ann), second.member.copy.device_id),)
    )
    for number, to in enumerate(("ann", "#lobby", "ben")):
        ben.node.outbox.say(to, lie, bytes([number]) * 16)
    second.node.outbox.say("#lobby", lie, b"l" * 16)
    ben.node.outbox.say("ann", Text("that was all"), b"t" * 16)
    rest_until(village, lambda: ann.node.conversations.titled("ben") is not None)
    for _ in range(20):
        village.rest()
    assert called(ann) == called(second) == both
    assert open_sealed(PLAIN, msgspec.msgpack.encode(lie)) == NoWords()


def test_an_old_label_that_is_shown_again_changes_nothing(village: Village) -> None:
    """By the server under a new id, or because an older page of the notes is read later."""
    ann = name_first(village)
    second = second_device(village, NAMES[1])
    rest_until(village, lambda: called(ann).get(own(second)) == NAMES[1])
    rename(ann, second, NAMES[2])
    rest_until(village, lambda: called(second)[own(second)] == NAMES[2])
    core, notes = village.house.server.core, ann.shown("ann")
    kept = [each for each in read_log(village, notes.log) if each[1] == "said/1"]
    device = core.accounts.devices(AccountId(ann.node.own.account))[0]
    for number, (_, suite, content) in enumerate(kept):
        done = core.append(Actor(device.account, device.id), notes.log, bytes([number]) * 16, suite, content)  # type: ignore[arg-type]
        village.rest_until(lambda done=done: done.is_settled)  # type: ignore[misc]
    rest_until(village, lambda: ann.shown("ann").delivered == ann.shown("ann").head > notes.head)
    assert called(ann) == called(second) == {own(ann): NAMES[0], own(second): NAMES[2]}
    its = second.member.copy.device_id
    assert not ann.member.devices.labels.learn(its, (DeviceLabel(its, NAMES[1], 1, its),))


def read_log(village: Village, log: int) -> list[tuple[int, str, bytes]]:
    def work(transaction: Transaction) -> list[tuple[int, str, bytes]]:
        rows = transaction.groups._connection.execute(  # type: ignore[attr-defined]
            "SELECT sequence, suite, content FROM entries WHERE log = ? ORDER BY sequence", (log,)
        )
        return rows.fetchall()

    [found] = village.house.engine.transact([work])
    assert isinstance(found, list)
    return found


def test_a_thief_who_called_devices_otherwise_is_forgotten_with_the_device_that_was_taken_out(village: Village) -> None:
    """So that the wrong one would be taken out: what the right one says of itself comes back by itself."""
    ann = name_first(village)
    stolen, third = second_device(village, NAMES[1]), second_device(village, NAMES[2], 3)
    everybody = {own(ann): NAMES[0], own(stolen): NAMES[1], own(third): NAMES[2]}
    rest_until(village, lambda: called(ann) == called(third) == called(stolen) == everybody)
    rename(stolen, ann, NAMES[1])
    rename(stolen, stolen, NAMES[0])
    its, of = stolen.member.copy.device_id, third.member.copy.device_id
    claimed = KnownDevices(
        (DeviceLabel(of, NAMES[1], soon_ms(ann), ann.member.copy.device_id),)
    )  # as if ann had done it
    stolen.node.outbox.say("ann", claimed, b"c" * 16)
    rest_until(village, lambda: called(ann)[own(ann)] == called(ann)[own(third)] == NAMES[1])
    village.homes.remove(stolen._home)
    stolen.crash()
    revoked = ann.member.devices.revoke([its])
    village.rest_until(lambda: revoked.is_settled)
    revoked.result()
    left = {own(ann): NAMES[0], own(third): NAMES[2]}
    rest_until(village, lambda: called(ann) == called(third) == left)
    fourth = second_device(village, "", 4)
    rest_until(village, lambda: called(fourth) == {**left, own(fourth): ""})


@pytest.mark.parametrize("is_kept", [False, True])
def test_no_label_is_of_a_time_that_nothing_is_later_than(village: Village, is_kept: bool) -> None:
    """By a thief; `is_kept`: the home has it as if it had been given there. It stopped the owner who took him out."""
    ann = name_first(village)
    stolen, third = second_device(village, NAMES[1]), second_device(village, NAMES[2], 3)
    everybody = {own(ann): NAMES[0], own(stolen): NAMES[1], own(third): NAMES[2]}
    rest_until(village, lambda: called(ann) == called(third) == called(stolen) == everybody)
    its, keys = stolen.member.copy.device_id, ann.member._context.keys
    of = [each.member.copy.device_id for each in (ann, third)]
    if is_kept:
        keys.labels |= {each: KeptLabel("x", LATEST_MS, own(ann), own(ann)) for each in of}
    stolen.node.outbox.say("ann", KnownDevices(tuple(DeviceLabel(each, "x", LATEST_MS, its) for each in of)), b"c" * 16)
    stolen.node.outbox.say("ann", Text("that was all"), b"t" * 16)
    rest_until(village, lambda: any(each.is_said for each in ann.node.messages(ann.shown("ann").log)))
    rename(ann, third, "the old desk")
    rest_until(village, lambda: called(third)[own(third)] == "the old desk")
    village.homes.remove(stolen._home)
    stolen.crash()
    revoked = ann.member.devices.revoke([its])
    village.rest_until(lambda: revoked.is_settled)
    revoked.result()
    left = {own(ann): NAMES[0], own(third): "the old desk"}
    rest_until(village, lambda: called(ann) == called(third) == left)
    assert max(each.named_ms for each in keys.labels.values()) < LATEST_MS


def test_no_label_is_kept_of_what_is_no_device_of_the_account(village: Village) -> None:
    """A thief could fill the home of the owner, for good. What stands there goes when a label is kept."""
    ann, ben, _ = (home.processes[0] for home in village.homes)
    name_first(village)
    stolen = second_device(village, NAMES[1])
    both = {own(ann): NAMES[0], own(stolen): NAMES[1]}
    rest_until(village, lambda: called(ann) == called(stolen) == both)
    its, keys = stolen.member.copy.device_id, ann.member._context.keys
    of = [ben.member.copy.device_id, *(number.to_bytes(16) for number in range(MAX_DEVICES_NAMED - 1))]
    stolen.node.outbox.say("ann", KnownDevices(tuple(DeviceLabel(each, "x", 5, its) for each in of)), b"c" * 16)
    stolen.node.outbox.say("ann", Text("that was all"), b"t" * 16)
    rest_until(village, lambda: any(each.is_said for each in ann.node.messages(ann.shown("ann").log)))
    assert {each.hex() for each in keys.labels} == set(both)
    for each in of:
        keys.labels[each] = KeptLabel("x", 5, own(ann), own(ann))
    keys.save()
    rename(ann, stolen, NAMES[2])
    assert {each.hex() for each in keys.labels} == set(both)


def test_a_label_that_is_kept_no_longer_does_not_come_back_from_the_disk(tmp_path: Path) -> None:
    """What another program of the home has kept meanwhile does."""
    one = Keystore.open(tmp_path, os.urandom)
    one.labels = {letters * 16: KeptLabel("x", 5, "a" * 32, "a" * 32) for letters in (b"a", b"b")}
    one.save()
    other = Keystore.open(tmp_path, os.urandom)
    other.labels[b"c" * 16] = KeptLabel("c", 5, "a" * 32, "a" * 32)
    other.save()
    del one.labels[b"b" * 16]
    one.save()
    assert one.labels.keys() == Keystore.open(tmp_path, os.urandom).labels.keys() == {b"a" * 16, b"c" * 16}


def test_labels_from_before_are_taken_over_once_and_the_server_forgets_them(village: Village) -> None:
    ann, ben, _ = (home.processes[0] for home in village.homes)
    second = second_device(village)
    core = village.house.server.core

    def plain(account: int) -> list[str]:
        found = village.house.engine.read(lambda view: view.accounts.devices(AccountId(account)))
        return [each.label for each in found]

    def keep(transaction: Transaction) -> None:
        transaction.accounts._connection.execute("UPDATE devices SET label = 'kept plain ' || id")  # type: ignore[attr-defined]

    assert village.house.engine.transact([keep]) == [None]
    ann.member._context.label, second.member._context.label = NAMES[0], NAMES[1]
    village.restart_server()
    numbers = [ann.node.own.device, second.node.own.device]
    mine = dict(zip((own(ann), own(second)), (f"kept plain {each}" for each in numbers), strict=True))
    rest_until(village, lambda: called(ann) == called(second) == mine)
    rest_until(village, lambda: not any(plain(ann.node.own.account)))
    files = b"".join(each.read_bytes() for each in (village.folder / "server").glob("lanline.sqlite*"))
    assert [each for each in (*mine.values(), f"kept plain {ben.node.own.device}") if each.encode() in files] == [
        f"kept plain {ben.node.own.device}"
    ]
    assert plain(ben.node.own.account) == [f"kept plain {ben.node.own.device}"], "until a client of his comes"
    actor = Actor(AccountId(ann.node.own.account), DeviceId(ann.node.own.device))
    named = village.house.server.core.do(actor, ForgetLabel(DeviceId(ann.node.own.device), "by an older client"))
    village.rest_until(lambda: named.is_settled)
    assert isinstance(named.problem, RequestRefused)
    others = village.house.server.core.do(actor, ForgetLabel(DeviceId(ben.node.own.device), ""))
    village.rest_until(lambda: others.is_settled)
    assert isinstance(others.problem, RequestRefused)
    assert core.accounts is not None
