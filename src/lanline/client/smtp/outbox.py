"""Mail that waits on this machine's disk: one folder, two files a message.

`TOKEN.eml` holds the message's bytes and never changes; `TOKEN.json` holds everything else and is replaced as a whole.
An entry exists once its record does. Who works on an entry holds a lock on its `.eml`, which the system lets go of when
the process dies: a record that says SENDING and is not locked was left by a process that died between the final dot and
the reply. No secret is ever in here.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import msgspec

from lanline.errors import OutboxFull, OutboxProblem
from lanline.model.mail.message import Envelope, Parcel
from lanline.model.mail.server import Server, SignIn
from lanline.wholefile import make_folder, replace_whole, sync_folder

_CHUNK_BYTES = 64 * 1024
_SWEPT_AFTER_S = 3600


class State(Enum):
    QUEUED = "queued"
    SENDING = "sending"
    UNCERTAIN = "uncertain"
    REFUSED = "refused"


class Route(msgspec.Struct, frozen=True):
    """The way a message takes, without the password: where to, as whom, and where to ask for the password again."""

    server: Server
    username: str | None = None
    auth: SignIn = SignIn.AUTO
    config: str | None = None
    account: str | None = None
    netrc: bool = False


class Record(msgspec.Struct, frozen=True):
    message_id: str
    envelope: Envelope
    size_bytes: int
    route: Route
    state: State
    written_at: dt.datetime
    reason: str = ""


class Entry:
    """A claimed message: nobody else works on it until `release`."""

    def __init__(self, outbox: Outbox, token: str, lock: int, record: Record) -> None:
        self._outbox = outbox
        self._lock = lock
        self.token = token
        self.record = record

    def parcel(self) -> Parcel:
        record = self.record
        return Parcel(record.message_id, record.envelope, record.size_bytes, self._chunks, self.token)

    def _chunks(self) -> Iterator[bytes]:
        """All that was put in, or an error before the end: half a message must not go out as a whole one."""
        path, left = self._outbox.content_path(self.token), self.record.size_bytes
        with _explained(self._outbox.folder), path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                left -= len(chunk)
                yield chunk
        if left != 0:
            raise OutboxProblem(f"The file {path} was changed since it was put there.")

    def mark(self, state: State, reason: str = "") -> None:
        self.keep_for(self.record.envelope.recipients, state, reason)

    def keep_for(self, recipients: tuple[str, ...], state: State, reason: str) -> None:
        """The others have it, or never will."""
        envelope = msgspec.structs.replace(self.record.envelope, recipients=recipients)
        record = msgspec.structs.replace(self.record, envelope=envelope, state=state, reason=reason)
        self._outbox.write_record(self.token, record)
        self.record = record

    def remove(self) -> None:
        """The record first: without it what is left is no entry."""
        with _explained(self._outbox.folder):
            self._outbox.record_path(self.token).unlink(missing_ok=True)
            sync_folder(self._outbox.folder)
            self._outbox.content_path(self.token).unlink(missing_ok=True)

    def release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


class Outbox:
    """`command` is what the person types to send what waits in it."""

    def __init__(self, folder: Path, command: str = "lanline smtp flush") -> None:
        self.folder = folder
        self.command = command

    def content_path(self, token: str) -> Path:
        return self.folder / f"{token}.eml"

    def record_path(self, token: str) -> Path:
        return self.folder / f"{token}.json"

    def put(self, parcel: Parcel, route: Route, state: State, reason: str = "") -> Entry:
        """On the disk, for certain, when this returns; and claimed."""
        token, now = parcel.token, dt.datetime.now(dt.UTC)
        record = Record(parcel.message_id, parcel.envelope, parcel.size_bytes, route, state, now, reason)
        with _explained(self.folder), contextlib.ExitStack() as undo:
            make_folder(self.folder)
            lock = os.open(self.content_path(token), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            undo.callback(os.close, lock)
            undo.callback(self.content_path(token).unlink)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with open(lock, "wb", closefd=False) as stream:
                stream.writelines(parcel.chunks())
            os.fsync(lock)
            self.write_record(token, record)
            undo.pop_all()
        return Entry(self, token, lock, record)

    def write_record(self, token: str, record: Record) -> None:
        with _explained(self.folder):
            replace_whole(self.record_path(token), msgspec.json.format(msgspec.json.encode(record)))

    def tokens(self) -> list[str]:
        """The oldest first."""
        with _explained(self.folder), contextlib.suppress(FileNotFoundError):
            return sorted(path.stem for path in self.folder.iterdir() if path.suffix == ".json")
        return []

    def peek(self, token: str) -> Record | None:
        """As it is now, without claiming it; None when it is gone."""
        path = self.record_path(token)
        try:
            with _explained(self.folder), contextlib.suppress(FileNotFoundError):
                return msgspec.json.decode(path.read_bytes(), type=Record)
        except msgspec.DecodeError as cause:
            text = f"The record {path} is damaged; the message itself is in the .eml next to it."
            raise OutboxProblem(text) from cause
        return None

    def claim(self, token: str) -> Entry | None:
        """None when another process works on it, or has just finished. A SENDING record comes back as UNCERTAIN."""
        with _explained(self.folder), contextlib.ExitStack() as undo:
            try:
                lock = os.open(self.content_path(token), os.O_RDWR)
            except FileNotFoundError:
                if not (path := self.record_path(token)).exists():  # what is done with loses its record first
                    return None
                gone = f"The message of {path} is gone, so it cannot be sent; remove the record, or put the .eml back."
                raise OutboxProblem(gone) from None
            undo.callback(os.close, lock)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if (record := self.peek(token)) is not None:
                    undo.pop_all()
                    entry = Entry(self, token, lock, record)
                    if record.state is State.SENDING:
                        entry.mark(State.UNCERTAIN, "The sending process was stopped after the dot, before the reply.")
                    return entry
        return None

    def sweep(self) -> None:
        """Drop what never got a record: its writer died, and never said that the message was kept."""
        with _explained(self.folder), contextlib.suppress(FileNotFoundError):
            for path in list(self.folder.iterdir()):
                with contextlib.suppress(FileNotFoundError, BlockingIOError):
                    half_written = path.suffix == ".eml" and not self.record_path(path.stem).exists()
                    # Who has just begun may not have taken the lock yet.
                    is_old = time.time() - path.stat().st_mtime >= _SWEPT_AFTER_S
                    if is_old and (half_written or path.name.startswith(".") or path.suffix == ".new"):
                        with path.open("r+b") as stream:
                            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                            path.unlink()


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as cause:
        if cause.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise OutboxFull(f"There is no room left for the outbox {folder}.") from cause
        raise OutboxProblem(f"The outbox {folder} cannot be used: {cause.strerror or cause}.") from cause
