"""Cursors never go back, and entries keep their limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import InvalidInput
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import MAX_SEALED_BYTES, Cursor, LogId, NewEntry, check_entry


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50))))
def test_cursor_never_goes_back_and_reading_is_delivery(moves: list[tuple[int, int]]) -> None:
    cursor = Cursor()
    for delivered, read in moves:
        further = cursor.advanced(delivered, read)
        assert further.delivered >= max(cursor.delivered, delivered)
        assert further.read >= max(cursor.read, read)
        assert further.read <= further.delivered
        cursor = further
    assert cursor.advanced() == cursor


def entry(entry_id: bytes = bytes(16), suite: str = "plain", content: bytes = b"x") -> NewEntry:
    return NewEntry(LogId(1), entry_id, AccountId(1), DeviceId(1), 0, suite, content)


def test_entry_within_its_limits_is_fine() -> None:
    check_entry(entry())
    check_entry(entry(content=bytes(MAX_SEALED_BYTES), suite="s" * 32))


@pytest.mark.parametrize(
    "wrong",
    [
        entry(entry_id=bytes(15)),
        entry(entry_id=bytes(17)),
        entry(content=b""),
        entry(content=bytes(MAX_SEALED_BYTES + 1)),
        entry(suite=""),
        entry(suite="s" * 33),
        entry(suite="süß"),
        entry(suite="a\n"),
    ],
)
def test_entry_beyond_a_limit_is_refused(wrong: NewEntry) -> None:
    with pytest.raises(InvalidInput):
        check_entry(wrong)
