"""Opens one entry alone, as tests and fuzzers do; programs open all of a run with what its entries have in common."""

from __future__ import annotations

from lanline.crypto.groups.said import Opened, Run, RunKeys, Where
from lanline.wire.sealing.said import split_said


def open_words(keys: RunKeys, where: Where, content: bytes) -> Opened:
    """Raises MalformedPacket, as `Run.open`."""
    header, _ = split_said(content)
    return Run.of(keys, where.room_id, where.account_id, header).open(where.entry_id, content)
