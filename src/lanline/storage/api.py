"""What every storage engine offers. The core knows this file and nothing else of storage.

A view reads; a transaction reads, what it has itself written included, and writes. Writing never waits for the disk
where it is called: the work is handed to `Store.write`, runs in the next transaction, and its ticket is settled after
the commit. A work touches nothing but its transaction, for it may be undone after it has returned, and run again.

Over 400 lines: whoever writes another engine reads all of it, and it holds no code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from lanline.model.accounts import Account, AccountId, Device, DeviceId
from lanline.model.blobs import BlobId
from lanline.model.devices import DeviceOffer, DeviceRequest
from lanline.model.groups import Box, ChainHead, EntryRequest
from lanline.model.invites import Invite
from lanline.model.journal import JournalEntry, NewJournalEntry
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
    def came_from(self, device: DeviceId) -> list[AccountId]:
        """Those who came by an invite that was made from there."""

    def admins_from(self, device: DeviceId) -> list[AccountId]:
        """The admins who were made so from there."""

    def message_bytes(self, account: AccountId) -> int:
        """All that it has appended, with ENTRY_COST_BYTES for each entry."""

    def all_message_bytes(self) -> dict[AccountId, int]:
        """The same for everybody who has said anything."""


class Accounts(AccountsView, Protocol):
    def add(
        self,
        name: str,
        created_ms: int,
        *,
        is_admin: bool,
        password_hash: str | None,
        is_invited: bool = True,
        came_from: DeviceId | None = None,
    ) -> Account:
        """`came_from`: where the invite was made that lets it in. Raises NameTaken."""

    def change(self, account: Account) -> None:
        """Its name and its flags; raises RecordMissing, NameTaken."""

    def set_admin_from(self, account: AccountId, device: DeviceId | None) -> None: ...
    def end(self, account: AccountId, ended_ms: int) -> None:
        """It stays as the author of what it said, under its name, which others may have now. Its devices and their
        cursors are no more.
        """

    def set_password_hash(self, account: AccountId, password_hash: str | None) -> None: ...
    def add_device(self, account: AccountId, fingerprint: bytes, added_ms: int) -> Device:
        """Raises RecordExists: a key belongs to one device for ever, also after it was revoked."""

    def revoke_device(self, device: DeviceId, revoked_ms: int) -> None: ...
    def forget_label(self, device: DeviceId) -> None: ...


class LogsView(Protocol):
    def log(self, log: LogId) -> Log | None: ...
    def heads(self, logs: Sequence[LogId]) -> dict[LogId, int]:
        """Without those that do not exist."""

    def sizes(self, logs: Sequence[LogId]) -> dict[LogId, int]:
        """Of all that was said in each, with ENTRY_COST_BYTES for each entry."""

    def all_bytes(self) -> int:
        """The same of all logs together."""

    def database_bytes(self) -> int:
        """What the whole database takes on the disk."""

    def after(self, log: LogId, sequence: int, limit: int, most_bytes: int | None = None) -> list[Entry]:
        """The entries that follow a sequence number, oldest first. At least one, then as their content fits."""

    def before(self, log: LogId, sequence: int, limit: int, most_bytes: int | None = None) -> list[Entry]:
        """The entries that precede a sequence number, the newest of them, oldest first. As many as in `after`."""

    def keyed(self, log: LogId, sequence: int, limit: int, most_bytes: int | None = None) -> list[Entry]:
        """As `after`, of statements of epochs and entries of private rooms only."""

    def newest_topic(self, log: LogId) -> Entry | None:
        """The last that sets the topic of a room, sealed."""

    def find(self, log: LogId, account: AccountId, entry_id: bytes) -> Entry | None: ...
    def has_carried(self, log: LogId, carried_id: bytes) -> bool:
        """Words that somebody has brought after a restore, whoever it was."""

    def last_said_ms(self, log: LogId, account: AccountId, since_ms: int, limit: int) -> int | None:
        """When the account last said something there; None: not since then, or not among so many of the newest."""

    def cursor(self, log: LogId, device: DeviceId) -> Cursor: ...
    def cursors(self, log: LogId) -> dict[DeviceId, Cursor]: ...
    def device_cursors(self, device: DeviceId) -> dict[LogId, Cursor]: ...


class Logs(LogsView, Protocol):
    def append(self, entries: Sequence[NewEntry], *, stops_at_other: bool = False) -> list[Appended]:
        """In the order given, none earlier than the one before it. One that is there already, by log, sender and id,
        is answered with its first place. `stops_at_other`: it ends with the first that is there with other content, and
        what comes behind is not appended. Raises RecordMissing, InvalidInput.
        """

    def note_carried(self, log: LogId, carried_id: bytes) -> None: ...
    def forget_ended(self, limit: int) -> int:
        """So many entries, at most, of conversations that have ended. How many went; 0: there are no more."""

    def advance(self, log: LogId, device: DeviceId, cursor: Cursor) -> Cursor:
        """Forward only, and not past the head; returns where the cursor stands."""


class RoomsView(Protocol):
    def by_log(self, log: LogId) -> Room | None: ...
    def by_name(self, name: str) -> Room | None:
        """The room of this name, or of one that looks the same."""

    def all(self) -> list[Room]: ...
    def membership(self, log: LogId, account: AccountId) -> Membership | None: ...
    def members(self, log: LogId) -> list[Membership]: ...
    def of(self, account: AccountId) -> list[Membership]:
        """All in which this account stands in any relation to a room."""

    def invitations(self, host: AccountId) -> list[Membership]:
        """Those whom this account has invited to a room, and who have not come yet."""

    def roles_from(self, device: DeviceId) -> list[Membership]:
        """Owners and moderators who were made so from there."""

    def direct(self, log: LogId) -> Direct | None: ...
    def direct_between(self, one: AccountId, other: AccountId) -> Direct | None: ...
    def directs(self, account: AccountId) -> list[Direct]: ...


class Rooms(RoomsView, Protocol):
    def create(self, name: str, topic: str, access: Access, creator: AccountId, created_ms: int) -> Room:
        """With its creator as the owner; raises NameTaken."""

    def change(self, room: Room) -> None:
        """Its name, topic, access, pace and pins; raises RecordMissing, NameTaken."""

    def put_membership(self, membership: Membership) -> None: ...
    def drop_membership(self, log: LogId, account: AccountId) -> None: ...
    def end(self, log: LogId) -> None:
        """A room, or a conversation of two: nobody is in it, and its entries go by `Logs.forget_ended`."""

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

    def drop_of_group(self, invite_ids: Sequence[bytes]) -> None:
        """Those that stand for these invites in the chain."""


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


class GroupsView(Protocol):
    def chain(self) -> ChainHead | None:
        """None: nobody has founded a group on this server."""

    def has_past(self) -> bool:
        """There was one before, which the operator has put aside."""

    def past_chains(self) -> list[ChainHead]:
        """Of groups that were put aside, as they ended: the newest first."""

    def private_room(self, log: LogId) -> bytes | None:
        """Its id, where its members sign who is in it."""

    def private_rooms(self) -> list[LogId]: ...
    def epoch_height(self, scope: bytes, epoch_id: bytes) -> int | None:
        """Of the chain, as its statement names it. None: no such statement stands."""

    def epoch_author(self, scope: bytes, epoch_id: bytes) -> AccountId | None: ...
    def epoch_ids(self, scope: bytes) -> set[bytes]: ...
    def boxes_of(self, giver: AccountId) -> int:
        """How many somebody has given."""

    def epochs_given(self, giver: AccountId, scope: bytes) -> list[bytes]:
        """Of which epochs somebody has given boxes in this scope: those first of which one came last."""

    def boxes(self, kind: int, recipient: bytes, scope: bytes, epoch_ids: Sequence[bytes]) -> list[Box]:
        """For one reader, of epochs that stand; the author's first."""

    def past_boxes(self, kind: int, recipient: bytes, scope: bytes, epoch_ids: Sequence[bytes]) -> list[Box]:
        """The same of groups that were put aside."""

    def recipients(self, giver: AccountId, scope: bytes, epoch_id: bytes) -> set[tuple[int, bytes, int]]:
        """For whom somebody has given boxes: kind, id, generation."""

    def keys(self, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
        """Sealing keys, by their hashes. Without those that are not here."""

    def rsa_half(self, rsa_hash: bytes) -> bytes | None:
        """Sealed, as it was brought with the RSA key of this hash. None: it is not here, or a key of another kind."""

    def has_epochs(self, scope: bytes) -> bool: ...
    def unnamed_keys(self, putter: AccountId) -> int:
        """How many that nothing names yet."""

    def request(self, account: AccountId) -> EntryRequest | None: ...
    def requests(self) -> list[EntryRequest]:
        """The oldest first."""


class Groups(GroupsView, Protocol):
    def found(self) -> LogId:
        """The log of the chain, which has nothing yet."""

    def put_aside(self, now_ms: int) -> None:
        """The group is over: its chain, private rooms and links, and who asked to be let in. What was said stays."""

    def found_room(self, log: LogId, room_id: bytes) -> None: ...
    def move_chain(self, height: int, head: bytes) -> None: ...
    def add_epoch(self, scope: bytes, epoch_id: bytes, height: int, author: AccountId) -> None:
        """From now on the boxes that the author gave are given out; those that others gave before are dropped.

        They count as the author's messages do.
        """

    def put_boxes(self, boxes: Sequence[Box], now_ms: int) -> None:
        """One that the same giver gave to the same reader is replaced."""

    def drop_waiting(self, giver: AccountId, scope: bytes, but: bytes) -> None:
        """Boxes of this giver in this scope whose epochs do not stand; but not those of the one named."""

    def drop_given(self, giver: AccountId, scope: bytes, epoch_ids: Sequence[bytes]) -> None: ...
    def drop_boxes_of_helpers(self, kind: int, recipient: bytes, scope: bytes, epoch_ids: Sequence[bytes]) -> None: ...
    def drop_stale(self, boxes_before_ms: int, keys_before_ms: int) -> None:
        """Boxes that wait, and keys that nothing names, from before then."""

    def put_keys(self, keys: dict[bytes, bytes], putter: AccountId, now_ms: int) -> None: ...
    def put_rsa_key(self, rsa_hash: bytes, public: bytes, half: bytes, putter: AccountId, now_ms: int) -> None: ...
    def unname_keys(self, hashes: Sequence[bytes], putter: AccountId) -> None:
        """Of those that this account has put: nothing names them any more."""

    def name_keys(self, hashes: Sequence[bytes], putter: AccountId | None = None) -> None:
        """Something that stands names them: they are kept for good."""

    def put_request(self, request: EntryRequest) -> None:
        """In place of one that this account left before."""

    def drop_request(self, account: AccountId) -> None: ...


class DevicesView(Protocol):
    def offer(self, shown_hash: bytes) -> DeviceOffer | None: ...
    def offers(self, account: AccountId) -> list[DeviceOffer]: ...
    def request(self, device: DeviceId) -> DeviceRequest | None: ...
    def requests(self, account: AccountId) -> list[DeviceRequest]:
        """The oldest first."""


class Devices(DevicesView, Protocol):
    """How further devices come to an account."""

    def put_offer(self, offer: DeviceOffer) -> None: ...
    def drop_offer(self, shown_hash: bytes) -> None: ...
    def put_request(self, request: DeviceRequest) -> None:
        """In place of one that this device left before."""

    def drop_request(self, device: DeviceId) -> None: ...
    def drop_stale(self, offers_before_ms: int, requests_before_ms: int) -> None:
        """Offers that ended, and requests that were left, before then."""


class NamesView(Protocol):
    def held_until(self, name: str) -> int:
        """Until when nobody may take this name, or one that looks the same; 0: nobody ever had it."""


class Names(NamesView, Protocol):
    def hold(self, name: str, until_ms: int) -> None: ...
    def release(self, before_ms: int) -> None: ...


class JournalView(Protocol):
    def after(self, entry: int, limit: int) -> list[JournalEntry]:
        """The oldest that follow an entry, oldest first."""

    def newest(self, limit: int) -> list[JournalEntry]:
        """Oldest first."""

    def count_since(self, account: AccountId, time_ms: int) -> int: ...


class Journal(JournalView, Protocol):
    def add(self, entry: NewJournalEntry, replaces: int | None = None) -> int:
        """Its number, above all before it; also when it takes the place of one that counted less."""

    def prune(self, before_ms: int, most: int) -> None:
        """Those from before then, and the oldest of those that are too many."""


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
    def groups(self) -> GroupsView: ...
    @property
    def devices(self) -> DevicesView: ...
    @property
    def settings(self) -> SettingsView: ...
    @property
    def journal(self) -> JournalView: ...
    @property
    def names(self) -> NamesView: ...


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
    def groups(self) -> Groups: ...
    @property
    def devices(self) -> Devices: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def journal(self) -> Journal: ...
    @property
    def names(self) -> Names: ...


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
