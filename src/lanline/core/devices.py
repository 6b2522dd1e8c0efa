"""Owns how a further device comes to an account, and waits for another one of it to take it into the group.

Neither lets it read: that takes an entry of the chain (`keyentries`), signed by a device that is in the group.
"""

from __future__ import annotations

import msgspec

from lanline.core.changes import DeviceAnswered, DeviceAsked, DeviceChanged
from lanline.core.commands import Authority, Command, Decision
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import AccountId, Device, DeviceId
from lanline.model.devices import DEVICE_WAITS_MS, DeviceOffer, DeviceRequest, shown_hash_of
from lanline.storage.api import Transaction, View

_MAX_OFFERS = 8
_ANSWERS_KEPT_MS = 24 * 3600 * 1000


class OfferDevice(Command[None], frozen=True):
    """From a device in the group: who shows this token comes in as a device of the account, for ten minutes, once."""

    shown_hash: bytes

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        check_in_group(transaction, by)
        _drop_stale(transaction, by)
        mine = [each for each in transaction.devices.offers(by.account) if each.until_ms is not None]
        if len(mine) >= _MAX_OFFERS:
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, "Many links for devices of yours are open. Wait.")
        if transaction.devices.offer(self.shown_hash) is not None:
            raise RequestRefused(RefusalCode.INVALID, "This link is there already.")
        until_ms = by.context.now_ms + DEVICE_WAITS_MS
        transaction.devices.put_offer(DeviceOffer(self.shown_hash, by.account, until_ms))
        return None, ()


class LeaveDevice(Command[bytes | None], frozen=True):
    """From a device that is not in the group: it waits. What it was answered meanwhile is given back."""

    record: bytes
    mark: bytes
    sealed_label: bytes = b""

    fills_disk = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[bytes | None]:
        by.check_person()
        _drop_stale(transaction, by)
        before = transaction.devices.request(by.actor.device)
        if (
            before is not None
            and before.answer is not None
            and (before.record, before.mark) == (self.record, self.mark)
        ):
            return before.answer, ()
        left = by.account, self.record, self.mark, by.context.now_ms
        request = DeviceRequest(by.actor.device, *left, sealed_label=self.sealed_label)
        transaction.devices.put_request(request)
        return None, (DeviceAsked(request),)


class AnswerDevice(Command[None], frozen=True):
    """From a device in the group, once the other one stands in the chain."""

    device: DeviceId
    answer: bytes

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        check_in_group(transaction, by)
        request = transaction.devices.request(self.device)
        if request is None or request.account != by.account:
            raise RequestRefused(RefusalCode.NOT_FOUND, "This device does not wait any more.")
        answered = msgspec.structs.replace(request, answer=self.answer)
        transaction.devices.put_request(answered)
        return None, (DeviceAnswered(answered),)


class ForgetLabel(Command[None], frozen=True):
    """Of a device of one's own: what it was called in plain."""

    device: DeviceId
    label: str
    """Not empty: an older client wants to have it called so."""

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        if self.label:
            text = "What devices are called is sealed now: upgrade Lanline on this device to name one."
            raise RequestRefused(RefusalCode.INVALID, text)
        device = transaction.accounts.device(self.device)
        if device is None or device.account != by.account:
            raise RequestRefused(RefusalCode.UNKNOWN_DEVICE, "There is no such device.")
        transaction.accounts.forget_label(device.id)
        return None, (DeviceChanged(msgspec.structs.replace(device, label="")),)


def check_in_group(view: View, by: Authority) -> None:
    """That the device that asks is a live one of a member, by the chain."""
    by.check_person()
    device = view.accounts.device(by.actor.device)
    if device is None or by.context.groups.at(view).member_by_link(device.fingerprint) is None:
        raise RequestRefused(RefusalCode.NOT_ALLOWED, "This device is not in the group yet.")


def waiting_devices(view: View, by: Authority) -> list[DeviceRequest]:
    """Of one's own account: those that nobody has answered yet."""
    oldest_ms = by.context.now_ms - DEVICE_WAITS_MS
    found = [each for each in view.devices.requests(by.account) if each.answer is None and each.left_ms >= oldest_ms]
    devices = {each.id for each in view.accounts.devices(by.account) if not each.is_revoked}
    return [each for each in found if each.device in devices]


def own_devices(view: View, by: Authority) -> list[Device]:
    by.check_person()
    return list(view.accounts.devices(by.account))


# Coming in by a token.


def offered_account(view: View, token: bytes | None, fingerprint: bytes, now_ms: int) -> AccountId | None:
    """As whose device somebody comes in who shows this."""
    offer = None if token is None else view.devices.offer(shown_hash_of(token))
    if offer is None or not offer.lets_in(fingerprint, now_ms):
        return None
    account = view.accounts.by_id(offer.account)
    return None if account is None or account.is_ended else account.id


def use_offer(transaction: Transaction, token: bytes, fingerprint: bytes, now_ms: int) -> None:
    """Raises RequestRefused where somebody else was quicker."""
    offer = transaction.devices.offer(shown_hash_of(token))
    if offer is None or not offer.lets_in(fingerprint, now_ms):
        raise RequestRefused(RefusalCode.INVITE_UNUSABLE, "The link was used by another device, or its time is over.")
    if offer.until_ms is not None:
        transaction.devices.put_offer(msgspec.structs.replace(offer, used_by=fingerprint))


def _drop_stale(transaction: Transaction, by: Authority) -> None:
    now_ms = by.context.now_ms
    transaction.devices.drop_stale(now_ms, now_ms - _ANSWERS_KEPT_MS)
