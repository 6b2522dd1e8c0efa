"""A group that its server cannot read, made in the server's folder: its chain, its epoch, and what its members said.

Everybody who speaks or reads has real keys. Who is only in the chain has stand-ins, for nothing is sealed to them.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from chatcrowds import MESSAGE_BYTES
from chatcrowds.lanline import keys_path
from grouphouse.people import DeviceKeys, InviteKeys, Person, Story
from lanline.chain.epochs import RecipientKind
from lanline.client.chat.sealed.content import seal
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.logchain import LogChain
from lanline.client.sealing.ownentries import seed_box_place
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import commitment_of, epoch_id_of, room_key_of
from lanline.crypto.groups.keys import SealingKey, box_info, hash_of_key, seal_box
from lanline.crypto.groups.said import RunKeys, Where, seal_words
from lanline.crypto.identity import Identity
from lanline.ids import new_entry_id
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.content import Text
from lanline.model.groups import Box
from lanline.model.logs import ENTRY_ID_BYTES, LogId, NewEntry
from lanline.model.rooms import Access, Membership
from lanline.storage.api import Transaction
from lanline.storage.sqlite.engine import SqliteEngine
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.entries import KEY_SUITE
from lanline.wire.sealing.said import EPOCH_SUITE, SAID_SUITE, Header, Words
from lanline.wire.sealing.strict import ZEROS, encode_strictly

ROOM = "lobby"
AT_ONCE = 1_000
RUN_OF = 250
"""So many messages an author says before the program starts anew."""
_NO_MAKER = bytes(16)


def text_body(number: int) -> bytes:
    """A text as the chat has it, of as many bytes as the unsealed messages that it is compared with."""
    _, body = seal(Text(f"{number:08}" + "x" * (MESSAGE_BYTES - 8)))
    return body


class SealedGroup:
    """In the folder of `chatservers.lanline.prepared`: `member0` founds, the first `real` of its members have keys."""

    def __init__(self, folder: Path, data: Path, homes: Sequence[Path], more: int = 0, rooms: int = 0) -> None:
        """`homes`: of the members from the first on. `more`: people who came by an invite each. `rooms`: open ones that
        the last of the members is in.
        """
        self._rooms = rooms
        self._data = data
        self.people = [_person(folder, number, home) for number, home in enumerate(homes)]
        self.story = Story(time_ms=int(time.time() * 1000))
        self.secret = os.urandom(32)
        self.history = bytes(8)
        """What the server calls that of its data."""
        self.statement = b""
        self._make_chain(more)
        self.room_id = ids.open_room_id_of(self.story.chain.group_id, ROOM)
        self._transact(self._put)

    def _make_chain(self, more: int) -> None:
        founder, *others = self.people
        assert self.story.found(founder) is None
        for person in others:
            assert self.story.admit(founder, person) is None
        for number in range(more):
            invite = InviteKeys(number)
            assert self.story.invite(founder, invite) is None
            assert self.story.join(Person(f"person{number}"), invite) is None

    def _transact(self, work: object) -> None:
        engine = SqliteEngine.open(self._data)
        try:
            (problem,) = engine.transact([work])  # type: ignore[list-item]
        finally:
            engine.close()
        if isinstance(problem, Exception):
            raise problem

    def _put(self, transaction: Transaction) -> None:
        log, chain, founder = transaction.groups.found(), self.story.chain, self.people[0]
        contents = [(KEY_SUITE, content) for _, content in self.story.log]
        self.statement = self.story.epoch(founder.device, chain.group_id, self.secret)
        contents.append((EPOCH_SUITE, self.statement))
        transaction.logs.append([_entry_of_keys(log, suite, content) for suite, content in contents])
        transaction.groups.move_chain(chain.height, chain.head)
        commitment = commitment_of(self.secret, chain.group_id, chain.height, chain.head)
        transaction.groups.add_epoch(chain.group_id, epoch_id_of(commitment), chain.height, AccountId(1))
        transaction.groups.put_boxes([box for each in self.people for box in self._boxes(each, commitment)], 0)
        keys = [key.public_bytes for person in self.people for key in _sealing_keys(person)]
        transaction.groups.put_keys({hash_of_key(key): key for key in keys}, AccountId(1), 0)
        transaction.groups.name_keys([hash_of_key(key) for key in keys])
        room = transaction.rooms.all()[0]
        for number in range(chain.height - len(self.people) >> 1):
            account = transaction.accounts.add(f"person{number}", 0, is_admin=False, password_hash=None)
            transaction.rooms.put_membership(Membership(room.log, account.id))

        last = AccountId(len(self.people))
        for number in range(self._rooms):
            made = transaction.rooms.create(f"#room{number}", "", Access.OPEN, last, 0)
            transaction.rooms.put_membership(Membership(made.log, last))

    def _boxes(self, person: Person, commitment: bytes) -> Iterator[Box]:
        """The seed for the device, and the secret for the account."""
        device_key, account_key = _sealing_keys(person)
        group_id = self.story.chain.group_id
        info = box_info(group_id, commitment, RecipientKind.ACCOUNT, person.id, 1)
        data = seal_box(account_key.public_bytes, info, self.secret)
        yield Box(group_id, epoch_id_of(commitment), RecipientKind.ACCOUNT, person.id, 1, AccountId(1), data)
        made, place = seed_box_place(account_key, _NO_MAKER)
        info = box_info(person.id, made, RecipientKind.DEVICE, person.device.id, 1)
        data = seal_box(device_key.public_bytes, info, person.seeds[0])
        yield Box(person.id, place, RecipientKind.DEVICE, person.device.id, 1, AccountId(1), data)

    # What is said.

    def say(self, count: int, authors: int) -> None:
        """So many messages in the room by the last of the members, each of which starts its program now and then."""
        engine = SqliteEngine.open(self._data)
        try:
            room = engine.read(lambda view: view.rooms.all()[0].log)
            said = self._said(room, count, authors)
            for _ in range(count // AT_ONCE):
                entries = [next(said) for _ in range(AT_ONCE)]
                engine.transact([lambda transaction, entries=entries: transaction.logs.append(entries)])
        finally:
            engine.close()

    def _said(self, room: LogId, count: int, authors: int) -> Iterator[NewEntry]:
        chance, log_chain = random.Random(1), LogChain(0, ids.log_start_of(self.room_id))
        speakers = [Speaker(self, len(self.people) - 1 - number) for number in range(authors)]
        for place in range(1, count + 1):
            entry = chance.choice(speakers).say(room, place, log_chain.seen)
            came = LogEntry(place, entry.entry_id, 0, 0, entry.time_ms, entry.suite, entry.content)
            log_chain.add([came])
            yield entry


class Speaker:
    """A member's program, which starts anew after `RUN_OF` messages."""

    def __init__(self, group: SealedGroup, number: int) -> None:
        self._group = group
        self._account, self._person = number + 1, group.people[number]
        self._n, self._prev = RUN_OF, ZEROS

    def say(self, room: LogId, place: int, seen: tuple[int, bytes]) -> NewEntry:
        group, device = self._group, self._person.device
        chain = group.story.chain
        if self._n == RUN_OF:
            self._n = 0
            commitment = commitment_of(group.secret, chain.group_id, chain.height, chain.head)
            self._header = Header(epoch_id_of(commitment), device.id, os.urandom(16), b"")
            self._keys = RunKeys(room_key_of(group.secret, group.room_id), device.id, self._header.run)
        now_ms = int(time.time() * 1000)
        entry_id = new_entry_id(now_ms, os.urandom)
        words = Words(
            self._n, self._prev, now_ms, chain.height, chain.head, group.history, *seen, (), text_body(place)
        )  # fmt: skip
        where = Where(group.room_id, self._person.id, entry_id)
        content, self._prev = seal_words(
            self._keys, device.signer, self._header, where, encode_strictly(words), os.urandom(32)
        )
        self._n += 1
        account = AccountId(self._account)
        return NewEntry(room, entry_id, account, DeviceId(self._account), now_ms, SAID_SUITE, content)


def _person(folder: Path, number: int, home: Path) -> Person:
    """As the device of the keys that lie in this home, behind the link that the server knows."""
    home.mkdir(parents=True, exist_ok=True)
    identity = Identity.from_pem(keys_path(folder, number).read_bytes())
    person = Person(f"member{number}", seals=True)
    device = DeviceKeys(Keystore.open(home, os.urandom).device_secret, seals=True)
    device.link_fingerprint = identity.fingerprint
    person.device, person.devices, person.id = device, [device], ids.account_id_of(device.sign_key)
    return person


def _sealing_keys(person: Person) -> tuple[SealingKey, SealingKey]:
    """Of the device and of the account."""
    return SealingKey.of_device(person.device.secret), SealingKey.of_generation(person.seeds[0])


def _entry_of_keys(log: LogId, suite: str, content: bytes) -> NewEntry:
    entry_id = hashlib.sha256(content).digest()[:ENTRY_ID_BYTES]
    return NewEntry(log, entry_id, AccountId(1), DeviceId(1), int(time.time() * 1000), suite, content)
