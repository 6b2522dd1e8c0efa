"""What a server, and a member with keys, shows to a device in a group: entries of every suite, keys, boxes, answers.

Words come under a true seal with anything in them, so that what is behind the seal is reached too.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from lanline.client.chat.history import History
from lanline.client.chat.node import ChatNode
from lanline.client.chat.sealed.seals import DeviceKeys
from lanline.client.chat.session import AsDevice
from lanline.client.sealing.keystore import Keystore
from lanline.client.view.values import NodeState
from lanline.crypto.groups.epochs import room_key_of
from lanline.crypto.groups.ids import open_room_id_of
from lanline.crypto.groups.said import RunKeys, Where, seal_words
from lanline.model.content import Text
from lanline.proto.channels import Channel
from lanline.proto.events import MessageReceived
from lanline.testing.clock import HandClock
from lanline.testing.link import HandLink
from lanline.wire.chat import devices, entries, groups, offers
from lanline.wire.chat.answers import Done, Refused
from lanline.wire.chat.messages import ServerMessage, encode_message
from lanline.wire.sealing.said import CARRIED_SUITE, CarriedWords, Header, Words
from lanline.wire.sealing.strict import encode_strictly
from targets._peers import join, pieces
from unit.client.chat.village import Process, Village

_RUN = bytes(range(16))
_SUITES = ("said/1", "topic/1", "carried/1", "key/1", "stub/1", "epoch/1", "plain")


class _Group:
    """Of three, who have talked; as ann's home has it, and as its server begins a link with her."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            village = Village(Path(folder), 3)
            village.seal()
            village.come_to_rest()
            for home in village.homes:
                home.processes[0].node.outbox.say("#lobby", Text(f"{home.name} is here"), home.name.encode().ljust(16))
            village.come_to_rest()
            ann, ben = village.homes[:2]
            process = ann.processes[0]
            self.now_ms = village.house.clock.now_ms()
            self.lobby, self.chain_log = process.shown("#lobby").log, process.member.copy.log
            self.place = process.shown("#lobby").head
            self.beginning = self._beginning(village)
            self.said = [
                ben.processes[0].node.seals.seal(ben.processes[0].shown("#lobby"), bytes([number + 1]) * 16, body)
                for number, body in enumerate(
                    (b"", b"\x81\xa4type\xa4text", b"\x82\xa4type\xa5topic\xa5topic\xa2hi"), 1
                )
            ]
            self._take_speaker(process, ben.processes[0])
            assert ann.keys is not None
            image = bytearray(process.history.image())
            image[18:20] = b"\x01\x01"  # no log beside the file, which memory has none of
            self.image, self.link, self.store = bytes(image), ann.link, ann.keys.store
            village.close()

    def _take_speaker(self, listener: Process, speaker: Process) -> None:
        """What ben seals with, so that anything can come under his seal."""
        copy, epoch = speaker.member.copy, speaker.member.copy.sealing_epoch()
        assert epoch is not None
        self.height, self.head, self.history = copy.chain.height, copy.chain.head, speaker.member._context.history  # noqa: SLF001
        self.epoch_id, self.device_id, self.account_id, self.signer = (
            epoch.epoch_id,
            copy.device_id,
            copy.account_id,
            copy.signer,
        )
        self.room_id = open_room_id_of(copy.chain.group_id, "lobby")
        self.keys = RunKeys(room_key_of(copy.secrets[epoch.scope, epoch.epoch_id], self.room_id), copy.device_id, _RUN)
        person = listener.node.directory.named("ben")
        assert person is not None
        self.number = person.account
        items = speaker.member._context.tables.items()  # noqa: SLF001
        self.statement = next(content for _, suite, content in items if suite == "epoch/1")

    @staticmethod
    def _beginning(village: Village) -> list[bytes]:
        """What the server says to ann when she comes: noted at one more start of hers."""
        process = village.homes[0].processes[0]
        process.open_wires[0].die()
        village.come_to_rest()
        arrived = process.wires[-1].server_end.arrived
        return [payload for channel, payload in arrived if channel is Channel.CHAT]

    def node(self) -> tuple[HandClock, HandLink, ChatNode]:
        clock, link, kept = HandClock(), HandLink(bytes(32)), self.store
        clock.offset_ms += self.now_ms - clock.now_ms()
        store = Keystore.in_memory(kept.device_secret)
        store.height, store.head, store.group_id, store.ended = kept.height, kept.head, kept.group_id, set(kept.ended)
        keys = DeviceKeys(store, self.link, bytes)
        node = ChatNode(clock, History.in_memory(self.image), AsDevice(), keys=keys)
        node.on_connected(link)
        return clock, link, node


_GROUP = _Group()


def _message(what: int, content: bytes) -> ServerMessage:  # noqa: PLR0911 -- one for each
    """Of the kinds that carry sealed things; the content stands where the sealed bytes do."""
    number, entry_id, request = what >> 4, content[:16].ljust(16, b"\0"), what & 15
    long, some = content[:32].ljust(32, b"\0"), content or b"\0"
    log = _GROUP.chain_log if what & 1 else _GROUP.lobby
    entry = entries.LogEntry(
        _GROUP.place + 1 + (what & 3), entry_id, 1 + (what >> 2 & 1), 2, 5, _SUITES[number % 7], some
    )
    match number:
        case 0 | 1 | 2 | 3 | 4 | 5 | 6:
            return entries.Entries(log, (entry,))
        case 7:
            return groups.KeyEntries(request, log, (entry,))
        case 8:
            return groups.Boxes(request, (groups.FoundBox(entry_id, what & 3, 1, some),))
        case 9:
            return groups.Keys(request, (some,))
        case 10:
            return offers.Carried(request, (some[:300].decode("utf-8", "replace"),))
        case 11:
            return groups.GroupIs(0, _GROUP.chain_log, what, what & 7, long, bool(what & 2), is_awaited=bool(what & 4))
        case 12:
            return groups.BoxWanted(log, long, (entry_id,), 1 + (what & 1) * 2, long)
        case 13:
            return groups.RequestCame(groups.WaitingRequest(3, some, bytes(64), 5))
        case 14:
            return devices.DeviceAnswered(7, some[:88].ljust(88, b"\0"))
        case _:
            return Done(request) if what & 1 else Refused(request, 17 + (what >> 1 & 3), "No.", 0)


def _spoken(what: int, content: bytes) -> ServerMessage:
    """Words of ben, under his seal and signature, with anything in them; or such as somebody has brought."""
    group, entry_id, named = _GROUP, content[:16].ljust(16, b"\0"), content[16:20].ljust(4, b"\0")
    words = Words(
        named[0] & 3,
        bytes(32),
        5,
        group.height - 1 + (named[1] & 3),
        bytes(32) if named[2] & 1 else group.head,
        bytes(8) if named[2] & 2 else group.history,
        named[3],
        bytes(32),
        (),
        content[20:],
    )
    epoch_id = entry_id if what & 4 else group.epoch_id
    sealed, _ = seal_words(
        group.keys,
        group.signer,
        Header(epoch_id, group.device_id, _RUN, b""),
        Where(group.room_id, group.account_id, entry_id),
        encode_strictly(words),
        bytes(32),
    )
    suite = _SUITES[what & 3 if what & 3 < 3 else 0]
    if suite == CARRIED_SUITE:
        statement = group.statement if named[2] & 4 else content[20:]
        sealed = encode_strictly(CarriedWords(entry_id, sealed, statement if what & 4 else b""))
    entry = entries.LogEntry(group.place + 1 + (named[2] >> 7), entry_id, group.number, 2, 5, suite, sealed)
    return entries.Entries(group.lobby, (entry,))


def fuzz_one(data: bytes) -> None:
    clock, link, node = _GROUP.node()
    for payload in _GROUP.beginning:
        link.give(MessageReceived(Channel.CHAT, payload))
    clock.run_due()
    for what, content in pieces(data):
        if link.closed is not None:
            break
        make = _spoken if 0xF8 <= what < 0xFF else _message
        payload = content if what == 0xFF else encode_message(make(what, content))
        link.give(MessageReceived(Channel.BULK if what >> 4 in {8, 9} else Channel.CHAT, payload))
        if what & 8:
            clock.ring_all()
    assert (link.closed is None) == (node.state is not NodeState.OFFLINE)
    for conversation in node.conversations.all:
        node.messages(conversation.log)


def seeds() -> list[bytes]:
    every = [join((what, bytes(range(64)))) for what in range(0, 256, 5)]
    said = [join((0x00, content), (0x10, content), (0x28, content)) for content in _GROUP.said if content is not None]
    texts = (b"\x82\xa4type\xa4text\xa4text\xa2hi", b"\x82\xa4type\xa5topic\xa5topic\xa2hi", b"\x80")
    spoken = [
        join((what, bytes([what]) * 16 + named + text), (0x48, b""))
        for what in range(0xF8, 0xFF)
        for named in (b"\0\1\0\0", b"\0\2\4\0", b"\1\1\2\1")
        for text in texts[: 1 if what & 4 else 3]
    ]
    return [*every, *said, *spoken, join(*((0xFF, payload) for payload in _GROUP.beginning))]
