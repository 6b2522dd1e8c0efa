"""The rows of rooms, memberships and conversations of two."""

from __future__ import annotations

from sqlalchemy import Connection, Row, delete, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from lanline.errors import NameTaken, RecordMissing
from lanline.model.accounts import AccountId
from lanline.model.logs import LogId, LogKind
from lanline.model.names import folded_name
from lanline.model.rooms import Access, Direct, Membership, Role, Room, Standing, ordered_pair
from lanline.storage.sqlite.schema import directs, logs, memberships, rooms

_ROOMS = select(rooms.c.log, rooms.c.name, rooms.c.topic, rooms.c.access, rooms.c.creator, rooms.c.created_ms).order_by(
    rooms.c.log
)
_MEMBERSHIPS = select(
    memberships.c.log, memberships.c.account, memberships.c.role, memberships.c.standing, memberships.c.is_muted
).order_by(memberships.c.log, memberships.c.account)
_DIRECTS = select(directs.c.log, directs.c.lower, directs.c.higher).order_by(directs.c.log)


class SqliteRoomsView:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def by_log(self, log: LogId) -> Room | None:
        row = self._connection.execute(_ROOMS.where(rooms.c.log == log)).one_or_none()
        return _room(row) if row else None

    def by_name(self, name: str) -> Room | None:
        row = self._connection.execute(_ROOMS.where(rooms.c.folded_name == folded_name(name))).one_or_none()
        return _room(row) if row else None

    def all(self) -> list[Room]:
        return [_room(row) for row in self._connection.execute(_ROOMS)]

    def membership(self, log: LogId, account: AccountId) -> Membership | None:
        found = _MEMBERSHIPS.where(memberships.c.log == log, memberships.c.account == account)
        row = self._connection.execute(found).one_or_none()
        return _membership(row) if row else None

    def members(self, log: LogId) -> list[Membership]:
        return [_membership(row) for row in self._connection.execute(_MEMBERSHIPS.where(memberships.c.log == log))]

    def memberships(self, account: AccountId) -> list[Membership]:
        found = _MEMBERSHIPS.where(memberships.c.account == account)
        return [_membership(row) for row in self._connection.execute(found)]

    def direct(self, log: LogId) -> Direct | None:
        row = self._connection.execute(_DIRECTS.where(directs.c.log == log)).one_or_none()
        return Direct(*row) if row else None

    def direct_between(self, one: AccountId, other: AccountId) -> Direct | None:
        lower, higher = ordered_pair(one, other)
        found = _DIRECTS.where(directs.c.lower == lower, directs.c.higher == higher)
        row = self._connection.execute(found).one_or_none()
        return Direct(*row) if row else None

    def directs(self, account: AccountId) -> list[Direct]:
        found = _DIRECTS.where(or_(directs.c.lower == account, directs.c.higher == account))
        return [Direct(*row) for row in self._connection.execute(found)]


class SqliteRooms(SqliteRoomsView):
    def create(self, name: str, topic: str, access: Access, creator: AccountId, created_ms: int) -> Room:
        self._check_free(name)
        room = Room(self._new_log(LogKind.ROOM), name, topic, access, creator, created_ms)
        row = {
            "log": room.log,
            "name": name,
            "folded_name": folded_name(name),
            "topic": topic,
            "access": access.value,
            "creator": creator,
            "created_ms": created_ms,
        }
        self._connection.execute(insert(rooms).values(row))
        self.put_membership(Membership(room.log, creator, Role.OWNER))
        return room

    def change(self, room: Room) -> None:
        self._check_free(room.name, room.log)
        row = {
            "name": room.name,
            "folded_name": folded_name(room.name),
            "topic": room.topic,
            "access": room.access.value,
        }
        if not self._connection.execute(update(rooms).where(rooms.c.log == room.log).values(row)).rowcount:
            raise RecordMissing("There is no such room.")

    def put_membership(self, membership: Membership) -> None:
        key = {"log": membership.log, "account": membership.account}
        rest = {
            "role": int(membership.role),
            "standing": membership.standing.value,
            "is_muted": membership.is_muted,
        }
        put = upsert(memberships).values(key | rest).on_conflict_do_update(index_elements=list(key), set_=rest)
        self._connection.execute(put)

    def drop_membership(self, log: LogId, account: AccountId) -> None:
        dropped = delete(memberships).where(memberships.c.log == log, memberships.c.account == account)
        self._connection.execute(dropped)

    def open_direct(self, one: AccountId, other: AccountId) -> Direct:
        direct = self.direct_between(one, other)
        if direct is None:
            direct = Direct(self._new_log(LogKind.DIRECT), *ordered_pair(one, other))
            row = {"log": direct.log, "lower": direct.lower, "higher": direct.higher}
            self._connection.execute(insert(directs).values(row))
        return direct

    def _check_free(self, name: str, mine: LogId | None = None) -> None:
        room = self.by_name(name)
        if room is None or room.log == mine:
            return
        if room.name == name:
            raise NameTaken(f"There is a room {name} already.")
        raise NameTaken(f"There is a room {room.name} already, and {name} looks like it.")

    def _new_log(self, kind: LogKind) -> LogId:
        key = self._connection.execute(insert(logs).values(kind=kind.value, head=0)).inserted_primary_key
        assert key is not None
        return LogId(key[0])


def _room(row: Row[int, str, str, str, int, int]) -> Room:
    return Room(LogId(row.log), row.name, row.topic, Access(row.access), AccountId(row.creator), row.created_ms)


def _membership(row: Row[int, int, int, str, bool]) -> Membership:
    return Membership(LogId(row.log), AccountId(row.account), Role(row.role), Standing(row.standing), row.is_muted)
