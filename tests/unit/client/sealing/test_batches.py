"""A page of what was said is judged as if it had come word by word, whatever a server or an author has made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lanline.chain.reasons import Reason
from lanline.client.sealing.ahead import Ahead
from lanline.client.sealing.opener import Columns, FoundRun, decode_found, open_all
from lanline.client.sealing.words import BelievedStretch, Body, GroupWords, Outcome, Said
from lanline.crypto.groups import ids
from lanline.crypto.groups import said as said_module
from lanline.crypto.groups.epochs import room_key_of
from lanline.crypto.groups.keys import SigningKey
from lanline.crypto.groups.said import Run, RunKeys, Where, seal_words
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import SAID_SUITE, Header, Words
from lanline.wire.sealing.strict import ZEROS, encode_strictly
from unit.client.sealing.devices import Device, Town


class Room:
    """An author whose words the tests make, and a reader of them."""

    def __init__(self, town: Town) -> None:
        self.author = town.founder()
        self.reader = Device(town, "ben", town.link(self.author))
        town.pass_time(0.2)
        copy = self.author.member.copy
        epoch, _ = copy.newest()[0]
        secret = copy.secret(epoch.epoch_id)
        assert secret is not None
        self.room_id = ids.open_room_id_of(copy.chain.group_id, self.author.lobby.name)
        self.room_key = room_key_of(secret, self.room_id)
        self.epoch_id, self.copy = epoch.epoch_id, copy
        self.stranger = SigningKey(bytes(32))

        self.believed_at_once = 0

    def say(self, place: int, number: int, prev: bytes, run: int = 0, *, is_signed: bool = True) -> tuple[Said, bytes]:
        copy, entry_id = self.copy, place.to_bytes(16, "big")
        header = Header(self.epoch_id, copy.device_id, bytes([run]) * 16, b"")
        words = Words(number, prev, 1, copy.chain.height, copy.chain.head, bytes(8), 0, ZEROS, (), b"said %d" % place)
        content, digest = seal_words(
            RunKeys(self.room_key, copy.device_id, header.run),
            copy.signer if is_signed else self.stranger,
            header,
            Where(self.room_id, copy.account_id, entry_id),
            encode_strictly(words),
            bytes([place]) * 32,
        )
        return Said(place, entry_id, self.author.name, content), digest

    def _reader(self) -> GroupWords:
        words = self.reader.words
        words.forget_places()
        return words

    def in_one_page(self, said: Sequence[Said]) -> list[Outcome]:
        return self._reader().open(self.reader.lobby, said)

    def opened_ahead(self, said: Sequence[Said], taken_at_once: int) -> list[Outcome]:
        words, ahead = self._reader(), Ahead()
        for _ in self.steps(words, said, ahead):
            pass
        pieces = [said[start : start + taken_at_once] for start in range(0, len(said), taken_at_once)]
        return [each for piece in pieces for each in words.open(self.reader.lobby, piece, ahead)]

    def as_a_whole(
        self, said: Sequence[Said], taken_at_once: int, open_elsewhere: Callable[[bytes], bytes | None] | None = None
    ) -> list[bytes | Outcome]:
        """Where all of a piece is as it should be, it is believed at once; else word by word. What was believed."""
        words, ahead = self._reader(), Ahead()
        for _ in self.steps(words, said, ahead, open_elsewhere):
            pass
        found: list[bytes | Outcome] = []
        for start in range(0, len(said), taken_at_once):
            piece = said[start : start + taken_at_once]
            stretches = ahead.stretches(piece[0].place, piece[-1].place)
            believed = words.believed(self.reader.lobby, stretches) if stretches else None
            if believed:
                words.note_believed(self.reader.lobby.log, believed)
                found += bodies_of(believed)
                self.believed_at_once += len(piece)
            else:
                found += map(body_of, words.open(self.reader.lobby, piece, ahead))
        return found

    def steps(
        self,
        words: GroupWords,
        said: Sequence[Said],
        ahead: Ahead,
        open_elsewhere: Callable[[bytes], bytes | None] | None = None,
    ) -> Iterator[object]:
        accounts = {name: number for number, name in enumerate({each.author for each in said})}
        ahead.authors = {number: name for name, number in accounts.items()}
        entries = [
            LogEntry(each.place, each.entry_id, accounts[each.author], 1, 1, SAID_SUITE, each.content) for each in said
        ]
        ask = None if open_elsewhere is None else lambda asked: AtOnce(open_elsewhere(asked))
        return words.open_ahead(self.reader.lobby, entries, ahead, ask)

    def one_by_one(self, said: Sequence[Said]) -> list[Outcome]:
        words = self._reader()
        return [words.open(self.reader.lobby, [each])[0] for each in said]


class AtOnce(NamedTuple):
    """A program of its own, as far as one can tell."""

    answer: bytes | None
    is_over: bool = True

    def when_over(self, callback: Callable[[], object]) -> None:
        raise AssertionError

    def found(self) -> bytes | None:
        return self.answer


def body_of(outcome: Outcome) -> bytes | Outcome:
    return outcome.body if isinstance(outcome, Body) else outcome


def bodies_of(believed: Sequence[BelievedStretch]) -> list[bytes]:
    """In the order of their places."""
    found = [each for run in believed for each in zip(run.stretch.places, run.stretch.bodies, strict=True)]
    return [body for _, body in sorted(found)]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    town = Town(Path(tmp_path_factory.mktemp("town")))
    yield Room(town)
    town.close()


class Step(NamedTuple):
    run: int
    is_signed: bool
    goes_on: bool
    """Names the words before it; else the run is cut here."""
    tampering: str


_STEPS = st.lists(
    st.builds(
        Step,
        st.integers(0, 2),
        st.sampled_from([True, True, True, False]),
        st.sampled_from([True, True, False]),
        st.sampled_from(["", "", "", "bit", "cut", "author", "number", "twice"]),
    ),
    min_size=1,
    max_size=14,
)


def written(room: Room, steps: Sequence[Step]) -> list[Said]:
    """Words that nobody has signed are named by no others here: see the test below."""
    said: list[Said] = []
    last: dict[int, tuple[int, bytes]] = {}
    for step in steps:
        number, prev = last.get(step.run, (0, ZEROS))
        if step.tampering == "number":
            number = max(0, number - 1)
        place = len(said) + 1
        each, digest = room.say(place, number, prev if step.goes_on else ZEROS, step.run, is_signed=step.is_signed)
        last[step.run] = number + 1, digest if step.is_signed else ZEROS
        if step.tampering == "bit":
            each = each._replace(content=each.content[:-1] + bytes([each.content[-1] ^ 1]))
        elif step.tampering == "cut":
            each = each._replace(content=each.content[: 45 + place])
        elif step.tampering == "author":
            each = each._replace(author="ben")
        said.append(each)
        if step.tampering == "twice":
            said.append(each._replace(place=place + 1))
    return said


@settings(max_examples=60, deadline=None)
@given(_STEPS, st.data())
def test_a_page_is_judged_as_word_by_word(room: Room, steps: list[Step], data: st.DataObject) -> None:
    said = written(room, steps)
    if data.draw(st.booleans(), "out of order"):
        others = data.draw(st.permutations(said))
        said = [each._replace(place=before.place) for each, before in zip(others, said, strict=True)]
    cut = data.draw(st.integers(0, len(said)), "a page ends here")
    alone = room.one_by_one(said)
    assert room.in_one_page(said) == alone
    words = room._reader()
    assert words.open(room.reader.lobby, said[:cut]) + words.open(room.reader.lobby, said[cut:]) == alone
    assert room.opened_ahead(said, max(1, cut)) == alone
    for open_elsewhere in (None, open_all, lambda _: None, lambda _: b"\xc1 is no answer"):
        assert room.as_a_whole(said, max(1, cut), open_elsewhere) == list(map(body_of, alone))


def _shorter(columns: Columns, name: str) -> Columns:
    return replace(columns, **{name: getattr(columns, name)[:-1]})


_WRONG: dict[str, Callable[[FoundRun], list[FoundRun]]] = {
    "none": lambda _: [],
    "two": lambda found: [found, found],
    "of others": lambda found: [replace(found, opened=[each + 1 for each in found.opened])],
    "twice": lambda found: [replace(found, opened=[0, *found.opened[:-1]])],
    "links": lambda found: [replace(found, links=found.links[1:])],
    "too long": lambda found: [replace(found, stretches=[(0, 9, found.stretches[0][2])])],
    "below": lambda found: [replace(found, stretches=[(-1, 1, found.stretches[0][2])])],
    **{
        name: lambda found, name=name: [replace(found, columns=_shorter(found.columns, name))]  # type: ignore[misc]
        for name in Columns.__struct_fields__
    },
}


@pytest.mark.parametrize("how", _WRONG)
def test_an_answer_that_can_be_none_to_what_was_asked_counts_as_none(room: Room, how: str) -> None:
    said, prev = [], ZEROS
    for place in range(1, 6):
        each, prev = room.say(place, place - 1, prev)
        said.append(each)

    def wrong(asked: bytes) -> bytes:
        [found] = decode_found(open_all(asked))
        return msgspec.msgpack.encode(_WRONG[how](found))

    assert room.as_a_whole(said, 5, wrong) == [b"said %d" % place for place in range(1, 6)]


def test_what_is_as_it_should_be_is_believed_as_a_whole_and_what_comes_behind_is_judged_by_it(room: Room) -> None:
    said, last = [], dict[int, tuple[int, bytes]]()
    for place in range(1, 61):
        number, prev = last.get(place % 3, (0, ZEROS))
        each, digest = room.say(place, number, prev, run=place % 3)
        last[place % 3] = number + 1, digest
        said.append(each)
    again = [each._replace(place=each.place + 60) for each in said[:20]]
    for open_elsewhere in (None, open_all):
        room.believed_at_once = 0
        found = room.as_a_whole([*said, *again], 20, open_elsewhere)
        assert room.believed_at_once == 60
        assert found == [*(b"said %d" % place for place in range(1, 61)), *[Reason.KNOWN_ID] * 20]


def test_one_bad_signature_in_the_middle_strikes_out_one(room: Room) -> None:
    said, prev = [], ZEROS
    for place in range(1, 10):
        each, digest = room.say(place, place - 1, prev, is_signed=place != 5)
        said.append(each)
        prev = digest if place != 5 else ZEROS
    for outcomes in (room.in_one_page(said), room.one_by_one(said)):
        assert [place for place, each in enumerate(outcomes, 1) if not isinstance(each, Body)] == [5]
        assert outcomes[4] is Reason.SIGNATURE


def test_what_is_opened_ahead_is_opened_a_few_at_each_step_and_not_once_more(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every one here needs a signature of its own, as nobody's do who speaks in runs."""
    said = [room.say(place, 0, ZEROS, run=place)[0] for place in range(1, 251)]
    done = {"open": 0, "verify": 0}

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def count(*arguments: Any) -> Any:
            done[name] += 1
            return real(*arguments)

        return count

    monkeypatch.setattr(Run, "open", counted("open", Run.open))
    monkeypatch.setattr(said_module, "verify", counted("verify", said_module.verify))
    words, ahead = room._reader(), Ahead()
    steps = room.steps(words, said, ahead)
    most, before = {"open": 0, "verify": 0}, dict(done)
    for _ in steps:
        most = {name: max(most[name], done[name] - before[name]) for name in done}
        before = dict(done)
    assert most["open"] <= 200
    assert most["verify"] <= 16
    assert all(isinstance(each, Body) for each in words.open(room.reader.lobby, said, ahead))
    assert done == {"open": len(said), "verify": len(said)}


def test_words_without_a_signature_are_believed_in_a_page_only_if_their_author_has_signed_words_that_name_them(
    room: Room,
) -> None:
    first, digest = room.say(1, 0, ZEROS, is_signed=False)
    second, _ = room.say(2, 1, digest)
    unsigned, _ = room.say(2, 1, digest, is_signed=False)
    assert all(isinstance(each, Body) for each in room.in_one_page([first, second]))
    assert room.in_one_page([first, unsigned]) == [Reason.SIGNATURE, Reason.SIGNATURE]
    assert room.in_one_page([first]) == [Reason.SIGNATURE]
