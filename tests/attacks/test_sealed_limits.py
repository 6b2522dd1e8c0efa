"""What is too large or too many: an entry of 10 MB, 10,000 epochs. The work stays bounded, and the others talk on."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from grouphouse.people import chance, founded
from lanline.chain.reasons import Reason
from lanline.chain.rules import follow
from lanline.client.chat.history import History
from lanline.client.sealing import epochcopy
from lanline.client.sealing.groupcopy import GroupCopy
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.ownentries import _back
from lanline.client.sealing.tables import GroupTables
from lanline.crypto.groups.epochs import commitment_of, epoch_id_of, open_back, seal_back
from lanline.errors import ProtocolViolation
from lanline.proto.channels import Channel
from lanline.proto.events import MessageReceived
from lanline.wire.chat.entries import Append, Entries, LogEntry
from lanline.wire.chat.messages import decode_server_message, encode_message
from lanline.wire.sealing.said import LinkedBack
from unit.client.sealing.devices import Device, Town

EPOCHS = 10_000
TEN_MB = bytes(10 * 1024 * 1024)


def test_ten_thousand_epochs_are_opened_and_followed_by_the_next_one_in_one_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One member begins them one after the other. Who comes opens the newest, and by it all the others."""
    story, (ana, eve) = founded("ana", "eve", seals=True)
    history, group_id = History.in_memory(), story.chain.group_id
    tables = GroupTables(history.database, ana.device.secret, random.Random(1).randbytes)
    copy = GroupCopy(Keystore.in_memory(ana.device.secret), tables)
    copy.add([LogEntry(place, bytes(16), 1, 1, 0, *item) for place, item in enumerate(story.log, 1)])
    chain, before = story.chain, None
    for number in range(EPOCHS):
        secret = chance("epoch", number)
        back = () if before is None else (LinkedBack(before[0], seal_back(secret, group_id, *before)),)
        statement = story.epoch(eve.device, group_id, secret, back=back)
        copy.add([LogEntry(copy.sequence + 1, number.to_bytes(16, "big"), 1, 1, 0, "epoch/1", statement)])
        before = epoch_id_of(commitment_of(secret, group_id, chain.height, chain.head)), secret
    assert before is not None
    opened = 0

    def counted(*arguments: bytes) -> bytes | None:
        nonlocal opened
        opened += 1
        return open_back(*arguments)

    monkeypatch.setattr(epochcopy, "open_back", counted)
    assert copy.believe(copy.epochs[before[0]][0], before[1])
    assert copy.lacking() == []
    assert opened == EPOCHS - 1
    assert [each.epoch_id for each in _back(copy, chance("next"), chain)] == [before[0]]
    assert opened == 2 * (EPOCHS - 1)
    sealing = copy.sealing_epoch()
    assert sealing is not None
    assert sealing.epoch_id == before[0]
    history.close()


def test_an_entry_of_ten_megabytes_is_read_by_nobody(tmp_path: Path) -> None:
    """Neither from a member by the server, nor from the server by a member, nor as one of the chain."""
    town = Town(tmp_path)
    ana = town.founder()
    ben = Device(town, "ben", town.link(ana))
    eve = Device(town, "eve", town.link(ana))
    town.pass_time(0.2)
    assert eve.client is not None
    message = Append(eve.client.number(), eve.lobby.log, bytes(16), "said/1", TEN_MB)
    eve.client.link.give(MessageReceived(Channel.CHAT, encode_message(message)))
    town.settle()
    assert eve.client.link.closed is not None
    ana.say("we talk on")
    assert ben.texts() == ["we talk on"]
    shown = Entries(ana.lobby.log, (LogEntry(9, bytes(16), 1, 1, 0, "said/1", TEN_MB),))
    with pytest.raises(ProtocolViolation):
        decode_server_message(encode_message(shown))
    chain, reason = follow(ana.member.copy.chain, "key/1", TEN_MB)
    assert reason is Reason.FORM
    assert chain.height == ana.member.copy.chain.height + 1
    town.close()
