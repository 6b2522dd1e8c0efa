"""Owns the recovery key of the own account: how it is made, and how a device comes in by it when all others are lost.

It outranks every device: none can remove it, or put another one beside it (docs/protocol/sealing.md, 3.3).
"""

from __future__ import annotations

from typing import NamedTuple

from lanline.client.sealing import devices
from lanline.client.sealing.context import GroupContext, WaitFor
from lanline.client.sealing.devices import Devices
from lanline.client.sealing.secrets import Secrets
from lanline.crypto.groups import ids
from lanline.crypto.groups.keys import SealingKey, SigningKey
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.devices import shown_hash_of
from lanline.ticket import Steps, in_steps
from lanline.wire.chat import devices as wire
from lanline.wire.chat import groups
from lanline.wire.chat.answers import Done
from lanline.wire.sealing.entries import DeviceKind


class SeenGroup(NamedTuple):
    """What a recovery file says of the group, as it was when the file was made. Words say nothing of it."""

    group_id: bytes
    height: int
    head: bytes


class Recovery:
    def __init__(self, context: GroupContext, secrets: Secrets, devices: Devices, wait_for: WaitFor) -> None:
        self._context = context
        self._secrets = secrets
        self._devices = devices
        self._wait_for = wait_for

    @in_steps
    def make(self, before: bytes | None = None) -> Steps[bytes]:
        """The 16 bytes behind its words, which the person alone keeps. `before`: those of the key that it replaces."""
        yield from self._wait_for.membership()
        context = self._context
        account_id, signer = context.copy.account_id, context.copy.signer
        there, unshown = context.copy.chain.recovery_keys(account_id), context.keys.unshown
        chance = unshown if unshown is not None and self.is_right(unshown) else None
        if there and before is None and chance is None:
            text = "You have a recovery key. Only with its words another one is made: lanline recovery make --again"
            raise RequestRefused(RefusalCode.NOT_ALLOWED, text)
        if before is not None:
            signer = SigningKey.of_device(ids.recovery_secret_of(before))
            if ids.device_id_of(signer.public_bytes) not in there:
                raise RequestRefused(RefusalCode.BAD_CREDENTIALS, "These are not the words of your recovery key.")
        if chance is None:
            chance = context.entropy(ids.RECOVERY_BYTES)
            yield from self.add(chance, signer)
        new = SigningKey.of_device(ids.recovery_secret_of(chance))
        if others := tuple(each for each in there if each != ids.device_id_of(new.public_bytes)):
            yield from self._devices.take_out(others, new)
        return chance

    def add(self, chance: bytes, signer: SigningKey) -> Steps[None]:
        """To the own account, with the newest seed, so that its bearer reads all that the account may read."""
        context, secret = self._context, ids.recovery_secret_of(chance)
        shown_hash = shown_hash_of(ids.recovery_shown_of(secret))
        context.keys.unshown = chance
        context.keys.save()
        yield from context.server.ask(groups.PutKeys(0, (SealingKey.of_device(secret).public_bytes,)), Done)

        def once() -> Steps[int]:
            record = devices.recovery_record(context, context.copy.account_id, secret)
            content = devices.added_entry(context, record, DeviceKind.RECOVERY, signer)
            return (yield from context.append_once(lambda: wire.AddRecovery(0, content, shown_hash)))

        yield from context.server.on_head(once)
        yield from self._secrets.give_seed([ids.device_id_of(SigningKey.of_device(secret).public_bytes)])

    def is_right(self, chance: bytes) -> bool:
        """Whether these are the bytes behind the words of the key that lives."""
        copy = self._context.copy
        public = SigningKey.of_device(ids.recovery_secret_of(chance)).public_bytes
        return copy.is_member and ids.device_id_of(public) in copy.chain.recovery_keys(copy.account_id)

    @in_steps
    def use(self, chance: bytes, seen: SeenGroup | None = None) -> Steps[None]:
        """By a device that is not in the group: then it is, and reads."""
        secret = ids.recovery_secret_of(chance)
        yield from self._wait_for.chain()
        context, signer = self._context, SigningKey.of_device(secret)
        account_id = self._account_of(signer, seen)
        if context.copy.is_member and context.has_newest_seed:
            return
        yield from context.server.ask(groups.PutKeys(0, (context.own.device_key.public_bytes,)), Done)
        chain = context.copy.chain
        number, newest = len(chain.accounts[account_id].generations), chain.accounts[account_id].generations[-1]
        seed = yield from self._secrets.opened_seed(
            account_id, newest, number, SealingKey.of_device(secret), ids.device_id_of(signer.public_bytes)
        )

        def once() -> Steps[int]:
            if context.copy.chain.live_device(context.copy.device_id) is not None:  # the answer was lost
                return 0
            content = devices.added_entry(
                context, devices.device_record(context, account_id), DeviceKind.DEVICE, signer
            )
            return (yield from context.append_once(lambda: groups.AppendKey(0, content)))

        yield from context.server.on_head(once)
        context.keys.code = None
        context.keys.save()
        if seed is not None:
            self._secrets.keep_seeds(account_id, number, seed)
            yield from self._secrets.give_seed([context.copy.device_id])
        elif self._devices.is_alone and not context.has_newest_seed:  # nobody can give it any more
            yield from self._devices.take_out((), context.copy.signer)
        context.server.note()

    def _account_of(self, signer: SigningKey, seen: SeenGroup | None) -> bytes:
        """Of whom it is the recovery key, in the group that the server shows."""
        chain, person = self._context.copy.chain, self._context.person
        if seen is not None and (seen.group_id != chain.group_id or chain.head_at(seen.height) != seen.head):
            text = (
                "The server shows another group than the one for which this recovery file was made. Nothing was done."
            )
            raise RequestRefused(RefusalCode.NOT_ALLOWED, text)
        device = chain.live_device(ids.device_id_of(signer.public_bytes))
        if device is None or device.kind is not DeviceKind.RECOVERY:
            text = "This is no recovery key of anybody in the group: it was replaced, or is of another group."
            raise RequestRefused(RefusalCode.BAD_CREDENTIALS, text)
        name = chain.accounts[device.account].name.decode(errors="replace")
        if person is None or name != person.name:
            text = f"This is the recovery key of {name}, and here you are signed in as somebody else."
            raise RequestRefused(RefusalCode.NOT_ALLOWED, text)
        return device.account
