"""Owns how this device seals what it says in a conversation, and opens what others have said there. Not its tables.

What is opened is believed only where everybody would: docs/protocol/sealing.md, 5. The author is who has signed, by the
chain; where the server says otherwise, nothing is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.scopes import Place, Sealing
from lanline.crypto.groups.epochs import room_key_of
from lanline.crypto.groups.said import CHANCE_BYTES, Opened, RunKeys, Where, open_words, seal_words, vouched
from lanline.errors import MalformedPacket
from lanline.proto.chain.epochs import Epoch
from lanline.proto.chain.reasons import Reason
from lanline.proto.chain.words import judge_words
from lanline.wire.sealing.said import Header, Words, split_said
from lanline.wire.sealing.strict import ZEROS, encode_strictly

_RUN_BYTES = 16
_NO_HISTORY = bytes(8)
_MAX_KEYS = 1000


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
    n: int


Outcome = Body | Lacks | Reason


class _Run:
    """Of this program in one log: in memory only, so that a copied or restored home repeats nothing."""

    __slots__ = ("id", "n", "prev", "room_id")

    def __init__(self, run: bytes, room_id: bytes) -> None:
        self.id = run
        self.room_id = room_id
        self.n = 0
        self.prev = ZEROS


class GroupWords:
    def __init__(self, context: GroupContext) -> None:
        self._context = context
        self._copy = context.copy
        self._runs: dict[int, _Run] = {}
        self._keys: dict[tuple[bytes, bytes, bytes, bytes], RunKeys] = {}

    # Sealing.

    def seal(self, place: Place, entry_id: bytes, body: bytes) -> bytes | None:
        """None: there is no epoch to seal under just now."""
        copy, sealing = self._copy, self._context.scopes.sealing(place)
        if sealing is None or not copy.is_member or copy.is_behind or copy.problem or not sealing.copy.may_begin:
            return None
        epoch, room_id = sealing.copy.sealing_epoch(), sealing.room_id
        if epoch is None:
            return None
        run = self._runs.get(place.log)
        if run is None or run.room_id != room_id:
            run = self._runs[place.log] = _Run(self._context.entropy(_RUN_BYTES), room_id)
        header = Header(epoch.epoch_id, copy.device_id, run.id, b"")
        words = Words(
            run.n,
            run.prev,
            self._context.now_ms(),
            copy.chain.height,
            copy.chain.head,
            _NO_HISTORY,
            0,
            ZEROS,
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
        epoch = sealing.copy.epochs[header.epoch_id]
        reason = judge_words(copy.chain, sealing.copy.scope, epoch, author, words, said.place)
        if reason is Reason.NOT_YET_THERE:
            return Lacks.CHAIN
        return reason or Body(words.body, header.device_id, header.run, words.n)


def _under(sealings: Sequence[Sealing], epoch_id: bytes) -> Sealing | None:
    return next((each for each in sealings if epoch_id in each.copy.epochs), None)
