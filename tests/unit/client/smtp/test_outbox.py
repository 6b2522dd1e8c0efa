from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lanline.client.smtp import outbox as outbox_module
from lanline.client.smtp.draft import Draft, compose
from lanline.client.smtp.outbox import Entry, Outbox, Route, State
from lanline.errors import OutboxFull, OutboxProblem
from lanline.model.mail.message import Parcel
from lanline.model.mail.server import Security, Server

ROUTE = Route(Server("mail.example.org", 587, Security.STARTTLS), "ann")


def parcel() -> Parcel:
    return compose(Draft(sender="ann@example.org", to=("b@x.org", "c@x.org"), text=".\nhi"))


@pytest.fixture
def box(outbox_folder: Path) -> Outbox:
    return Outbox(outbox_folder)


def put(box: Outbox, state: State = State.QUEUED) -> Parcel:
    written = parcel()
    box.put(written, ROUTE, state).release()
    return written


def claimed(box: Outbox) -> Entry:
    entry = box.claim(box.tokens()[0])
    assert entry is not None
    return entry


def test_what_is_put_in_comes_out_the_same(box: Outbox) -> None:
    written = put(box)
    entry = claimed(box)
    again = entry.parcel()
    assert (again.message_id, again.envelope, again.size_bytes) == (
        written.message_id,
        written.envelope,
        written.size_bytes,
    )
    assert b"".join(again.chunks()) == b"".join(written.chunks())
    assert entry.record.route == ROUTE
    entry.release()


def test_an_entry_has_one_owner_at_a_time(box: Outbox) -> None:
    put(box)
    entry = claimed(box)
    assert box.claim(entry.token) is None
    entry.release()
    claimed(box).release()


def test_an_owner_that_dies_lets_go(box: Outbox) -> None:
    put(box)
    code = (
        "import sys, os; from pathlib import Path; from lanline.client.smtp.outbox import Outbox, State\n"
        "box = Outbox(Path(sys.argv[1])); entry = box.claim(box.tokens()[0]); entry.mark(State.SENDING)\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(box.folder)], check=False)
    entry = claimed(box)
    assert entry.record.state is State.UNCERTAIN
    entry.release()
    assert box.peek(entry.token).state is State.UNCERTAIN


def test_a_removed_entry_is_gone(box: Outbox) -> None:
    put(box)
    entry = claimed(box)
    entry.remove()
    entry.release()
    assert box.tokens() == []
    assert list(box.folder.iterdir()) == []
    assert box.claim(entry.token) is None


def test_some_recipients_can_be_kept(box: Outbox) -> None:
    put(box)
    entry = claimed(box)
    entry.keep_for(("c@x.org",), State.QUEUED, "later")
    entry.release()
    record = box.peek(entry.token)
    assert record is not None
    assert (record.envelope.recipients, record.reason) == (("c@x.org",), "later")


def test_the_oldest_comes_first(box: Outbox) -> None:
    ids = [put(box).message_id for _ in range(5)]
    assert [f"<{token}@example.org>" for token in box.tokens()] == ids


def test_a_damaged_record_is_told_of(box: Outbox) -> None:
    put(box)
    box.record_path(box.tokens()[0]).write_text('{"state": "sen')
    with pytest.raises(OutboxProblem, match="damaged"):
        box.peek(box.tokens()[0])
    with pytest.raises(OutboxProblem, match="damaged"):
        box.claim(box.tokens()[0])


def test_half_a_message_does_not_come_out_as_a_whole_one(box: Outbox) -> None:
    put(box)
    entry = claimed(box)
    with box.content_path(entry.token).open("r+b") as stream:
        stream.truncate(10)
    with pytest.raises(OutboxProblem, match="was changed"):
        list(entry.parcel().chunks())
    entry.release()


def test_a_record_without_its_message_is_told_of(box: Outbox) -> None:
    put(box)
    (token,) = box.tokens()
    box.content_path(token).unlink()
    with pytest.raises(OutboxProblem, match="is gone"):
        box.claim(token)
    box.record_path(token).unlink()
    assert box.claim(token) is None


def test_only_what_never_became_an_entry_is_swept(box: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    put(box)
    kept = {path.name for path in box.folder.iterdir()}
    box.content_path("half").write_bytes(b"half a message")
    (box.folder / ".half.json.x7").write_bytes(b"{")
    box.sweep()
    assert len(list(box.folder.iterdir())) == 4
    monkeypatch.setattr(outbox_module, "_SWEPT_AFTER_S", -1)
    box.sweep()
    assert {path.name for path in box.folder.iterdir()} == kept


def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxProblem, match="cannot be used"):
        Outbox(tmp_path / "file").put(parcel(), ROUTE, State.QUEUED)


@pytest.mark.parametrize(
    ("number", "kind", "status"),
    [(errno.ENOSPC, OutboxFull, 75), (errno.EDQUOT, OutboxFull, 75), (errno.EIO, OutboxProblem, 1)],
)
def test_a_full_disk_is_for_now_and_a_broken_one_is_not(
    box: Outbox, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[OutboxProblem], status: int
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    put(box)
    entry = claimed(box)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutboxProblem) as told:
        entry.mark(State.SENDING)
    assert (type(told.value), told.value.exit_status, entry.record.state) == (kind, status, State.QUEUED)
    entry.release()


def test_everything_is_flushed_to_the_disk_before_it_counts(box: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the new box; then content, record and folder, in this order: any other can leave a record without its
    message after a power cut.
    """
    synced: list[str] = []

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append("folder" if path.is_dir() else "record" if ".json." in path.name else path.suffix)

    monkeypatch.setattr(os, "fsync", fsync)
    put(box)
    assert synced == ["folder", ".eml", "record", "folder"]
