"""Owns the labels that this device knows of the devices of its account, and by whose word they count.

A device says its own label, and a person may give any of theirs another; of two the later one counts. A label that was
given on another device, or told by one, counts as long as that is not taken out: a thief may have given it. So a device
passes on only what it heard from the device on which the label was given.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.keystore import KeptLabel
from lanline.errors import InvalidInput
from lanline.model.content import DeviceLabel, KnownDevices, check_content
from lanline.model.devices import checked_label
from lanline.ticket import Steps
from lanline.wire.chat import devices as wire
from lanline.wire.chat.answers import Done
from lanline.wire.sealing.entries import DeviceKind

FIRST_MS = 1
"""The time of a label that a server had in plain, or that a device gave while it waited: any other is later."""
_AHEAD_MS = 24 * 3600 * 1000
"""So far clocks may differ. A thief who could choose any time would have a label that nothing is later than."""


class KnownLabels:
    def __init__(self, context: GroupContext) -> None:
        self._context = context

    @property
    def live(self) -> list[bytes]:
        """The devices of this account; a recovery key is none."""
        chain, account_id = self._context.copy.chain, self._context.copy.account_id
        devices = chain.accounts[account_id].devices if account_id in chain.accounts else ()
        return sorted(each for each in devices if chain.devices[each].kind is DeviceKind.DEVICE)

    def of(self, device_id: bytes) -> str:
        """Empty: nobody has said yet what it is called."""
        called = self._standing(device_id)
        if called is not None:
            return called.label
        own = self._context.label if device_id == self._context.copy.device_id else ""
        return checked_label(own) if own else ""

    def stands(self, device_id: bytes) -> bool:
        """It has a label that counts."""
        return self._standing(device_id) is not None

    def told(self) -> tuple[DeviceLabel, ...]:
        """All labels that count, of live devices, as far as this device may pass them on."""
        known = ((each, self._standing(each)) for each in self.live)
        return tuple(_label(each, called) for each, called in known if called is not None and called.via == called.by)

    def rename(self, device_id: bytes, label: str, named_ms: int | None = None) -> DeviceLabel:
        """By the person, on this device. `named_ms`: where the label is an older one."""
        before = self._standing(device_id)
        later_ms = max(self._context.clock.now_ms(), 0 if before is None else before.named_ms + 1)
        own = self._context.copy.device_id.hex()
        called = KeptLabel(checked_label(label), later_ms if named_ms is None else named_ms, own, own)
        said = _label(device_id, called)
        check_content(KnownDevices((said,)))
        self._context.keys.labels[device_id] = called
        self._keep()
        return said

    def take_plain(self) -> Steps[None]:
        """Labels that the server has from before they were sealed are kept here, and the server forgets them."""
        context, chain = self._context, self._context.copy.chain
        links = {chain.devices[each].link_fingerprint: each for each in self.live}
        found = yield from context.server.ask(wire.ListOwnDevices(0), wire.OwnDevices)
        for each in found.devices:
            device_id = links.get(each.fingerprint)
            if each.label and device_id is not None:
                if self._standing(device_id) is None:
                    self.rename(device_id, each.label, FIRST_MS)
                yield from context.server.ask(wire.ForgetLabel(0, each.device), Done)

    def learn(self, via: bytes, labels: Iterable[DeviceLabel]) -> bool:
        """What the device `via` has told; whether it is news. Of equal ones that which may be passed on is kept."""
        keys, before = self._context.keys, dict(self._context.keys.labels)
        latest_ms = self._context.clock.now_ms() + _AHEAD_MS
        for each in labels:
            called = KeptLabel(each.label, each.named_ms, each.by.hex(), via.hex())
            known = self._standing(each.device_id)
            is_believed = each.named_ms <= latest_ms and self._is_own(each.device_id)
            if is_believed and self._counts(each.device_id, called) and (known is None or _rank(called) > _rank(known)):
                keys.labels[each.device_id] = called
        if keys.labels == before:
            return False
        self._keep()
        return True

    def _keep(self) -> None:
        """Of devices that are or were in the account, and of no others: a thief may have said any number of those."""
        keys = self._context.keys
        keys.labels = {each: called for each, called in keys.labels.items() if self._is_own(each)}
        keys.save()

    def _is_own(self, device_id: bytes) -> bool:
        device = self._context.copy.chain.devices.get(device_id)
        return device is not None and device.account == self._context.copy.account_id

    def _standing(self, device_id: bytes) -> KeptLabel | None:
        called = self._context.keys.labels.get(device_id)
        return called if called is not None and _fits(device_id, called) and self._counts(device_id, called) else None

    def _counts(self, device_id: bytes, called: KeptLabel) -> bool:
        copy, trusted = self._context.copy, {device_id, self._context.copy.device_id}
        of = {bytes.fromhex(called.by), bytes.fromhex(called.via)} - trusted
        return all(copy.people.is_own_device(copy.chain, each) for each in of)


def _label(device_id: bytes, called: KeptLabel) -> DeviceLabel:
    return DeviceLabel(device_id, called.label, called.named_ms, bytes.fromhex(called.by))


def _fits(device_id: bytes, called: KeptLabel) -> bool:
    """It can be said, and so can a later one."""
    later = msgspec.structs.replace(called, named_ms=called.named_ms + 1)
    try:
        check_content(KnownDevices((_label(device_id, later),)))
    except InvalidInput:
        return False
    return True


def _rank(called: KeptLabel) -> tuple[int, str, bool]:
    return called.named_ms, called.label, called.via == called.by
