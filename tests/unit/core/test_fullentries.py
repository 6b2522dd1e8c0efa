"""Entries of private rooms that members bring to a restored server."""

from __future__ import annotations

from lanline.core.fullentries import MAX_BYTES, MAX_OF_ACCOUNT_BYTES, FullEntries


def test_what_several_bring_is_found_once_and_by_its_hash() -> None:
    entries = FullEntries()
    for account in (b"ana", b"ben"):
        entries.bring(account, [b"one", b"two"])
        entries.bring(account, [b"two"])
    assert len(entries.hashes()) == 2
    assert entries.hashes() is entries.hashes(), "each branch is looked at by them"
    assert set(entries.contents()) == {b"one", b"two"}
    entries.clear()
    assert not entries.hashes()


def test_of_one_account_so_much_is_kept_and_no_more() -> None:
    entries = FullEntries()
    for number in range(1000):
        entries.bring(b"eve", [number.to_bytes(2, "big") * 500])
    assert sum(map(len, entries.contents())) <= MAX_OF_ACCOUNT_BYTES
    entries.bring(b"ana", [b"one"])
    assert b"one" in entries.contents()


def test_who_brings_little_is_pushed_out_by_nobody() -> None:
    entries = FullEntries()
    entries.bring(b"ana", [b"one"])
    for number in range(200):
        entries.bring(number.to_bytes(32, "big"), [bytes([each]) * 50_000 for each in range(4)])
    assert b"one" in entries.contents()
    assert sum(map(len, entries.contents())) <= MAX_BYTES
