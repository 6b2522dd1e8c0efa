"""Owns what this device does about the others of its account: it lets further ones in, and takes lost ones out."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from typing import NamedTuple

from lanline.client.sealing import deviceentries
from lanline.client.sealing.approval import Answer
from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.secrets import Secrets
from lanline.crypto.groups import ids
from lanline.crypto.groups.keys import SealingKey, SigningKey
from lanline.errors import MalformedPacket, RecordMissing, RefusalCode, RequestRefused
from lanline.model.devices import shown_hash_of
from lanline.model.invites import DEVICE_TOKEN_BYTES
from lanline.proto.chain.state import NEVER
from lanline.ticket import Steps, Ticket, follow
from lanline.wire.chat import devices as wire
from lanline.wire.chat import groups
from lanline.wire.chat.answers import Done
from lanline.wire.sealing.entries import DeviceKind, DeviceRecord, decode_device_record


class Waiting(NamedTuple):
    """A device that was left with the code which the person has typed here."""

    device: int
    label: str
    left_ms: int
    data: bytes
    record: DeviceRecord


class Devices:
    """Each change is settled when it stands in the chain, and those who read on have what they need."""

    def __init__(
        self,
        context: GroupContext,
        secrets: Secrets,
        wait_ready: Callable[[], Steps[None]],
        wait_epoch: Callable[[], Steps[None]],
    ) -> None:
        self._context = context
        self._secrets = secrets
        self._wait_ready = wait_ready
        self._wait_epoch = wait_epoch
        self.waiting: dict[int, wire.WaitingDevice] = {}
        """By the numbers of the server. Which of them are the person's own, only a code tells."""

    # Letting one in.

    def offer(self) -> Ticket[bytes]:
        """The token of a link: who has it comes in as a device of this account, for ten minutes, once."""
        return follow(self._offer())

    def _offer(self) -> Steps[bytes]:
        yield from self._wait_ready()
        token = self._context.entropy(DEVICE_TOKEN_BYTES)
        shown = ids.device_shown_of(ids.approval_key_of(ids.code_of_token(token)))
        yield from self._context.server.ask(wire.OfferDevice(0, shown_hash_of(shown)), Done)
        return token

    def has_waiting(self, code: str) -> bool:
        """As far as it was told."""
        key = ids.approval_key_of(code)
        return any(hmac.compare_digest(each.mark, ids.mark_of_new(key, each.record)) for each in self.waiting.values())

    def find(self, code: str) -> Ticket[Waiting]:
        """The device that shows this code. Raises RecordMissing, RequestRefused."""
        return follow(self._find(code))

    def _find(self, code: str) -> Steps[Waiting]:
        yield from self._wait_ready()
        found = yield from self._context.server.ask(wire.ListWaitingDevices(0), wire.WaitingDevices)
        self.waiting = {each.device: each for each in found.devices}
        key = ids.approval_key_of(code)
        for each in found.devices:
            if hmac.compare_digest(each.mark, ids.mark_of_new(key, each.record)):
                return Waiting(each.device, each.label, each.left_ms, each.record, self._checked(each.record))
        raise RecordMissing(
            "No device of yours waits with this code. Is it typed as it is shown? A code is good for ten minutes."
        )

    def _checked(self, data: bytes) -> DeviceRecord:
        """Who knows the code has left it; whether it is of this account is seen here."""
        try:
            record = decode_device_record(data)
            deviceentries.device_id_in(record)
        except MalformedPacket as cause:
            raise RequestRefused(RefusalCode.INVALID, "What the new device has left cannot be read.") from cause
        if record.group_id != self._context.copy.chain.group_id or record.account_id != self._context.copy.account_id:
            text = "The device that shows this code is shown another group or account than yours. Do not trust it."
            raise RequestRefused(RefusalCode.NOT_ALLOWED, text)
        return record

    def approve(self, waiting: Waiting, code: str) -> Ticket[None]:
        return follow(self._approve(waiting, code))

    def _approve(self, waiting: Waiting, code: str) -> Steps[None]:
        yield from self._wait_ready()
        context, device_id = self._context, deviceentries.device_id_in(waiting.record)
        yield from context.server.on_head(lambda: self._add_once(waiting.record, device_id))
        chain = context.copy.chain
        yield from self._secrets.give_seed([device_id])
        height = chain.devices[device_id].since
        head = chain.head_at(height)
        assert head is not None
        own_id = context.copy.device_id
        mark = ids.mark_of_old(ids.approval_key_of(code), waiting.data, height, head, own_id)
        answer = Answer(height, head, own_id, mark).encoded()
        yield from context.server.ask(wire.AnswerDevice(0, waiting.device, answer), Done)
        self.waiting.pop(waiting.device, None)

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
        content = deviceentries.added(context, record, DeviceKind.DEVICE, context.copy.signer)
        yield from context.append_once(lambda: groups.AppendKey(0, content))

    # Taking some out.

    def revoke(self, device_ids: Iterable[bytes]) -> Ticket[None]:
        """For good, and with a new key for the account: nothing that is said from then on is sealed to them."""
        return follow(self._revoke(tuple(device_ids)))

    def _revoke(self, gone: tuple[bytes, ...]) -> Steps[None]:
        yield from self._wait_ready()
        yield from self.take_out(gone, self._context.copy.signer)
        yield from self._wait_epoch()

    def take_out(self, gone: tuple[bytes, ...], signer: SigningKey) -> Steps[None]:
        """Signed by this device, or by the recovery key."""
        yield from self._context.server.on_head(lambda: self._turn_once(gone, signer))

    def _turn_once(self, wanted: tuple[bytes, ...], signer: SigningKey) -> Steps[None]:
        """A seed whose entry was refused is thrown away: its boxes are in the server's hands for ever."""
        context, account_id = self._context, self._context.copy.account_id
        account = context.copy.chain.accounts[account_id]
        gone = tuple(each for each in wanted if each in account.devices)
        if wanted and not gone:
            return
        seed, number = context.entropy(32), len(account.generations) + 1
        public = SealingKey.of_generation(seed).public_bytes
        yield from context.server.ask(groups.PutKeys(0, (public,)), Done)
        stay = [each for each in account.devices if each not in gone]
        yield from self._secrets.put_seed(stay, number, seed, ids.device_id_of(signer.public_bytes))
        content = deviceentries.turned(context, gone, seed, signer)
        yield from context.append_once(lambda: groups.AppendKey(0, content))
        self._secrets.keep_seed(number, seed)
