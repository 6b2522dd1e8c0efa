"""A hostile server, a thief of its disk, and a hostile member against real devices: defeated, or told to the person."""

from __future__ import annotations

import shutil
from pathlib import Path

from grouphouse.people import Story
from lanline.chain.state import Chain
from lanline.client.sealing.member import GroupStanding
from lanline.client.sealing.words import Lacks
from lanline.core.changes import OPERATOR
from lanline.crypto.groups.ids import KEY_ENTRY
from lanline.errors import RefusalCode
from lanline.storage.sqlite.connection import FILE_NAME
from lanline.wire.chat import entries, groups
from lanline.wire.sealing.entries import Inviters, Joins, SetPolicy, encode_entry
from lanline.wire.sealing.strict import encode_strictly
from unit.client.sealing.devices import Device, Town, came, change


def test_a_stolen_disk_holds_no_words_no_secrets_and_no_link(town: Town, tmp_path: Path) -> None:
    ana = town.founder()
    token = town.link(ana)
    ben = Device(town, "ben", token)
    town.pass_time(0.2)
    ana.say("the harbour at midnight")
    assert ben.texts() == ["the harbour at midnight"]
    epochs = list(ana.member.copy.secrets.values())
    seeds = list(ana.member._context.seeds.values())
    secrets = [b"harbour", token, token[:16], ana.keys.device_secret, *epochs, *seeds]
    recovery = ana.member.entering.recovery_words
    assert recovery is not None
    stolen = b"".join(path.read_bytes() for path in (tmp_path / "data").glob(f"{FILE_NAME}*"))
    assert len(stolen) > 10_000
    assert not [secret for secret in [*secrets, recovery] if secret in stolen]


def test_something_else_in_the_log_of_the_chain_takes_no_height_and_breaks_no_home(town: Town) -> None:
    """A server could have put an end to every program that reads it, also at its next start."""
    ana = town.founder()
    ben = came(town, "ben", ana)
    copy, head = ben.member.copy, ben.member.copy.chain.head
    for suite in ("said/1", "carried/1", "plain", ""):
        ben.take(entries.Entries(copy.log, (entries.LogEntry(copy.sequence + 1, bytes(16), 1, 1, 1, suite, b"x"),)))
    assert ben.member.copy.chain.head == head
    ben.disconnect()
    ben.restart()
    assert ben.member.copy.chain.head == head
    assert ben.member.problem == ""


def test_a_ghost_on_the_server_reads_nothing(town: Town) -> None:
    """The server makes an account of its own: it is in its tables, and not in the chain."""
    ana = town.founder()
    token = town.house.server.core.make_invite(OPERATOR)
    town.house.settle()
    ghost = Device(town, "ghost", token.result())
    ana.say("among us")
    town.pass_time(1.0)
    assert ghost.epoch_id is None
    assert ghost.member.standing is GroupStanding.ASKS
    assert ghost.words.open(ghost.lobby, ghost.heard()) == [Lacks.KEY]
    assert list(ana.member.changes.requests) == [ghost.account]


def test_fork_of_chain_stops_sealing(town: Town) -> None:
    """Another head alone is only the server's word: its log is read again, and what entries show counts."""
    ana = town.founder()
    town.link(ana)
    assert ana.words.seal(ana.lobby, bytes(16), b"before") is not None
    copy = ana.member.copy
    shown = groups.GroupIs(0, ana.member._context.log, copy.sequence, copy.chain.height, b"x" * 32)
    items = [(suite, content) for _, suite, content in ana.member._context.tables.items() if suite == "key/1"]
    ana.take(shown)
    town.settle()
    assert (copy.is_apart, ana.member.problem) == (False, "")
    ana.disconnect()
    ana.connect()
    other = Story()
    for suite, content in items[:-1]:
        assert other.add(content, suite) is None
    forged = other.chain
    ana.client, kept = None, ana.client
    copy.read_anew()
    copy.add([entries.LogEntry(at, bytes(16), 1, 1, 0, *item) for at, item in enumerate(items[:-1], 1)])
    assert copy.forked_at is None
    content = entry_of(ana, forged)
    copy.add([entries.LogEntry(copy.sequence + 1, bytes(16), 1, 1, 0, "key/1", content)])
    ana.client = kept
    assert copy.forked_at == copy.chain.height
    assert "another past of the group" in ana.member.problem
    assert ana.words.seal(ana.lobby, bytes(16), b"after") is None


def entry_of(device: Device, chain: Chain) -> bytes:
    """Signed by it, on the head of another chain."""
    body = SetPolicy(chain.group_id, chain.height + 1, chain.head, 1, Joins.INVITE, Inviters.MEMBERS, 1)
    data = encode_strictly(body)
    return encode_entry(data, device.member.copy.device_id, device.member.copy.signer.sign(KEY_ENTRY + data))


def test_an_entry_that_does_not_hold_is_told_and_nothing_is_sealed(town: Town) -> None:
    ana = town.founder()
    copy = ana.member.copy
    forged = entries.LogEntry(copy.sequence + 1, bytes(16), 1, 1, 0, "key/1", b"forged")
    ana.member.on_entries(entries.Entries(ana.member._context.log, (forged,)))
    assert "does not hold" in ana.member.problem
    assert ana.words.seal(ana.lobby, bytes(16), b"after") is None


def test_who_ended_once_is_never_sealed_to_again(town: Town, tmp_path: Path) -> None:
    """The server is put back to a state from before a removal: by what it shows, the removed reads again."""
    ana = town.founder()
    eve = came(town, "eve", ana)
    ana.disconnect()
    eve.disconnect()
    town.house.stop()
    before = tmp_path / "before"
    shutil.copytree(tmp_path / "data", before)
    town.house.start()
    town.house.clients.clear()
    ana.connect()
    town.pass_time(0.2)
    town.done(ana.member.changes.remove([eve.member.copy.account_id]))
    ana.disconnect()
    town.house.stop()
    shutil.copytree(before, tmp_path / "data", dirs_exist_ok=True)
    for suffix in ("-wal", "-shm"):
        if not (before / f"{FILE_NAME}{suffix}").exists():
            (tmp_path / "data" / f"{FILE_NAME}{suffix}").unlink(missing_ok=True)
    town.house.start()
    town.house.clients.clear()
    for is_new in (False, True):
        if is_new:  # even a program that has thrown away all that it could
            ana.disconnect()
            ana.history.database.read("DELETE FROM chain_items")
            ana.history.database.read("DELETE FROM epoch_secrets")
            ana.restart()
        ana.connect()
        town.pass_time(0.5)
        assert ana.member.problem or ana.member.copy.is_behind
        assert ana.words.seal(ana.lobby, bytes(16), b"not for eve") is None


def test_garbage_box_for_one_is_mended(town: Town) -> None:
    ana = town.founder()
    ben = came(town, "ben", ana)
    ben.disconnect()
    ben.history.database.read("DELETE FROM epoch_secrets")
    change(town, "UPDATE boxes SET data = ? WHERE kind = 1 AND recipient = ?", b"garbage", ben.member.copy.account_id)
    ben.restart()
    ben.connect()
    town.pass_time(0.5)
    assert ben.epoch_id == ana.epoch_id


def test_a_member_who_floods_wants_entries_and_boxes_is_slowed_and_the_others_talk_on(town: Town) -> None:
    ana = town.founder()
    ben, eve = (came(town, name, ana) for name in ("ben", "eve"))
    assert eve.client is not None
    client, scope = eve.client, eve.member.copy.chain.group_id
    codes = set()
    for number in range(200):
        want = groups.WantBoxes(client.number(), eve.member._context.log, scope, (number.to_bytes(16, "big"),))
        client.say(want)
        answer = client.answer(want.request)
        codes.add(getattr(answer, "known_code", None))
    assert RefusalCode.SLOW_DOWN in codes
    ana.say("we talk on")
    assert ben.texts() == ["we talk on"]
