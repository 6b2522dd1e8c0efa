"""Owns what this device does about the devices of its account: it waits to be let in, lets others in, takes lost ones
out, and signs these entries: docs/protocol/sealing.md, 6.

Until it is proven that another one takes it in, it believes nothing: both ends prove to each other that they have the
code, which the server never sees.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Iterable
from typing import NamedTuple

from lanline.chain.state import NEVER
from lanline.client.sealing.context import GroupContext, WaitFor
from lanline.client.sealing.devicelabels import FIRST_MS, KnownLabels
from lanline.client.sealing.secrets import Secrets
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import seal_prior
from lanline.crypto.groups.keys import SealingKey, SigningKey, hash_of_key
from lanline.crypto.groups.labels import NONCE_BYTES, open_label, seal_label
from lanline.errors import MalformedPacket, RecordMissing, RefusalCode, RequestRefused
from lanline.model.devices import DEVICE_WAITS_MS, NAMELESS, checked_label, shown_hash_of
from lanline.model.invites import DEVICE_TOKEN_BYTES
from lanline.ticket import Steps, in_steps
from lanline.wire.chat import devices as wire
from lanline.wire.chat import groups
from lanline.wire.chat.answers import Done
from lanline.wire.sealing import entries
from lanline.wire.sealing.entries import DeviceKind, DeviceRecord, decode_device_record
from lanline.wire.sealing.strict import ZEROS, encode_strictly


def device_record(context: GroupContext, account_id: bytes) -> DeviceRecord:
    """Of this device, as one more of that account."""
    return _record_of(context, account_id, context.keys.device_secret, context.link_fingerprint)


def recovery_record(context: GroupContext, account_id: bytes, secret: bytes) -> DeviceRecord:
    return _record_of(context, account_id, secret, ZEROS)


def _record_of(context: GroupContext, account_id: bytes, secret: bytes, link_fingerprint: bytes) -> DeviceRecord:
    signer, group_id = SigningKey.of_device(secret), context.copy.chain.group_id
    seal_hash = hash_of_key(SealingKey.of_device(secret).public_bytes)
    device = encode_strictly(entries.NewDevice(signer.public_bytes, seal_hash, link_fingerprint))
    return DeviceRecord(group_id, account_id, device, signer.sign(ids.NEW_DEVICE + group_id + account_id + device))


def device_id_in(record: DeviceRecord) -> bytes:
    """Raises MalformedPacket."""
    return ids.device_id_of(entries.decode_device(record.device).sign_key)


def added_entry(context: GroupContext, record: DeviceRecord, kind: DeviceKind, signer: SigningKey) -> bytes:
    """On the head of the chain, signed by this device or by the recovery key."""
    return _signed(signer, entries.AddDevice(*_place(context), record.device, kind, record.proof))


def turned_entry(context: GroupContext, gone: tuple[bytes, ...], seed: bytes, signer: SigningKey) -> bytes:
    """Those are out, and the account's key is another, made from this seed."""
    account_id, before = context.copy.account_id, context.newest_seed
    number = len(context.copy.chain.accounts[account_id].generations) + 1
    prior = None if before is None else seal_prior(seed, account_id, number, before)
    seal_hash = hash_of_key(SealingKey.of_generation(seed).public_bytes)
    return _signed(signer, entries.Turn(*_place(context), tuple(sorted(gone)), number, seal_hash, prior))


def _place(context: GroupContext) -> tuple[bytes, int, bytes, int]:
    chain = context.copy.chain
    return chain.group_id, chain.height + 1, chain.head, context.now_ms()


def _signed(signer: SigningKey, body: entries.Body) -> bytes:
    data = encode_strictly(body)
    device_id = ids.device_id_of(signer.public_bytes)
    return entries.encode_entry(data, device_id, signer.sign(ids.KEY_ENTRY + data))


_CODE_BYTES = 13
_MAX_WAITING = 100


def spaced(code: str) -> str:
    """For a person to read."""
    return " ".join(code[start : start + 5] for start in range(0, len(code), 5))


def waiting_text(code: str) -> str:
    return f"This device reads nothing yet. On another device of yours: lanline devices approve '{spaced(code)}'"


class DeviceAnswer(NamedTuple):
    """Of the device that took this one in: up to where it saw which chain, and its proof."""

    height: int
    head: bytes
    device_id: bytes
    mark: bytes

    @classmethod
    def of(cls, data: bytes) -> DeviceAnswer:
        return cls(int.from_bytes(data[:8], "big"), data[8:40], data[40:56], data[56:])

    def encoded(self) -> bytes:
        return self.height.to_bytes(8, "big") + self.head + self.device_id + self.mark


class Approval:
    def __init__(self, context: GroupContext) -> None:
        self._context = context
        self._asked_as: str | None = None
        """With which code it was asked on this link."""
        self.answer: DeviceAnswer | None = None

    def end_link(self) -> None:
        self._asked_as = None
        self.answer = None

    @property
    def has_asked(self) -> bool:
        """And the code is still good."""
        keys = self._context.keys
        return self._asked_as is not None and self._asked_as == keys.code and not self._is_over

    @property
    def _is_over(self) -> bool:
        return self._context.now_ms() >= self._context.keys.code_until_ms

    def ask(self, account_id: bytes) -> Steps[None]:
        context, keys = self._context, self._context.keys
        if keys.code is None or self._is_over:
            keys.code = ids.approval_code_of(context.entropy(_CODE_BYTES))
            keys.code_until_ms = context.now_ms() + DEVICE_WAITS_MS
            keys.save()
        record = self._record(account_id)
        key = ids.approval_key_of(keys.code)
        yield from context.server.ask(groups.PutKeys(0, (context.own.device_key.public_bytes,)), Done)
        label = checked_label(context.label)
        sealed = seal_label(key, record, label, context.entropy(NONCE_BYTES)) if context.label else b""
        left = wire.LeaveDevice(0, record, ids.mark_of_new(key, record), sealed)
        answer = yield from context.server.ask(left, Done, wire.DeviceAnswered)
        self._asked_as = keys.code
        if isinstance(answer, wire.DeviceAnswered):
            self.answer = DeviceAnswer.of(answer.answer)

    def _record(self, account_id: bytes) -> bytes:
        return encode_strictly(device_record(self._context, account_id))

    def check(self, account_id: bytes) -> Steps[None]:
        """Whether it comes from who was given the code, and the chain here is the one seen there."""
        answer, context, code = self.answer, self._context, self._context.keys.code
        assert answer is not None
        assert code is not None
        self.answer = None
        height, head, device_id, mark = answer
        proof = ids.mark_of_old(ids.approval_key_of(code), self._record(account_id), height, head, device_id)
        if not hmac.compare_digest(mark, proof):
            raise _refused("The answer does not come from a device that was given the code of this one.")
        yield from context.server.wait_until(lambda: context.copy.chain.height >= height)
        mine = context.copy.chain.live_device(context.copy.device_id)
        if context.copy.chain.head_at(height) != head or mine is None or mine.account != account_id:
            raise _refused("The server shows this device another group than the one that your other device sees.")
        context.keys.code = None
        context.keys.save()


def _refused(why: str) -> RequestRefused:
    return RequestRefused(RefusalCode.INVALID, f"{why} Nothing was joined: ask whoever runs the server.")


class DeviceToApprove(NamedTuple):
    """A device that was left with the code which the person has typed here."""

    device: int
    label: str
    left_ms: int
    data: bytes
    record: DeviceRecord


class Devices:
    """Each change is settled when it stands in the chain, and those who read on have what they need."""

    def __init__(self, context: GroupContext, secrets: Secrets, wait_for: WaitFor) -> None:
        self._context = context
        self._secrets = secrets
        self._wait_for = wait_for
        self.labels = KnownLabels(context)
        self.waiting: dict[int, wire.WaitingDevice] = {}
        """By the numbers of the server. Which of them are the person's own, only a code tells."""
        self._heights: dict[int, int] = {}
        """Of the chain, when each of them was first told of."""

    # Letting one in.

    def note_waiting(self, waiting: wire.WaitingDevice) -> None:
        """By the server's word; of more than it may keep the oldest go."""
        self.waiting[waiting.device] = waiting
        self._heights.setdefault(waiting.device, self._context.copy.chain.height)
        while len(self.waiting) > _MAX_WAITING:
            oldest = next(iter(self.waiting))
            del self.waiting[oldest], self._heights[oldest]

    @property
    def asking(self) -> list[int]:
        """The numbers of those whose code is still good, and that nobody has let in meanwhile."""
        now_ms, each_waiting = self._context.now_ms(), self.waiting.values()
        good = [each for each in each_waiting if each.left_ms + DEVICE_WAITS_MS > now_ms]
        return [each.device for each in good if not self._is_let_in(each)]

    def _is_let_in(self, waiting: wire.WaitingDevice) -> bool:
        """Since it was told of: who repeats the record of one that is in is none of these."""
        try:
            device_id = device_id_in(decode_device_record(waiting.record))
        except MalformedPacket:
            return False
        copy = self._context.copy
        known = copy.chain.live_device(device_id)
        return known is not None and known.account == copy.account_id and known.since > self._heights[waiting.device]

    @in_steps
    def offer(self) -> Steps[bytes]:
        """The token of a link: who has it comes in as a device of this account, for ten minutes, once."""
        yield from self._wait_for.membership()
        token = self._context.entropy(DEVICE_TOKEN_BYTES)
        shown = ids.device_shown_of(ids.approval_key_of(ids.code_of_token(token)))
        yield from self._context.server.ask(wire.OfferDevice(0, shown_hash_of(shown)), Done)
        return token

    def has_waiting(self, code: str) -> bool:
        """As far as it was told."""
        key = ids.approval_key_of(code)
        return any(hmac.compare_digest(each.mark, ids.mark_of_new(key, each.record)) for each in self.waiting.values())

    @in_steps
    def find(self, code: str) -> Steps[DeviceToApprove]:
        """The device that shows this code. Raises RecordMissing, RequestRefused."""
        yield from self._wait_for.membership()
        found = yield from self._context.server.ask(wire.ListWaitingDevices(0), wire.WaitingDevices)
        heights = self._heights
        self.waiting, self._heights = {}, {}
        for each in found.devices:
            self.note_waiting(each)
            self._heights[each.device] = heights.get(each.device, self._heights[each.device])
        key = ids.approval_key_of(code)
        for each in found.devices:
            if hmac.compare_digest(each.mark, ids.mark_of_new(key, each.record)):
                label = checked_label(open_label(key, each.record, each.sealed_label))
                return DeviceToApprove(each.device, label, each.left_ms, each.record, self._checked(each.record))
        raise RecordMissing(
            "No device of yours waits with this code. Is it typed as it is shown? A code is good for ten "
            "minutes, for one device: lanline devices shows which are in."
        )

    def _checked(self, data: bytes) -> DeviceRecord:
        """Who knows the code has left it; whether it is of this account is seen here."""
        try:
            record = decode_device_record(data)
            device_id_in(record)
        except MalformedPacket as cause:
            raise RequestRefused(RefusalCode.INVALID, "What the new device has left cannot be read.") from cause
        if record.group_id != self._context.copy.chain.group_id or record.account_id != self._context.copy.account_id:
            text = "The device that shows this code is shown another group or account than yours. Do not trust it."
            raise RequestRefused(RefusalCode.NOT_ALLOWED, text)
        return record

    @in_steps
    def approve(self, waiting: DeviceToApprove, code: str) -> Steps[None]:
        yield from self._wait_for.membership()
        context, device_id = self._context, device_id_in(waiting.record)
        yield from context.server.on_head(lambda: self._add_once(waiting.record, device_id))
        chain = context.copy.chain
        yield from self._secrets.give_seed([device_id])
        height = chain.devices[device_id].since
        head = chain.head_at(height)
        assert head is not None
        own_id = context.copy.device_id
        mark = ids.mark_of_old(ids.approval_key_of(code), waiting.data, height, head, own_id)
        answer = DeviceAnswer(height, head, own_id, mark).encoded()
        yield from context.server.ask(wire.AnswerDevice(0, waiting.device, answer), Done)
        if waiting.label != NAMELESS and not self.labels.stands(device_id):
            self.labels.rename(device_id, waiting.label, FIRST_MS)
        self.waiting.pop(waiting.device, None)
        self._heights.pop(waiting.device, None)

    def _add_once(self, record: DeviceRecord, device_id: bytes) -> Steps[None]:
        """Another device of the account may have been quicker: then it stands."""
        context = self._context
        known = context.copy.chain.devices.get(device_id)
        if known is not None and known.account == context.copy.account_id and known.until == NEVER:
            return
        if known is not None:
            text = "This device was taken out of an account before. It comes in again with a new home folder only."
            raise RequestRefused(RefusalCode.INVALID, text)
        if not context.copy.is_member:
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "This device is not in your account any more.")
        content = added_entry(context, record, DeviceKind.DEVICE, context.copy.signer)
        yield from context.append_once(lambda: groups.AppendKey(0, content))

    # Taking some out.

    @in_steps
    def revoke(self, device_ids: Iterable[bytes]) -> Steps[None]:
        """For good, and with a new key for the account: nothing that is said from then on is sealed to them."""
        gone = tuple(device_ids)
        yield from self._wait_for.membership()
        yield from self.take_out(gone, self._context.copy.signer)
        yield from self._wait_for.epoch()

    def turn_again(self) -> Steps[None] | None:
        """Where the chain that was taken after a restore has lost the end of a device of this account: no person has to
        see to it, and nothing is said before.
        """
        context = self._context
        devices = context.copy.chain.devices
        gone = tuple(each for each in context.copy.own_come_back if devices[each].kind is DeviceKind.DEVICE)
        if not gone:
            return None
        return self.take_out(gone, context.copy.signer) if context.has_newest_seed else self._secrets.fetch_seed()

    @property
    def is_alone(self) -> bool:
        """No other device of the account is live."""
        copy = self._context.copy
        return copy.chain.live_devices(copy.account_id) == [copy.device_id]

    def take_out(self, gone: tuple[bytes, ...], signer: SigningKey) -> Steps[None]:
        """Signed by this device, or by the recovery key."""
        yield from self._context.server.on_head(lambda: self._turn_once(gone, signer))

    def _turn_once(self, wanted: tuple[bytes, ...], signer: SigningKey) -> Steps[None]:
        """A seed whose entry was refused is thrown away: its boxes are in the server's hands for ever."""
        context, account_id = self._context, self._context.copy.account_id
        if not (context.has_newest_seed or self.is_alone):  # another device has just made it
            with contextlib.suppress(RequestRefused):
                yield from self._secrets.fetch_seed()
        account = context.copy.chain.accounts[account_id]
        gone = tuple(each for each in wanted if each in account.devices)
        if wanted and not gone:
            return
        seed, number = context.entropy(32), len(account.generations) + 1
        public = SealingKey.of_generation(seed).public_bytes
        yield from context.server.ask(groups.PutKeys(0, (public,)), Done)
        stay = [each for each in account.devices if each not in gone]
        yield from self._secrets.put_seed(stay, number, seed, ids.device_id_of(signer.public_bytes))
        if context.copy.chain.accounts[account_id] != account:  # another device was quicker: that seed is not for these
            raise RequestRefused(RefusalCode.STALE_CHAIN, "Your devices have changed meanwhile.")
        content = turned_entry(context, gone, seed, signer)
        yield from context.append_once(lambda: groups.AppendKey(0, content))
        self._secrets.keep_seed(number, seed)
