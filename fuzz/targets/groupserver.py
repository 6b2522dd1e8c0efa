"""What a member, and somebody outside, brings to a server with a group: entries, boxes, lost words, the past, offers.

Each in a message of its form, with anything where the sealed bytes stand; the group is a true one, and stays as it is.
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from lanline.core.history import end_history
from lanline.proto.channels import Channel
from lanline.wire.chat import devices, entries, groups, offers
from lanline.wire.chat.messages import BULK_KINDS, ClientMessage
from lanline.wire.sealing.entries import KEY_SUITE, STUB_SUITE
from serverhouse.group import Group
from serverhouse.house import Client, House
from targets._peers import join, pieces

_FOLDER = tempfile.TemporaryDirectory()


class _Founded:
    """A group of ana and eve with an epoch, on a disk; a second one that was put back to an older state since."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        house = House(folder)
        group = Group(house)
        ana = group.found()
        eve = group.admit("eve")
        ana.begin("first", eve)
        self.link = eve.person.device.link_fingerprint
        self.story, self.log, self.lobby = group.story, group.log, ana.client.log("#lobby")
        house.stop()
        self.folder = folder

    def opened(self, into: Path, *, is_restored: bool) -> House:
        house = House(shutil.copytree(self.folder, into))
        if is_restored:
            house.engine.transact([end_history])
            house.stop()
            house.start()
        return house


class _Failures(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(f"{record.getMessage()} {record.exc_info}")


_GROUP = _Founded(Path(_FOLDER.name) / "whole")


def _message(what: int, content: bytes, client: Client) -> ClientMessage:  # noqa: C901, PLR0911, PLR0912 -- one for each
    number, log = client.number(), _GROUP.log if what & 1 else _GROUP.lobby
    chain, some = _GROUP.story.chain, content or b"\0"
    short, long = content[:16].ljust(16, b"\0"), content[:32].ljust(32, b"\0")
    scope = chain.group_id if what & 2 else long
    match what >> 4:
        case 0 | 1:
            return offers.Carry(number, log, (offers.LostWords(short, some, content[:2048]),))
        case 2:
            return groups.ReadPastKeys(number, scope, what & 7)
        case 3:
            suite = KEY_SUITE if what & 8 else STUB_SUITE
            item = offers.OfferedItem(suite, some)
            return offers.OfferKeys(number, chain.height, (item,), is_last=bool(what & 4))
        case 4:
            return offers.OfferRoomKeys(number, (some,))
        case 5:
            return offers.TellHead(number, what & 7, long)
        case 6:
            return groups.AppendKey(number, some[:8192])
        case 7:
            return groups.AppendRoomKey(number, log, some[:8192])
        case 8:
            return groups.MakeGroupInvite(number, some[:8192], long)
        case 9:
            box = groups.NewBox(1 + (what & 1) * 2, long, what >> 1 & 3, some[:1168].ljust(1168, b"\0"))
            return groups.PutBoxes(number, log, scope, short, (box,))
        case 10:
            return groups.BeginEpoch(number, log, some)
        case 11:
            return groups.PutKeys(number, (some[:1216].ljust(1216, b"\0"),))
        case 12:
            return groups.LeaveRequest(number, some[:512], content[:64].ljust(64, b"\0"))
        case 13:
            return devices.LeaveDevice(number, some[:512], long)
        case 14:
            return entries.Append(number, log, short, ("said/1", "topic/1", "carried/1", "key/1")[what & 3], some)
        case _:
            return groups.PutRsaKey(number, some[:422].ljust(422, b"\0"), content[:400].ljust(400, b"\0"))


def fuzz_one(data: bytes) -> None:
    failures, logger = _Failures(), logging.getLogger("lanline")
    logger.addHandler(failures)
    with tempfile.TemporaryDirectory(dir=_FOLDER.name) as folder:
        house = _GROUP.opened(Path(folder) / "data", is_restored=data[:1] == b"\xff")
        try:
            client = house.sign_in(_GROUP.link)
            client.ask(groups.AskGroup(client.number()), groups.GroupIs)
            outside = house.greet(b"n" * 32)
            for what, content in pieces(data[1:]):
                asker = outside if what & 15 == 15 else client
                message = _message(what, content, asker)
                asker.say(message, Channel.BULK if isinstance(message, BULK_KINDS) else Channel.CHAT)
            assert not failures.records, failures.records
            assert house.server.gateway._groups.state.chain.head == _GROUP.story.chain.head  # noqa: SLF001 -- nobody signed anything
        finally:
            house.stop()
            logger.removeHandler(failures)


def seeds() -> list[bytes]:
    every = [(what, bytes(range(64))) for what in range(0, 256, 3)]
    some = [join(*every[start : start + 10]) for start in range(0, len(every), 10)]
    true = join(*((0x68, content) for _, content in _GROUP.story.log))
    return [begins + each for begins in (b"\0", b"\xff") for each in (*some, true)]
