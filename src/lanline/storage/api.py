"""What every storage engine offers. Services know this file and nothing else of storage.

A view reads; a transaction reads, what it has itself written included, and writes. Writing never waits for the disk
where it is called: the work is handed to `Store.write`, runs in the next transaction, and its ticket is settled after
the commit. A work touches nothing but its transaction, for it may be undone after it has returned, and run again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from lanline.model.accounts import Account, AccountId, Device, DeviceId
from lanline.model.blobs import BlobId
from lanline.model.invites import Invite
from lanline.model.logs import Appended, Cursor, Entry, Log, LogId, NewEntry
from lanline.model.rooms import Access, Direct, Membership, Room
from lanline.ticket import Ticket

T = TypeVar("T")


class AccountsView(Protocol):
    def by_id(self, account: AccountId) -> Account | None: ...
    def by_name(self, name: str) -> Account | None:
        """Whoever has this name, or one that looks the same."""

    def all(self) -> list[Account]: ...
    def password_hash(self, account: AccountId) -> str | None: ...
    def device(self, device: DeviceId) -> Device | None: ...
    def device_by_fingerprint(self, fingerprint: bytes) -> Device | None: ...
    def devices(self, account: AccountId) -> list[Device]: ...
    def all_devices(self) -> list[Device]: ...
    def message_bytes(self, account: AccountId) -> int:
        """All that it has appended, with ENTRY_COST_BYTES for each entry."""


class Accounts(AccountsView, Protocol):
    def add(self, name: str, created_ms: int, *, is_admin: bool, password_hash: str | None) -> Account:
        """Raises NameTaken."""

    def change(self, account: Account) -> None:
        """Its name and its flags; raises RecordMissing, NameTaken."""

    def set_password_hash(self, account: AccountId, password_hash: str | None) -> None: ...
    def add_device(self, account: AccountId, fingerprint: bytes, label: str, added_ms: int) -> Device:
        """Raises RecordExists: a key belongs to one device for ever, also after it was revoked."""

    def revoke_device(self, device: DeviceId, revoked_ms: int) -> None: ...


class LogsView(Protocol):
    def log(self, log: LogId) -> Log | None: ...
    def heads(self, logs: Sequence[LogId]) -> dict[LogId, int]:
        """Without those that do not exist."""

    def after(self, log: LogId, sequence: int, limit: int, most_bytes: int | None = None) -> list[Entry]:
        """The entries that follow a sequence number, oldest first. At least one, then as their content fits."""

    def before(self, log: LogId, sequence: int, limit: int, most_bytes: int | None = None) -> list[Entry]:
        """The entries that precede a sequence number, the newest of them, oldest first. As many as in `after`."""

    def find(self, log: LogId, account: AccountId, entry_id: bytes) -> Entry | None: ...
    def cursor(self, log: LogId, device: DeviceId) -> Cursor: ...
    def cursors(self, log: LogId) -> dict[DeviceId, Cursor]: ...
    def device_cursors(self, device: DeviceId) -> dict[LogId, Cursor]: ...


class Logs(LogsView, Protocol):
    def append(self, entries: Sequence[NewEntry]) -> list[Appended]:
        """In the order given, none earlier than the one before it. One that is there already, by log, sender and id,
        is answered with its first place. Raises RecordMissing, InvalidInput.
        """

    def advance(self, log: LogId, device: DeviceId, cursor: Cursor) -> Cursor:
        """Forward only, and not past the head; returns where the cursor stands."""


class RoomsView(Protocol):
    def by_log(self, log: LogId) -> Room | None: ...
    def by_name(self, name: str) -> Room | None:
        """The room of this name, or of one that looks the same."""

    def all(self) -> list[Room]: ...
    def membership(self, log: LogId, account: AccountId) -> Membership | None: ...
    def members(self, log: LogId) -> list[Membership]: ...
    def memberships(self, account: AccountId) -> list[Membership]: ...
    def invitations(self, host: AccountId) -> list[Membership]:
        """Those whom this account has invited to a room, and who have not come yet."""

    def direct(self, log: LogId) -> Direct | None: ...
    def direct_between(self, one: AccountId, other: AccountId) -> Direct | None: ...
    def directs(self, account: AccountId) -> list[Direct]: ...


class Rooms(RoomsView, Protocol):
    def create(self, name: str, topic: str, access: Access, creator: AccountId, created_ms: int) -> Room:
        """With its creator as the owner; raises NameTaken."""

    def change(self, room: Room) -> None:
        """Its name, topic and access; raises RecordMissing, NameTaken."""

    def put_membership(self, membership: Membership) -> None: ...
    def drop_membership(self, log: LogId, account: AccountId) -> None: ...
    def open_direct(self, one: AccountId, other: AccountId) -> Direct:
        """The conversation of these two; made when they have none."""


class InvitesView(Protocol):
    def by_token_hash(self, token_hash: bytes) -> Invite | None: ...
    def all(self) -> list[Invite]: ...


class Invites(InvitesView, Protocol):
    def add(self, invite: Invite) -> None: ...
    def use(self, token_hash: bytes, now_ms: int) -> Invite:
        """Take one use; the invite as it is then. Raises InviteUnusable."""

    def drop(self, token_hash: bytes) -> None: ...
    def drop_all(self, since_ms: int = 0, creator: AccountId | None = None) -> None:
        """Those made since then; of one account, or of everybody."""


class BlobsView(Protocol):
    def has(self, blob: BlobId) -> bool: ...
    def get(self, blob: BlobId) -> bytes | None: ...
    def size_bytes(self, owner: AccountId) -> int:
        """All that an account has put here."""

    def sizes(self) -> dict[AccountId, int]:
        """The same for everybody who has put anything here."""


class Blobs(BlobsView, Protocol):
    def put(self, data: bytes, owner: AccountId, now_ms: int) -> BlobId:
        """What is there already stays its first owner's. Raises InvalidInput when it is too large."""

    def drop(self, blob: BlobId) -> None: ...


class SettingsView(Protocol):
    def get(self, name: str) -> bytes | None: ...


class Settings(SettingsView, Protocol):
    def put(self, name: str, value: bytes | None) -> None:
        """None forgets it."""


class View(Protocol):
    """What was committed when it was made; good until the read ends."""

    @property
    def accounts(self) -> AccountsView: ...
    @property
    def logs(self) -> LogsView: ...
    @property
    def rooms(self) -> RoomsView: ...
    @property
    def invites(self) -> InvitesView: ...
    @property
    def blobs(self) -> BlobsView: ...
    @property
    def settings(self) -> SettingsView: ...


class Transaction(Protocol):
    @property
    def accounts(self) -> Accounts: ...
    @property
    def logs(self) -> Logs: ...
    @property
    def rooms(self) -> Rooms: ...
    @property
    def invites(self) -> Invites: ...
    @property
    def blobs(self) -> Blobs: ...
    @property
    def settings(self) -> Settings: ...


class Engine(Protocol):
    """What differs from one database to the next. One thread at a time transacts; any number read."""

    def transact(self, works: Sequence[Callable[[Transaction], object]]) -> list[object]:
        """All in one transaction, each as if alone: one that raises is undone and leaves its exception in its place.
        When this returns, the others are on the disk. When it raises, nothing is.
        """

    def read(self, work: Callable[[View], T]) -> T: ...
    def close(self) -> None: ...


class Lock(Protocol):
    def release(self) -> None: ...


class Database(Protocol):
    """All that a server keeps, as a whole, in the server's folder or reached from there. Raises StorageError."""

    @property
    def folder(self) -> Path: ...
    @property
    def file_name(self) -> str:
        """Of the database in the folder, and of its copy in a backup."""

    @property
    def lock_name(self) -> str:
        """Of a file that may be left behind in the folder, and means nothing then."""

    def open(self) -> Engine:
        """Makes the folder and the tables, or brings them up to date."""

    def lock(self) -> Lock:
        """Keeps others from opening it. Raises StorageInUse."""

    def reading(self) -> AbstractContextManager[View]:
        """As it is at one moment, also while a server has it open."""

    def copy(self, target: Path) -> None:
        """The same, into a file that does not exist yet, and that somebody has still to sync."""

    def check(self) -> None:
        """Of a copy that was put into the folder: whole, ours, and not newer than this program."""


class Store(Protocol):
    def write(self, work: Callable[[Transaction], T]) -> Ticket[T]:
        """Settled once the work is on the disk, or has failed; in the order of the calls."""

    def read(self, work: Callable[[View], T]) -> Ticket[T]:
        """What was committed before the call, at least. Waits for no writer, and may be settled when this returns."""

    def close(self) -> None:
        """Writes what was handed in before; then the store is another's to open."""
