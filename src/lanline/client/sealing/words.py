"""Owns how this device seals what it says in a conversation, and opens what others have said there. Not its tables.

What is opened is believed only where everybody would: docs/protocol/sealing.md, 5. The author is who has signed, by the
chain; where the server says otherwise, nothing is believed. Longer than other files: what is sealed and what is opened
have the runs and their keys in common; what is judged word by word, and what as a whole, are read together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import NamedTuple

import msgspec

from lanline.chain.epochs import Epoch
from lanline.chain.reasons import Reason
from lanline.chain.scopes import Scope
from lanline.chain.state import NEVER, Chain
from lanline.chain.words import judge_words
from lanline.client.sealing.ahead import Ahead, RunWords, Stretch
from lanline.client.sealing.asking import Ask, Asked, Asking
from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.logchain import NOTHING, Seen
from lanline.client.sealing.scopes import Place, Scopes, Sealing
from lanline.client.sealing.seenplaces import RunPlaces, SeenHeights
from lanline.crypto.groups.epochs import room_key_of
from lanline.crypto.groups.said import CHANCE_BYTES, Opened, Run, RunKeys, Where, seal_words, vouched
from lanline.errors import MalformedPacket
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import (
    COMMON_BYTES,
    DEVICE_AND_RUN,
    HEADER_BYTES,
    Header,
    Words,
    split_said,
)
from lanline.wire.sealing.strict import ZEROS, encode_strictly

_RUN_BYTES = 16
_MAX_KEYS = 1000
_MAX_PLACES = 100_000
_NEVER_NAMED = NEVER, b""
_NOTHING_FOUND: tuple[Mapping[int, Opened], AbstractSet[bytes]] = ({}, frozenset())


class Said(NamedTuple):
    """As it came."""

    place: int
    entry_id: bytes
    author: str
    """Whose the server says it is."""
    content: bytes


class Lacks(Enum):
    """What has to come before it can be read."""

    EPOCH = "its epoch has not come yet"
    KEY = "its key has not come yet"
    CHAIN = "its author has seen more of the group than the server shows"


class Body(msgspec.Struct, frozen=True, gc=False):
    """What was said, and believed."""

    body: bytes
    device_id: bytes
    run: bytes
    words: Words
    digest: bytes
    room_id: bytes
    scope_id: bytes
    epoch_height: int


Outcome = Body | Lacks | Reason


class _Source(NamedTuple):
    """What the words of one run have in common, by the chain as it is here."""

    sealing: Sealing
    scope: Scope
    epoch: tuple[Epoch, int]
    """With the place of its statement."""
    account: bytes
    author: str
    """The name of the account."""
    until: int
    """At which height the device ended."""
    sign_key: bytes
    run: Run
    places: RunPlaces
    named: dict[int, tuple[int, bytes]]
    """By heights that were named, from which place on this device may have said it; and the head, if it is so here."""


class BelievedStretch(NamedTuple):
    """Words that are believed as a whole, and under which epoch of which conversation."""

    stretch: Stretch
    room_id: bytes
    scope_id: bytes
    epoch_height: int
    run_places: RunPlaces


class _Run:
    """Of this program in one log: in memory only, so that a copied or restored home repeats nothing."""

    __slots__ = ("id", "n", "prev", "room_id")

    def __init__(self, run: bytes, room_id: bytes, prev: bytes) -> None:
        self.id = run
        self.room_id = room_id
        self.n = 0
        self.prev = prev


class GroupWords:
    def __init__(self, context: GroupContext) -> None:
        self._context = context
        self._copy = context.copy
        self._runs: dict[int, _Run] = {}
        self._own: dict[bytes, tuple[int, bytes]] = {}
        """By room, the place and digest of the newest of this device that is known to be in the log."""
        self._places: dict[tuple[bytes, bytes, bytes], RunPlaces] = {}
        """By room, device and run."""
        self._judged_count = 0
        self._heights = SeenHeights(context.tables)
        self._overtaken: dict[bytes, set[int]] = {}
        """By room; see `take_overtaken`."""
        self._keys: dict[tuple[bytes, bytes, bytes, bytes], RunKeys] = {}
        self.ahead: dict[str, int] = {}
        """By the names of those who have seen more of the chain than is here: which height they named."""

    @property
    def chain(self) -> Chain:
        return self._copy.chain

    @property
    def scopes(self) -> Scopes:
        return self._context.scopes

    # Sealing.

    def seal(self, place: Place, entry_id: bytes, body: bytes, seen: Seen = NOTHING) -> bytes | None:
        """None: there is no epoch to seal under just now."""
        copy, sealing = self._copy, self._context.scopes.sealing(place)
        if sealing is None or not copy.is_member or copy.is_behind or copy.problem or not sealing.copy.may_begin:
            return None
        epoch, room_id = sealing.copy.sealing_epoch(), sealing.room_id
        if epoch is None:
            return None
        run = self._runs.get(place.log)
        if run is None or run.room_id != room_id:
            _, prev = self._own.get(room_id, (0, ZEROS))
            run = self._runs[place.log] = _Run(self._context.entropy(_RUN_BYTES), room_id, prev)
        header = Header(epoch.epoch_id, copy.device_id, run.id, b"")
        now_ms, height, head = self._context.now_ms(), copy.chain.height, copy.chain.head
        words = Words(run.n, run.prev, now_ms, height, head, self._context.history, *seen, (), body)
        keys = self._run_keys(epoch, room_id, header)
        where = Where(room_id, copy.account_id, entry_id)
        chance = self._context.entropy(CHANCE_BYTES)
        content, digest = seal_words(keys, copy.signer, header, where, encode_strictly(words), chance)
        run.n, run.prev = run.n + 1, digest
        return content

    def end_run(self, log: int) -> None:
        """The last that was sealed does not come into the log: what follows names nothing of it."""
        self._runs.pop(log, None)

    def forget_places(self) -> None:
        """The server's data are others now, or a copy was cut: what stands where is found anew, and new runs begin."""
        self._runs.clear()
        self._own.clear()
        self._places.clear()
        self._heights.forget()

    def _run_keys(self, epoch: Epoch, room_id: bytes, header: Header) -> RunKeys:
        key = (epoch.epoch_id, room_id, header.device_id, header.run)
        if key not in self._keys:
            if len(self._keys) >= _MAX_KEYS:
                self._keys.clear()
            secret = self._copy.secrets[epoch.scope, epoch.epoch_id]
            self._keys[key] = RunKeys(room_key_of(secret, room_id), header.device_id, header.run)
        return self._keys[key]

    # Opening.

    def open(self, place: Place, said: Sequence[Said], ahead: Ahead | None = None) -> list[Outcome]:
        """In the order of their places. Together they are judged as one by one, and cost one signature for each run.

        `ahead`: what was found of them before, by `open_ahead`.
        """
        if place.log in self._runs:
            self._end_run_beside(place.log, (each.content[DEVICE_AND_RUN] for each in said))
        ready, signed = _NOTHING_FOUND if ahead is None else ahead.one_by_one()
        sources, opened = self._opened(self._context.scopes.sealings(place), said, ready)
        unsigned = [each for each in opened if isinstance(each, Opened) and each.digest not in signed]
        stand = iter(vouched(self._sign_key, unsigned))
        outcomes: list[Outcome] = []
        for source, each, opening in zip(sources, said, opened, strict=True):
            if isinstance(source, _Source) and isinstance(opening, Opened):
                is_signed = opening.digest in signed or next(stand)
                outcomes.append(self._judged(source, each.place, opening) if is_signed else Reason.SIGNATURE)
            elif not isinstance(opening, Opened):
                outcomes.append(opening)
        self._heights.write()
        return outcomes

    def _end_run_beside(self, log: int, came: Iterable[bytes]) -> None:
        """`came`: devices and runs. Words of a copy of this home may stand where the last of this run would."""
        run, device_id = self._runs.get(log), self._copy.device_id
        if run is not None and any(each != device_id + run.id and each.startswith(device_id) for each in came):
            self.end_run(log)

    def open_ahead(
        self, place: Place, entries: Sequence[LogEntry], ahead: Ahead, ask: Ask | None = None
    ) -> Iterator[Asked | None]:
        """A few at each step, so that there is less to do when they are judged. What cannot be opened is left.

        `ask`: another program opens them; what is yielded has to be answered before the next step.
        """
        sealings = self._context.scopes.sealings(place)
        return Asking(entries, ahead, lambda content: self._run_words(sealings, content)).open(ask)

    def _run_words(self, sealings: Sequence[Sealing], content: bytes) -> RunWords | None:
        source = self._source(sealings, content)
        if not isinstance(source, _Source):
            return None
        return RunWords(source.run, content, source.author, source.sign_key)

    def believed(self, place: Place, stretches: Sequence[Stretch]) -> list[BelievedStretch] | None:
        """These, if each may be believed as a whole; None: they are to be judged word by word. Nothing is noted yet."""
        sealings, found = self._context.scopes.sealings(place), list[BelievedStretch]()
        for each in stretches:
            source = self._source(sealings, each.run_words.content)
            if not isinstance(source, _Source) or not self._is_believed(source, each):
                return None
            epoch = source.epoch[0]
            found.append(BelievedStretch(each, source.sealing.room_id, epoch.scope, epoch.height, source.places))
        return found

    def _is_believed(self, source: _Source, stretch: Stretch) -> bool:
        """As `_judged` would find of each of them: what they have in common is looked at once."""
        words, run_words = stretch.first, stretch.run_words
        until, author = source.sealing.until, (source.account, source.run.header.device_id)
        return (
            run_words.run.said_as == source.run.said_as
            and run_words.author == source.author
            and source.until == NEVER
            and (until is None or stretch.places[-1] < until)
            and self._copy.chain.holds(words.height, words.head)
            and source.places.may_follow(stretch.places, words.n)
            and judge_words(self._copy.chain, source.scope, source.epoch, author, words, stretch.places[0]) is None
        )

    def note_believed(self, log: int, believed: Sequence[BelievedStretch]) -> None:
        """They are believed. In the order of their first places."""
        self._end_run_beside(log, (each.stretch.run_words.device_and_run for each in believed))
        for each in believed:
            places, words = each.stretch.places, each.stretch.first
            device_id = each.stretch.run_words.run.header.device_id
            each.run_places.follow_all(places, words.n)
            self._judged_count += len(places)
            self._heights.note(each.room_id, places[0], words.height)
            self._copy.coming.note_named(self._copy.chain, device_id, words.height)
            self._note_own(each.room_id, device_id, places[-1], each.stretch.last_digest)
        self._heights.write()

    def _note_own(self, room_id: bytes, device_id: bytes, place: int, digest: bytes) -> None:
        if device_id == self._copy.device_id and place > self._own.get(room_id, (0, ZEROS))[0]:
            self._own[room_id] = place, digest

    def reopen(self, place: Place, said: Said) -> tuple[Opened, Where] | None:
        """What stands inside the seal, with its signature: for who has to show it to somebody else."""
        [source], [opened] = self._opened(self._context.scopes.sealings(place), [said], {})
        if not isinstance(source, _Source) or not isinstance(opened, Opened):
            return None
        return opened, Where(source.sealing.room_id, source.account, said.entry_id)

    def open_under(self, sealing: Sealing, epoch: Epoch, account_id: bytes, said: Said) -> Opened | Reason:
        """One alone, by its own signature, of a device that the chain has. Raises MalformedPacket."""
        header, _ = split_said(said.content)
        run = Run.of(self._run_keys(epoch, sealing.room_id, header), sealing.room_id, account_id, header)
        opening = _open(run, said)
        if isinstance(opening, Opened) and not vouched(self._sign_key, [opening])[0]:
            return Reason.SIGNATURE
        return opening

    def open_alone(self, place: Place, said: Said) -> Outcome:
        """What the server shows of a log of which the rest is not here. It is not remembered that it was shown."""
        [source], [opened] = self._opened(self._context.scopes.sealings(place), [said], {})
        if not isinstance(source, _Source) or not isinstance(opened, Opened):
            return Reason.FORM if isinstance(opened, Opened) else opened
        if not all(vouched(self._sign_key, [opened])):
            return Reason.SIGNATURE
        at = said.place
        why_not = _not_under(source, at) or self._doubt(source, at, opened.words) or self._said_after_end(source, at)
        return why_not or _body(source, opened)

    def has_ended(self, device_id: bytes) -> bool:
        return self._copy.chain.devices[device_id].until != NEVER

    def is_above_end(self, where: Place, place: int, device_id: bytes) -> bool:
        """Whether words of this device at that place are not believed, by what is known of the log by now."""
        ended = self._copy.chain.devices[device_id].until
        return any(
            self._heights.is_above_end(each.room_id, place, ended) or _has_ended_below(each, place, ended)
            for each in self._context.scopes.sealings(where)
        )

    def _sign_key(self, device_id: bytes) -> bytes:
        return self._copy.chain.devices[device_id].sign_key

    def _opened(
        self,
        sealings: Sequence[Sealing],
        said: Sequence[Said],
        ready: Mapping[int, Opened],
    ) -> tuple[list[_Source | Lacks | Reason], list[Opened | Lacks | Reason]]:
        """Those of one run begin alike: what they have in common is looked up once."""
        known: dict[bytes, _Source | Lacks | Reason] = {}
        sources: list[_Source | Lacks | Reason] = []
        opened: list[Opened | Lacks | Reason] = []
        for each in said:
            begins = each.content[:COMMON_BYTES] if len(each.content) >= HEADER_BYTES else b""
            source = known.get(begins)
            if source is None:
                source = known[begins] = self._source(sealings, each.content)
            sources.append(source)
            if not isinstance(source, _Source):
                opened.append(source)
            elif each.author != source.author:
                opened.append(Reason.DEVICE)
            else:
                opening = ready.get(each.place)
                is_ready = opening is not None and opening.said_as == source.run.said_as
                opened.append(opening if opening and is_ready else _open(source.run, each))
        return sources, opened

    def _source(self, sealings: Sequence[Sealing], content: bytes) -> _Source | Lacks | Reason:
        copy = self._copy
        try:
            header, _ = split_said(content)
        except MalformedPacket:
            return Reason.FORM
        sealing, device = _under(sealings, header.epoch_id), copy.chain.devices.get(header.device_id)
        if sealing is None or device is None:
            return Lacks.EPOCH
        epoch = sealing.copy.epochs[header.epoch_id]
        if sealing.copy.secret(header.epoch_id) is None:
            return Lacks.KEY
        keys, author = self._run_keys(epoch[0], sealing.room_id, header), copy.chain.accounts[device.account].name
        run = Run.of(keys, sealing.room_id, device.account, header)
        places = self._places_of((sealing.room_id, header.device_id, header.run))
        name = author.decode(errors="surrogateescape")
        scope, until, sign_key = sealing.copy.scope, device.until, device.sign_key
        return _Source(sealing, scope, epoch, device.account, name, until, sign_key, run, places, {})

    def _places_of(self, run: tuple[bytes, bytes, bytes]) -> RunPlaces:
        if self._judged_count >= _MAX_PLACES:
            self._places.clear()
            self._judged_count = 0
        places = self._places.get(run)
        if places is None:
            places = self._places[run] = RunPlaces()
        return places

    def _judged(self, source: _Source, place: int, opened: Opened) -> Outcome:
        words, sealing = opened.words, source.sealing
        if (not_under := _not_under(source, place)) is not None:
            return not_under
        since, head = source.named.get(words.height, _NEVER_NAMED)
        if since > place:
            doubt = self._doubt(source, place, words)
            if doubt is not None:
                return doubt
        misplaced = self._misplaced(source, place, words)
        if misplaced is not None:
            return misplaced
        if since > place or head != words.head:
            self._note_named(source, place, words)
        self._note_own(sealing.room_id, opened.header.device_id, place, opened.digest)
        return _body(source, opened)

    def _doubt(self, source: _Source, place: int, words: Words) -> Lacks | Reason | None:
        """By who reads there, and by what this device has of the chain."""
        author = source.account, source.run.header.device_id
        reason = judge_words(self._copy.chain, source.scope, source.epoch, author, words, place)
        if reason is Reason.NOT_YET_THERE:
            self.ahead[source.author] = max(words.height, self.ahead.get(source.author, 0))
        if reason is Reason.NOT_YET_THERE or (reason is Reason.RIGHTS and not source.sealing.copy.is_complete):
            return Lacks.CHAIN
        return reason

    def _misplaced(self, source: _Source, place: int, words: Words) -> Reason | None:
        """By what else stands in the log."""
        self._judged_count += 1
        room_id = source.sealing.room_id
        if not source.places.follow(place, words.n):
            if source.places.is_repeat(place, words.n):
                return Reason.KNOWN_ID
            overtaken = source.places.take(place, words.n)
            if overtaken is None:
                return Reason.TURNED_AROUND
            if overtaken:
                self._overtaken.setdefault(room_id, set()).update(overtaken)
        return self._said_after_end(source, place)

    def _said_after_end(self, source: _Source, place: int) -> Reason | None:
        has_ended = source.until != NEVER and (
            self._heights.is_above_end(source.sealing.room_id, place, source.until)
            or _has_ended_below(source.sealing, place, source.until)
        )
        return Reason.ENDED if has_ended else None

    def _note_named(self, source: _Source, place: int, words: Words) -> None:
        is_here = self._copy.chain.holds(words.height, words.head)
        if is_here:
            self._heights.note(source.sealing.room_id, place, words.height)
            self._copy.coming.note_named(self._copy.chain, source.run.header.device_id, words.height)
        source.named[words.height] = place, words.head if is_here else b""

    def named_below(self, body: Body, place: int) -> int:
        """The greatest height that was named, with its head, below that place of the log."""
        return self._heights.named_below(body.room_id, place)

    def take_overtaken(self, where: Place) -> set[int]:
        """The places of words that were believed, until later ones of their run came that stand lower."""
        room_ids = [each.room_id for each in self._context.scopes.sealings(where)]
        return set().union(*(self._overtaken.pop(each, set()) for each in room_ids))


def _not_under(source: _Source, place: int) -> Reason | None:
    """Nothing is sealed so any more, from a place of this log on."""
    until, scope = source.sealing.until, source.sealing.copy.scope
    if until is None or place < until:
        return None
    return Reason.SUITE if scope.has_statements else Reason.SCOPE


def _body(source: _Source, opened: Opened) -> Body:
    words, header, epoch, room_id = opened.words, opened.header, source.epoch[0], source.sealing.room_id
    return Body(words.body, header.device_id, header.run, words, opened.digest, room_id, epoch.scope, epoch.height)


def _under(sealings: Sequence[Sealing], epoch_id: bytes) -> Sealing | None:
    return next((each for each in sealings if epoch_id in each.copy.epochs), None)


def _has_ended_below(sealing: Sealing, place: int, ended: int) -> bool:
    """By a statement of an epoch, or an entry of the room, that lies below this place and names the end of a device."""
    copy = sealing.copy
    return ended != NEVER and copy.scope.has_statements and copy.first_place_naming(ended) < place


def _open(run: Run, said: Said) -> Opened | Reason:
    try:
        return run.open(said.entry_id, said.content)
    except MalformedPacket:
        return Reason.FORM
