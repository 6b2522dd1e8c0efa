"""The engine: one connection that writes, some that read, and the lock on the folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from lanline.errors import StorageClosed, StorageUnusable
from lanline.sqlsteps import newest_number
from lanline.storage.api import Transaction, View
from lanline.storage.sqlite.accounts import SqliteAccounts, SqliteAccountsView
from lanline.storage.sqlite.blobs import SqliteBlobs, SqliteBlobsView, SqliteSettings, SqliteSettingsView
from lanline.storage.sqlite.connection import connect_reader, connect_writer, empty_wal
from lanline.storage.sqlite.devices import SqliteDevices, SqliteDevicesView
from lanline.storage.sqlite.groups import SqliteGroups, SqliteGroupsView
from lanline.storage.sqlite.invites import SqliteInvites, SqliteInvitesView
from lanline.storage.sqlite.journal import SqliteJournal, SqliteJournalView
from lanline.storage.sqlite.lock import FolderLock
from lanline.storage.sqlite.logs import SqliteLogs, SqliteLogsView
from lanline.storage.sqlite.migration import MIGRATIONS, migrate, stored_version
from lanline.storage.sqlite.names import SqliteNames, SqliteNamesView
from lanline.storage.sqlite.problems import storage_problem
from lanline.storage.sqlite.rooms import SqliteRooms, SqliteRoomsView
from lanline.wholefile import make_folder, sync_folder

T = TypeVar("T")

_TRIES = 4
"""A disk that is full for everybody fails everybody after so many."""


class _TransactionLost(Exception):
    """A work has failed, and the whole transaction with it. The others get another one, without it."""

    def __init__(self, place: int, problem: Exception) -> None:
        super().__init__(place, problem)
        self.place = place
        self.problem = problem


class SqliteView:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.accounts = SqliteAccountsView(connection)
        self.logs = SqliteLogsView(connection)
        self.rooms = SqliteRoomsView(connection)
        self.invites = SqliteInvitesView(connection)
        self.blobs = SqliteBlobsView(connection)
        self.groups = SqliteGroupsView(connection)
        self.devices = SqliteDevicesView(connection)
        self.settings = SqliteSettingsView(connection)
        self.journal = SqliteJournalView(connection)
        self.names = SqliteNamesView(connection)


class SqliteTransaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.accounts = SqliteAccounts(connection)
        self.logs = SqliteLogs(connection)
        self.rooms = SqliteRooms(connection)
        self.invites = SqliteInvites(connection)
        self.blobs = SqliteBlobs(connection)
        self.groups = SqliteGroups(connection)
        self.devices = SqliteDevices(connection)
        self.settings = SqliteSettings(connection)
        self.journal = SqliteJournal(connection)
        self.names = SqliteNames(connection)


class SqliteEngine:
    def __init__(self, folder: Path, lock: FolderLock, writer: sqlite3.Connection) -> None:
        """Use `open`."""
        self._folder = folder
        self._lock = lock
        self._writer = writer
        self._transaction = SqliteTransaction(writer)
        self._idle_views: list[SqliteView] = []
        self._is_closed = False

    @classmethod
    def open(cls, folder: Path) -> SqliteEngine:
        """Makes the folder and the tables, or brings them up to date. Raises StorageError."""
        try:
            _make_folder(folder)
            lock = FolderLock(folder)
        except (OSError, sqlite3.Error) as cause:
            raise _opening_problem(cause, folder) from cause
        try:
            return cls._open_locked(folder, lock)
        except BaseException as cause:
            lock.release()
            if isinstance(cause, OSError | sqlite3.Error):
                raise _opening_problem(cause, folder) from cause
            raise

    @classmethod
    def _open_locked(cls, folder: Path, lock: FolderLock) -> SqliteEngine:
        version = stored_version(folder)
        writer = connect_writer(folder)
        try:
            if version != newest_number(MIGRATIONS):
                migrate(writer, version)
            if version == 0:  # SQLite sees to the name of the WAL, nobody to that of the database
                sync_folder(folder)
            # SQLite opens a file that may only be read all the same. That is to be told now, not with a message.
            writer.execute("DELETE FROM settings WHERE FALSE")
            empty_wal(writer)
        except BaseException:
            writer.close()
            raise
        return cls(folder, lock, writer)

    def transact(self, works: Sequence[Callable[[Transaction], object]]) -> list[object]:
        if self._is_closed:
            raise StorageClosed("The store is closed.")
        outcomes: list[object] = [None] * len(works)
        places = list(range(len(works)))
        for tries_left in reversed(range(_TRIES)):
            try:
                self._run(works, places, outcomes)
            except _TransactionLost as loss:
                if not tries_left:
                    raise loss.problem from loss
                outcomes[loss.place] = loss.problem
                places.remove(loss.place)
            else:
                break
        return outcomes

    def _run(self, works: Sequence[Callable[[Transaction], object]], places: list[int], outcomes: list[object]) -> None:
        writer = self._writer
        try:
            writer.execute("BEGIN IMMEDIATE")
            for place in places:
                outcomes[place] = self._attempt(works[place], place, is_alone=len(places) == 1)
            writer.execute("COMMIT")
        except Exception as cause:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
            problem = storage_problem(cause, self._folder)
            if problem is cause:
                raise
            raise problem from cause
        if self._transaction.accounts.has_forgotten:
            self._transaction.accounts.has_forgotten = not empty_wal(writer)

    def _attempt(self, work: Callable[[Transaction], object], place: int, *, is_alone: bool) -> object:
        """What is alone needs no savepoint: it is undone with its transaction."""
        writer = self._writer
        if not is_alone:
            writer.execute("SAVEPOINT work")
        outcome: object
        try:
            outcome = work(self._transaction)
        except Exception as cause:
            outcome = storage_problem(cause, self._folder)
            if is_alone or not writer.in_transaction:
                raise _TransactionLost(place, outcome) from cause
            writer.execute("ROLLBACK TO work")
        if not writer.in_transaction:
            problem = StorageUnusable(f"The database in {self._folder} gave up. Nothing was kept of this; try again.")
            raise _TransactionLost(place, problem)
        if not is_alone:
            writer.execute("RELEASE work")
        return outcome

    def read(self, work: Callable[[View], T]) -> T:
        try:
            view = self._take_view()
            try:
                view.connection.execute("BEGIN")
                return work(view)
            finally:
                if view.connection.in_transaction:
                    view.connection.execute("ROLLBACK")
                self._put_back(view)
        except sqlite3.Error as cause:
            raise storage_problem(cause, self._folder) from cause

    def _take_view(self) -> SqliteView:
        """Any thread may ask; taking from a list and adding to it are atomic."""
        if self._is_closed:
            raise StorageClosed("The store is closed.")
        try:
            return self._idle_views.pop()
        except IndexError:
            return SqliteView(connect_reader(self._folder))

    def _put_back(self, view: SqliteView) -> None:
        self._idle_views.append(view)
        if self._is_closed:
            self._close_idle_views()

    def _close_idle_views(self) -> None:
        while self._idle_views:
            self._idle_views.pop().connection.close()

    def close(self) -> None:
        """Reads that still run end undisturbed."""
        if self._is_closed:
            return
        self._is_closed = True
        self._close_idle_views()
        self._writer.close()
        self._lock.release()


def _opening_problem(cause: Exception, folder: Path) -> Exception:
    if isinstance(cause, OSError):
        return StorageUnusable(f"The folder {folder} cannot be used: {cause.strerror}.")
    return storage_problem(cause, folder)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        make_folder(folder)
