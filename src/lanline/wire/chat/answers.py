"""How a request ends that has no answer of its own, and what the server says unasked."""

from __future__ import annotations

import msgspec

from lanline.errors import RefusalCode
from lanline.wire.chat.limits import LongText, Request


class Done(msgspec.Struct, frozen=True, array_like=True, tag=91, gc=False):
    request: Request


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=90):
    """Nothing was changed. `code` is for programs, `text` for the person; codes are added, never changed."""

    request: Request
    code: int
    text: LongText
    retry_after_ms: int = 0
    """Not 0: the same again will do, after so long."""

    @property
    def known_code(self) -> RefusalCode:
        try:
            return RefusalCode(self.code)
        except ValueError:
            return RefusalCode.SERVER_PROBLEM


class ServerSays(msgspec.Struct, frozen=True, array_like=True, tag=92):
    text: LongText
