"""Lanline's members in a group that the server cannot read: what they say has the form and the size of sealed words."""

from __future__ import annotations

import os
import time
from pathlib import Path

from chatcrowds import NUMBER_BYTES, OnHeard, text_of
from chatcrowds.lanline import LanlineCrowd, Member, gather_members
from lanline.ids import new_entry_id
from lanline.wire.chat.entries import Append, Entries
from lanline.wire.chat.messages import ServerMessage
from lanline.wire.sealing.said import COMMON_BYTES, HEADER_BYTES, SAID_SUITE

BEGINS_FILE, SIZE_FILE = "sealed-begins", "sealed-bytes"


class SealedMember(Member):
    """The server looks at the header only, so only that is real."""

    begins = b""
    size_bytes = 0

    def _on_message(self, message: ServerMessage) -> None:
        if type(message) is not Entries:
            super()._on_message(message)
        elif self._on_heard is not None:
            for entry in message.entries:
                self._on_heard(int(entry.content[HEADER_BYTES : HEADER_BYTES + NUMBER_BYTES]))

    def say(self, numbers: range) -> None:
        now_ms = int(time.time() * 1000)
        for number in numbers:
            self._requests += 1
            content = self.begins + os.urandom(HEADER_BYTES - COMMON_BYTES) + text_of(number)
            sealed = content[: self.size_bytes].ljust(self.size_bytes, b"x")
            self._send(Append(self._requests, self._log, new_entry_id(now_ms, os.urandom), SAID_SUITE, sealed))


async def gather(host: str, port: int, members: int, folder: Path, on_heard: OnHeard) -> LanlineCrowd:
    SealedMember.begins = (folder / BEGINS_FILE).read_bytes()
    SealedMember.size_bytes = int((folder / SIZE_FILE).read_text(encoding="ascii"))
    return LanlineCrowd(*await gather_members(SealedMember, host, port, members, folder, on_heard))
