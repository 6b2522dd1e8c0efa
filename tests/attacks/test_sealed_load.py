"""Many at once, judged by counts: epochs, entries, tries and bytes, never by how long this machine takes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import pytest

from grouphouse.people import Person, Story
from lanline.chain import rules
from lanline.chain.epochs import RecipientKind
from lanline.client.chat.sealed.content import OPENED
from lanline.client.chat.sealed.seals import DeviceKeys
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.ownentries import seed_box_place
from lanline.core.commands import Context
from lanline.core.rooms import enter_lobby
from lanline.crypto.groups import said
from lanline.crypto.groups.keys import BOX_BYTES, SealingKey, box_info, hash_of_key, seal_box
from lanline.errors import RefusalCode
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.content import Text
from lanline.model.groups import Box
from lanline.model.logs import ENTRY_ID_BYTES, NewEntry
from lanline.proto.channels import Channel
from lanline.storage.api import Transaction
from lanline.storage.sqlite.engine import SqliteEngine
from lanline.wire.chat import entries, groups
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.messages import ServerMessage, decode_client_message, decode_server_message
from unit.client.chat.village import Home, Process, Village

_ROUND_TRIP_S = 0.1


class Square(Village):
    """A village of many, whose links take a tenth of a second there and back."""

    def __init__(self, folder: Path, count: int) -> None:
        super().__init__(folder, 1)
        self.homes = [Home(self, f"person{number}") for number in range(count)]
        self.turns = 0
        self.dies_at: type | None = None
        """The first program that is about to send such a message is killed."""
        self.sent_bytes = 0

    def settle_group(self, more: int = 0) -> None:
        """All are in the group already, and so many more of whom no program runs. Nothing was sealed yet."""
        here = len(self.homes)
        people = [Person(f"person{number}", seals=True) for number in range(here + more)]
        story = Story(time_ms=self.house.clock.now_ms())
        assert story.found(people[0]) is None
        for each in people[1:]:
            assert story.admit(people[0], each) is None
        self.house.stop()
        engine = SqliteEngine.open(self.folder / "server")
        assert engine.transact(
            [partial(put_group, context=self.house.server.core.context(), story=story, people=people, opening=here)]
        ) == [None]
        engine.close()
        self.house.start()
        for home, person in zip(self.homes, people, strict=False):
            home.has_joined = True
            home.account_id = person.id
            store, link = Keystore.in_memory(person.device.secret), person.device.link_fingerprint
            home.link, home.keys = link, DeviceKeys(store, link, self.chance.randbytes)
            home.processes.append(CountingProcess(home))
        self.rest_until(lambda: all(is_in(home) for home in self.homes))

    def rest(self) -> None:
        """What all have said arrives before anything is answered."""
        for process in self.all_processes():
            if not process.open_wires:
                process.connect()
            for wire in process.open_wires:
                wire.carry_up(10**6)
        self.settle()
        for process in self.all_processes():
            for wire in process.open_wires:
                wire.carry_down(10**6)
        self.house.clock.pass_time(_ROUND_TRIP_S)
        self.settle()
        self.turns += 1
        for process in self.all_processes():
            if isinstance(process, CountingProcess) and process.is_doomed:
                process.crash()

    @property
    def first(self) -> Process:
        return self.homes[0].processes[0]

    def come(self, *homes: Home) -> None:
        """All at once."""
        for home in homes:
            home.processes.append(Process(home))
        self.rest_until(lambda: all(reads(home) for home in homes))

    def answers(self, *homes: Home) -> Iterator[ServerMessage]:
        for home in homes:
            for process in home.processes:
                for wire in process.wires:
                    yield from (decode_server_message(payload) for _, payload in wire.server_end.arrived)

    def sent(self) -> Counter[type]:
        """By all, from the beginning."""
        processes = [process for home in self.homes for process in home.processes]
        return sum((each.sent for each in processes if isinstance(each, CountingProcess)), Counter[type]())

    def refusals(self, *homes: Home) -> Counter[RefusalCode | None]:
        return Counter(each.known_code for each in self.answers(*homes) if isinstance(each, Refused))


class CountingProcess(Process):
    """Counts what it sends, by kind."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self.sent = Counter[type]()
        self.is_doomed = False

    def connect(self) -> None:
        super().connect()
        send, square = self.wires[-1].send_nowait, self._home.village
        assert isinstance(square, Square)

        def counted(channel: Channel, payload: bytes) -> int:
            kind = type(decode_client_message(payload))
            self.sent[kind] += 1
            square.sent_bytes += len(payload)
            if kind is square.dies_at:
                self.is_doomed, square.dies_at = True, None
            return 0 if self.is_doomed else send(channel, payload)

        self.wires[-1].send_nowait = counted  # type: ignore[method-assign]


def put_group(transaction: Transaction, context: Context, story: Story, people: Sequence[Person], opening: int) -> None:
    """Onto the server's disk, as if they had come one after the other. So many are there to open their boxes."""
    log, by = transaction.groups.found(), AccountId(1)
    for number, person in enumerate(people):
        account = transaction.accounts.add(person.name, 0, is_admin=not number, password_hash=None)
        transaction.accounts.add_device(account.id, person.device.link_fingerprint, 0)
        enter_lobby(transaction, account.id, context, is_admin=account.is_admin)
        device, generation = SealingKey.of_device(person.device.secret), SealingKey.of_generation(person.seeds[0])
        made, place = seed_box_place(generation, bytes(16))
        info = box_info(person.id, made, RecipientKind.DEVICE, person.device.id, 1)
        box = seal_box(device.public_bytes, info, person.seeds[0]) if number < opening else bytes(BOX_BYTES)
        transaction.groups.put_boxes([Box(person.id, place, 3, person.device.id, 1, account.id, box)], 0)
        keys = {hash_of_key(key): key for key in (device.public_bytes, generation.public_bytes)}
        transaction.groups.put_keys(keys, account.id, 0)
        transaction.groups.name_keys([*keys])
    transaction.logs.append(
        [
            NewEntry(log, hashlib.sha256(each).digest()[:ENTRY_ID_BYTES], by, DeviceId(1), 0, suite, each)
            for suite, each in story.log
        ]
    )
    transaction.groups.move_chain(story.chain.height, story.chain.head)


def is_in(home: Home) -> bool:
    member = home.processes[0].member
    return member.is_current and member.copy.is_member and member.is_settled


def reads(home: Home) -> bool:
    member = home.processes[0].member
    return member.copy.is_member and member.copy.sealing_epoch() is not None


def has_read(home: Home, *texts: str) -> bool:
    process = home.processes[0]
    log = process.shown("#lobby").log
    read = b"".join(each.content for each in process.history.entries(log, None, 200) if each.suite == OPENED)
    return all(text.encode() in read for text in texts)


@pytest.fixture(autouse=True)
def _checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What all have to check is checked once for all of them, and each key is made once: nothing else decides these."""
    for checking in (rules, said):
        monkeypatch.setattr(checking, "verify", cache(checking.verify))
    for name in ("of_device", "of_generation"):
        monkeypatch.setattr(SealingKey, name, cache(getattr(SealingKey, name)))


@pytest.fixture
def square(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Square]:
    """Of so many."""
    made = Square(tmp_path, request.param)
    yield made
    made.close()


@pytest.mark.parametrize("square", [31], indirect=True)
def test_thirty_join_in_one_second(square: Square) -> None:
    """By one link. Each entry stands on the one before, so all try again as often as others were quicker."""
    square.seal()
    first, newcomers = square.first, square.homes[1:]
    epochs, height = len(first.member.copy.epochs), first.member.copy.chain.height
    before = square.turns
    square.come(*newcomers)
    assert square.turns - before <= 2 * len(newcomers), "nobody is put off for having tried in vain"
    refused = square.refusals(*newcomers)
    assert set(refused) == {RefusalCode.STALE_CHAIN}
    assert refused[RefusalCode.STALE_CHAIN] <= len(newcomers) * (len(newcomers) - 1) // 2
    assert first.member.copy.chain.height == height + len(newcomers)
    assert len(first.member.copy.epochs) == epochs, "who comes makes no key stale"
    say(first, "welcome")
    square.rest_until(lambda: all(has_read(home, "welcome") for home in newcomers))
    assert [home.warnings for home in square.homes if home.warnings] == []


@pytest.mark.parametrize("square", [101], indirect=True)
def test_hundred_speakers_after_a_removal_begin_one_epoch(square: Square) -> None:
    """All speak while the removal is under way: what they have sealed is refused, and all lack an epoch at once."""
    square.settle_group()
    ana, [*speakers, gone] = square.first, square.homes
    say(ana, "before")
    square.rest_until(lambda: all(has_read(home, "before") for home in square.homes))
    epochs, sent = len(ana.member.copy.epochs), square.sent()
    gone.processes.pop().crash()
    ana.member.changes.remove([gone.account_id])
    hear_all(square, speakers)
    assert len(ana.member.copy.epochs) == epochs + 1
    sent = square.sent() - sent
    assert (sent[groups.BeginEpoch], sent[groups.PutBoxes]) == (1, 1)
    assert sent[groups.GetKeys] <= 1, "the others need nobody's keys"
    assert sent[groups.ClaimEpoch] <= len(speakers)
    assert sent[entries.Append] <= 2 * len(speakers)
    assert set(square.refusals(*speakers)) == {RefusalCode.STALE_KEYS}


@pytest.mark.parametrize("square", [21], indirect=True)
def test_who_is_about_to_begin_an_epoch_and_goes_leaves_it_to_one_of_the_others(square: Square) -> None:
    square.settle_group()
    ana, [*speakers, gone] = square.first, square.homes
    say(ana, "before")
    square.rest_until(lambda: all(has_read(home, "before") for home in square.homes))
    epochs, square.dies_at = len(ana.member.copy.epochs), groups.PutBoxes
    gone.processes.pop().crash()
    ana.member.changes.remove([gone.account_id])
    for home in speakers:
        say(home.processes[0], f"{home.name} speaks")
    square.rest_until(lambda: square.dies_at is None)
    speakers = [home for home in speakers if home.processes[0].is_alive]
    assert len(speakers) == 19
    hear_all(square, speakers)
    [other] = {len(home.processes[0].member.copy.epochs) for home in speakers}
    assert other == epochs + 1


@pytest.mark.parametrize("square", [3], indirect=True)
def test_two_thousand_readers_first_word_after_removal(square: Square) -> None:
    """Who speaks has no key of any of them, and who has sent one away is gone before anything was sealed to them."""
    square.settle_group(more=1998)
    ana, ben, gone = square.homes
    gone.processes.pop().crash()
    square.dies_at = groups.PutBoxes
    square.first.member.changes.remove([gone.account_id])
    square.rest_until(lambda: square.dies_at is None)
    before, size = square.sent(), square.sent_bytes
    say(ben.processes[0], "only for those who are still here")
    square.rest_until(lambda: has_read(ben, "only for those who are still here"))
    copy, sent = ben.processes[0].member.copy, square.sent() - before
    assert (len(copy.chain.names), len(copy.epochs), sent[groups.BeginEpoch], sent[entries.Append]) == (2000, 1, 1, 1)
    assert sent[groups.PutBoxes] <= 2000 // 400
    assert sent[groups.GetKeys] <= 2000 // groups.MAX_KEYS_AT_ONCE + 1
    assert square.sent_bytes - size < 2000 * 1.1 * BOX_BYTES
    ana.processes[0] = CountingProcess(ana)
    square.rest_until(lambda: has_read(ana, "only for those who are still here"))
    assert [len(box.data) for each in square.answers(ana) if isinstance(each, groups.Boxes) for box in each.boxes] == [
        BOX_BYTES
    ], "its own, and no other"


def say(process: Process, text: str) -> None:
    process.node.outbox.say("#lobby", Text(text), process._home.village.chance.randbytes(16))


def hear_all(square: Square, speakers: Sequence[Home]) -> None:
    """Each says something, and everybody reads it."""
    texts = [f"{home.name} is still here" for home in speakers]
    for home, text in zip(speakers, texts, strict=True):
        say(home.processes[0], text)
    square.rest_until(lambda: all(has_read(home, *texts) for home in speakers))
