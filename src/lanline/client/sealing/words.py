"""Owns how this device seals what it says in a conversation, and opens what others have said there. Not its tables.

What is opened is believed only where everybody would: docs/protocol/sealing.md, 5. The author is who has signed, by the
chain; where the server says otherwise, nothing is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.logchain import NOTHING, Seen
from lanline.client.sealing.scopes import Place, Sealing
from lanline.client.sealing.seenheights import SeenHeights
from lanline.crypto.groups.epochs import room_key_of
from lanline.crypto.groups.said import CHANCE_BYTES, Opened, RunKeys, Where, open_words, seal_words, vouched
from lanline.errors import MalformedPacket
from lanline.proto.chain.epochs import Epoch
from lanline.proto.chain.reasons import Reason
from lanline.proto.chain.state import NEVER, Chain
from lanline.proto.chain.words import judge_words
from lanline.wire.sealing.said import Header, Words, split_said
from lanline.wire.sealing.strict import ZEROS, encode_strictly

_RUN_BYTES = 16
_MAX_KEYS = 1000
_MAX_PLACES = 100_000
_MAX_OVERTAKEN = 1000


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


class Body(NamedTuple):
    """What was said, and believed."""

    body: bytes
    device_id: bytes
    run: bytes
    words: Words


Outcome = Body | Lacks | Reason


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
        self._places: dict[tuple[bytes, bytes, bytes, int], int] = {}
        """Where words stand, by room, device, run and number."""
        self._heights = SeenHeights(context.tables)
        self._ends: dict[tuple[bytes, bytes, bytes], tuple[tuple[int, int], tuple[int, int]]] = {}
        """By room, device and run, the place and the number of the first and of the last that were judged."""
        self._overtaken: dict[bytes, set[int]] = {}
        """By room; see `take_overtaken`."""
        self._keys: dict[tuple[bytes, bytes, bytes, bytes], RunKeys] = {}

    @property
    def chain(self) -> Chain:
        return self._copy.chain

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
        words = Words(
            run.n,
            run.prev,
            self._context.now_ms(),
            copy.chain.height,
            copy.chain.head,
            self._context.history,
            *seen,
            (),
            body,
        )
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
        self._ends.clear()
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

    def open(self, place: Place, said: Sequence[Said]) -> list[Outcome]:
        """In the order of their places."""
        sealings = self._context.scopes.sealings(place)
        opened = [self._opened(sealings, each) for each in said]
        true = [each for each in opened if isinstance(each, Opened)]
        stand = iter(vouched(self._sign_key, true))
        return [
            self._judged(sealings, each, opening, is_vouched=next(stand)) if isinstance(opening, Opened) else opening
            for each, opening in zip(said, opened, strict=True)
        ]

    def reopen(self, place: Place, said: Said) -> tuple[Opened, Where] | None:
        """What stands inside the seal, with its signature: for who has to show it to somebody else."""
        sealings = self._context.scopes.sealings(place)
        opened = self._opened(sealings, said)
        if not isinstance(opened, Opened):
            return None
        sealing = _under(sealings, opened.header.epoch_id)
        assert sealing is not None
        account = self._copy.chain.devices[opened.header.device_id].account
        return opened, Where(sealing.room_id, account, said.entry_id)

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

    def _opened(self, sealings: Sequence[Sealing], said: Said) -> Opened | Lacks | Reason:
        copy = self._copy
        try:
            header, _ = split_said(said.content)
        except MalformedPacket:
            return Reason.FORM
        sealing, device = _under(sealings, header.epoch_id), copy.chain.devices.get(header.device_id)
        if sealing is None or device is None:
            return Lacks.EPOCH
        epoch, _ = sealing.copy.epochs[header.epoch_id]
        if sealing.copy.secret(epoch.epoch_id) is None:
            return Lacks.KEY
        if copy.chain.accounts[device.account].name != said.author.encode():
            return Reason.DEVICE
        try:
            keys = self._run_keys(epoch, sealing.room_id, header)
            return open_words(keys, Where(sealing.room_id, device.account, said.entry_id), said.content)
        except MalformedPacket:
            return Reason.FORM

    def _judged(self, sealings: Sequence[Sealing], said: Said, opened: Opened, *, is_vouched: bool) -> Outcome:
        copy, header, words = self._copy, opened.header, opened.words
        if not is_vouched:
            return Reason.SIGNATURE
        author = copy.chain.devices[header.device_id].account, header.device_id
        sealing = _under(sealings, header.epoch_id)
        assert sealing is not None
        if sealing.until is not None and said.place >= sealing.until:
            return Reason.SCOPE
        epoch = sealing.copy.epochs[header.epoch_id]
        reason = judge_words(copy.chain, sealing.copy.scope, epoch, author, words, said.place)
        if reason is Reason.NOT_YET_THERE or (reason is Reason.RIGHTS and not sealing.copy.is_complete):
            return Lacks.CHAIN
        if reason is not None or self._is_repeat(sealing, said, opened):
            return reason or Reason.KNOWN_ID
        misplaced = self._misplaced(sealing, said, opened)
        if misplaced is not None:
            return misplaced
        if header.device_id == copy.device_id and said.place > self._own.get(sealing.room_id, (0, ZEROS))[0]:
            self._own[sealing.room_id] = said.place, opened.digest
        return Body(words.body, header.device_id, header.run, words)

    def _is_repeat(self, sealing: Sealing, said: Said, opened: Opened) -> bool:
        """Of two with the same number in a run the one at the lower place stands."""
        if len(self._places) >= _MAX_PLACES:
            self._places.clear()
            self._ends.clear()
        key = (*_run_of(sealing, opened), opened.words.n)
        stands = self._places.get(key, said.place)
        self._places[key] = min(stands, said.place)
        return stands < said.place

    def _misplaced(self, sealing: Sealing, said: Said, opened: Opened) -> Reason | None:
        """By what else stands in the log."""
        if self._is_turned_around(sealing, said, opened):
            return Reason.TURNED_AROUND
        chain, words = self._copy.chain, opened.words
        ended = chain.devices[opened.header.device_id].until
        if self._heights.is_above_end(sealing.room_id, said.place, ended) or _has_ended_below(
            sealing, said.place, ended
        ):
            return Reason.ENDED
        if chain.holds(words.height, words.head):
            self._heights.note(sealing.room_id, said.place, words.height)
        return None

    def _is_turned_around(self, sealing: Sealing, said: Said, opened: Opened) -> bool:
        """In a run places rise with the numbers. What stands lower is right, also when it is read later."""
        run, this = _run_of(sealing, opened), (said.place, opened.words.n)
        first, last = self._ends.get(run, (this, this))
        if this[0] > last[0] and this[1] < last[1]:
            return True
        if this[0] < first[0] and this[1] > first[1]:
            above = {self._places.get((*run, n), 0) for n in range(max(first[1], this[1] - _MAX_OVERTAKEN), this[1])}
            self._overtaken.setdefault(sealing.room_id, set()).update(each for each in above if each > this[0])
            last = this if last[1] < this[1] else last
        self._ends[run] = min(first, this), max(last, this)
        return False

    def take_overtaken(self, where: Place) -> set[int]:
        """The places of words that were believed, until later ones of their run came that stand lower."""
        room_ids = [each.room_id for each in self._context.scopes.sealings(where)]
        return set().union(*(self._overtaken.pop(each, set()) for each in room_ids))


def _under(sealings: Sequence[Sealing], epoch_id: bytes) -> Sealing | None:
    return next((each for each in sealings if epoch_id in each.copy.epochs), None)


def _has_ended_below(sealing: Sealing, place: int, ended: int) -> bool:
    """By a statement of an epoch that lies below this place of the log, and names the end of a device."""
    copy = sealing.copy
    if ended == NEVER or not copy.scope.has_statements:
        return False
    return any(epoch.height >= ended and at < place for epoch, at in copy.epochs.values())


def _run_of(sealing: Sealing, opened: Opened) -> tuple[bytes, bytes, bytes]:
    return sealing.room_id, opened.header.device_id, opened.header.run
