"""Owns how this device waits for another one of its account to take it in. Until that is proven it believes nothing.

docs/protocol/sealing.md, 6: both ends prove to each other that they have the code, which the server never sees.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from lanline.client.sealing import deviceentries
from lanline.client.sealing.context import GroupContext
from lanline.crypto.groups import ids
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.devices import DEVICE_WAITS_MS
from lanline.ticket import Steps
from lanline.wire.chat import devices as wire
from lanline.wire.chat import groups
from lanline.wire.chat.answers import Done
from lanline.wire.sealing.strict import encode_strictly

_CODE_BYTES = 13


def spaced(code: str) -> str:
    """For a person to read."""
    return " ".join(code[start : start + 5] for start in range(0, len(code), 5))


def waiting_text(code: str) -> str:
    return f"This device reads nothing yet. On another device of yours: lanline devices approve '{spaced(code)}'"


class Answer(NamedTuple):
    """Of the device that took this one in: up to where it saw which chain, and its proof."""

    height: int
    head: bytes
    device_id: bytes
    mark: bytes

    @classmethod
    def of(cls, data: bytes) -> Answer:
        return cls(int.from_bytes(data[:8], "big"), data[8:40], data[40:56], data[56:])

    def encoded(self) -> bytes:
        return self.height.to_bytes(8, "big") + self.head + self.device_id + self.mark


class Approval:
    def __init__(self, context: GroupContext) -> None:
        self._context = context
        self._asked_as: str | None = None
        """With which code it was asked on this link."""
        self.answer: Answer | None = None

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
        left = wire.LeaveDevice(0, record, ids.mark_of_new(key, record))
        answer = yield from context.server.ask(left, Done, wire.DeviceAnswered)
        self._asked_as = keys.code
        if isinstance(answer, wire.DeviceAnswered):
            self.answer = Answer.of(answer.answer)

    def _record(self, account_id: bytes) -> bytes:
        return encode_strictly(deviceentries.device_record(self._context, account_id))

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
