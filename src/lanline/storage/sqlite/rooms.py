"""The rows of rooms, memberships and conversations of two."""

from __future__ import annotations

import sqlite3
from typing import Any

from lanline.errors import NameTaken, RecordMissing
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import LogId, LogKind
from lanline.model.names import folded_name
from lanline.model.rooms import Access, Direct, Membership, Role, Room, Standing, ordered_pair

_ROOMS = "SELECT log, name, topic, access, creator, created_ms, slow_s, pins FROM rooms "
_MEMBERSHIPS = "SELECT log, account, role, standing, is_muted, invited_by, given_from FROM memberships "
_DIRECTS = "SELECT log, lower, higher FROM directs "


class SqliteRoomsView:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def by_log(self, log: LogId) -> Room | None:
        row = self._connection.execute(_ROOMS + "WHERE log = ?", (log,)).fetchone()
        return _room(row) if row else None

    def by_name(self, name: str) -> Room | None:
        row = self._connection.execute(_ROOMS + "WHERE folded_name = ?", (folded_name(name),)).fetchone()
        return _room(row) if row else None

    def all(self) -> list[Room]:
        return list(map(_room, self._connection.execute(_ROOMS + "ORDER BY log")))

    def membership(self, log: LogId, account: AccountId) -> Membership | None:
        found = self._connection.execute(_MEMBERSHIPS + "WHERE log = ? AND account = ?", (log, account))
        row = found.fetchone()
        return _membership(row) if row else None

    def members(self, log: LogId) -> list[Membership]:
        found = self._connection.execute(_MEMBERSHIPS + "WHERE log = ? ORDER BY account", (log,))
        return list(map(_membership, found))

    def of(self, account: AccountId) -> list[Membership]:
        found = self._connection.execute(_MEMBERSHIPS + "WHERE account = ? ORDER BY log", (account,))
        return list(map(_membership, found))

    def invitations(self, host: AccountId) -> list[Membership]:
        found = self._connection.execute(_MEMBERSHIPS + "WHERE invited_by = ? ORDER BY log, account", (host,))
        return list(map(_membership, found))

    def roles_from(self, device: DeviceId) -> list[Membership]:
        found = self._connection.execute(
            _MEMBERSHIPS + "WHERE given_from = ? AND role > ? ORDER BY log, account", (device, int(Role.MEMBER))
        )
        return list(map(_membership, found))

    def direct(self, log: LogId) -> Direct | None:
        row = self._connection.execute(_DIRECTS + "WHERE log = ?", (log,)).fetchone()
        return Direct(*row) if row else None

    def direct_between(self, one: AccountId, other: AccountId) -> Direct | None:
        found = self._connection.execute(_DIRECTS + "WHERE lower = ? AND higher = ?", ordered_pair(one, other))
        row = found.fetchone()
        return Direct(*row) if row else None

    def directs(self, account: AccountId) -> list[Direct]:
        found = self._connection.execute(_DIRECTS + "WHERE lower = ? OR higher = ? ORDER BY log", (account, account))
        return [Direct(*row) for row in found]


class SqliteRooms(SqliteRoomsView):
    def create(self, name: str, topic: str, access: Access, creator: AccountId, created_ms: int) -> Room:
        self._check_free(name)
        room = Room(self._new_log(LogKind.ROOM), name, topic, access, creator, created_ms)
        self._connection.execute(
            "INSERT INTO rooms (log, name, folded_name, topic, access, creator, created_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (room.log, name, folded_name(name), topic, access.value, creator, created_ms),
        )
        self.put_membership(Membership(room.log, creator, Role.OWNER))
        return room

    def change(self, room: Room) -> None:
        self._check_free(room.name, room.log)
        changed = self._connection.execute(
            "UPDATE rooms SET name = ?, folded_name = ?, topic = ?, access = ?, slow_s = ?, pins = ? WHERE log = ?",
            (
                *(room.name, folded_name(room.name), room.topic, room.access.value),
                *(room.slow_s, " ".join(map(str, room.pins)), room.log),
            ),
        )
        if not changed.rowcount:
            raise RecordMissing("There is no such room.")

    def put_membership(self, membership: Membership) -> None:
        self._connection.execute(
            "INSERT INTO memberships (log, account, role, standing, is_muted, invited_by, given_from) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (log, account) DO UPDATE SET role = excluded.role, standing = excluded.standing, "
            "is_muted = excluded.is_muted, invited_by = excluded.invited_by, given_from = excluded.given_from",
            (
                membership.log,
                membership.account,
                int(membership.role),
                membership.standing.value,
                membership.is_muted,
                membership.invited_by,
                membership.given_from,
            ),
        )

    def drop_membership(self, log: LogId, account: AccountId) -> None:
        self._connection.execute("DELETE FROM memberships WHERE log = ? AND account = ?", (log, account))

    def end(self, log: LogId) -> None:
        for table in ("memberships", "private_rooms", "rooms", "directs", "cursors"):
            self._connection.execute(f"DELETE FROM {table} WHERE log = ?", (log,))  # noqa: S608 -- our own words
        self._connection.execute("UPDATE logs SET kind = ? WHERE id = ?", (LogKind.ENDED.value, log))

    def open_direct(self, one: AccountId, other: AccountId) -> Direct:
        direct = self.direct_between(one, other)
        if direct is None:
            direct = Direct(self._new_log(LogKind.DIRECT), *ordered_pair(one, other))
            self._connection.execute(
                "INSERT INTO directs (log, lower, higher) VALUES (?, ?, ?)", (direct.log, direct.lower, direct.higher)
            )
        return direct

    def _check_free(self, name: str, mine: LogId | None = None) -> None:
        room = self.by_name(name)
        if room is None or room.log == mine:
            return
        if room.name == name:
            raise NameTaken(f"There is a room {name} already.")
        raise NameTaken(f"There is a room {room.name} already, and {name} looks like it.")

    def _new_log(self, kind: LogKind) -> LogId:
        added = self._connection.execute("INSERT INTO logs (kind, head) VALUES (?, 0) RETURNING id", (kind.value,))
        return LogId(added.fetchone()[0])


def _room(row: tuple[Any, ...]) -> Room:
    log, name, topic, access, creator, created_ms, slow_s, pins = row
    return Room(log, name, topic, Access(access), creator, created_ms, slow_s, tuple(map(int, pins.split())))


def _membership(row: tuple[Any, ...]) -> Membership:
    log, account, role, standing, is_muted, *given = row
    return Membership(log, account, Role(role), Standing(standing), bool(is_muted), *given)
