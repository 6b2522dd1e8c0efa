"""Owns how what was plain becomes sealed, once its person has said yes: an admin founds the group, the owner of a room
by invitation founds that anew, and both let in who was there before, as they come.

What was agreed stands on the disk before anything is sent. From there on each step is what still lacks, by the rows
that are left, the chain and who asks: so who is killed in between does the rest at the next start. See
docs/protocol/sealing.md, 7.

And the table of what the person of this home has agreed to, until it is done. Nothing else knows of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, cast

from lanline.client.chat.database import Database
from lanline.client.sealing.context import GroupContext, SignedInPerson
from lanline.client.sealing.member import GroupMember
from lanline.client.sealing.people import How
from lanline.client.sealing.roomcopy import RoomCopy
from lanline.client.sealing.scopes import PrivateRoom
from lanline.crypto.groups import ids
from lanline.errors import LanlineError, LinkNotOpen, RequestRefused
from lanline.ticket import Steps, Ticket, follow
from lanline.wire.chat import groups as wire
from lanline.wire.sealing.entries import Joiner, Role, RoomRole, decode_joiner

GROUP = ""
"""The place that is no room."""
_ROWS = "SELECT place, account, name, role, account_id FROM agreed ORDER BY place, account"


class Agreed(NamedTuple):
    place: str
    """`GROUP`, or a room with its `#`."""
    account: int
    """On the server. One's own: that the group, or the room, is founded."""
    name: str
    role: int
    """`entries.Role` in the group, `entries.RoomRole` in a room."""
    account_id: bytes | None = None
    """From the moment on in which they are let into the group."""


class AgreedTable:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.rows = [
            Agreed(*row) for row in cast("list[tuple[str, int, str, int, bytes | None]]", database.read(_ROWS))
        ]

    def add(self, rows: Sequence[Agreed]) -> None:
        """All of them, or none: a yes is one."""
        self._database.run_many("INSERT OR REPLACE INTO agreed VALUES (?, ?, ?, ?, ?)", rows)
        new = {(each.place, each.account) for each in rows}
        self.rows = [each for each in self.rows if (each.place, each.account) not in new] + list(rows)

    def settle(self, rows: Sequence[Agreed]) -> None:
        """They are done, or never will be."""
        if not rows:
            return
        with self._database.write() as writer:
            done = [(each.place, each.account) for each in rows]
            writer.executemany("DELETE FROM agreed WHERE place = ? AND account = ?", done)
        self.rows = [each for each in self.rows if (each.place, each.account) not in done]


_AGAIN_S = 5.0
_MOST_AT_ONCE = 100
"""Accounts in one entry of a room."""


class ServerTables(Protocol):
    """What the server says of accounts and rooms. It is asked whether names are still whose they were."""

    @property
    def own_account(self) -> int: ...

    def account_named(self, name: str) -> int | None: ...

    def log_of_room(self, title: str) -> int | None:
        """Where all that was said there is here."""

    def own_private_rooms(self) -> list[tuple[str, int]]:
        """By invitation, and read up to here: titles and logs."""


class Adoption:
    def __init__(
        self,
        context: GroupContext,
        member: GroupMember,
        table: AgreedTable,
        server: ServerTables,
        on_change: Callable[[], None],
    ) -> None:
        self._context = context
        self._member = member
        self._table = table
        self._server = server
        self._on_change = on_change
        self._flow: Ticket[None] | None = None
        self._person: SignedInPerson | None = None
        """Of the link on which the steps are taken."""
        self._put_off: set[tuple[str, int]] = set()
        """What the server refuses: not again on this link."""
        self._founded: set[str] = set()
        """Rooms of which the entry was taken on this link; their copy is on its way."""
        self.problem = ""
        """Why something that was agreed was not done; a sentence."""

    def agree(self, rows: Sequence[Agreed]) -> None:
        """The yes, on the disk. What follows from it follows by itself."""
        self._table.add(rows)
        self._put_off.clear()
        self.problem = ""
        self.go_on()

    @property
    def awaited(self) -> tuple[Agreed, ...]:
        """Who is to be let in, and is not yet."""
        own = self._server.own_account
        return tuple(each for each in self._table.rows if each.account != own)

    def is_agreed(self, account: int) -> bool:
        """That this account is let into the group as soon as it asks."""
        waiting = self._member.changes.requests.get(account)
        is_known = waiting is None or self._is_known(decode_joiner(waiting.joiner))
        return is_known and any(each.place == GROUP and each.account == account for each in self._table.rows)

    def _is_known(self, joiner: Joiner) -> bool:
        """Where there was a group before, nobody is let into the next unasked but who was in that one, by the key."""
        return self._member.copy.people.is_same_as_before(joiner.name.decode(errors="replace"), joiner.sign_key)

    def is_founding(self, place: str) -> bool:
        """It was agreed, and the group, or the room, does not stand yet."""
        return any(each.place == place and each.account == self._server.own_account for each in self._table.rows)

    def is_at_work(self, place: str) -> bool:
        """It is being founded, or who is in the group already is on the way into the room, and to the own rights."""
        others = [each for each in self._table.rows if each.place == place != GROUP and self._may_try(each)]
        return self.is_founding(place) or any(self._account_id(each) is not None for each in others)

    def plain_rooms(self) -> list[str]:
        """By invitation, of the own person, from before the group: nothing is said there until they say yes."""
        found = [(title, self._copy_of(title, log)) for title, log in self._server.own_private_rooms()]
        return [title for title, copy in found if copy is None and not self.is_founding(title)]

    def _copy_of(self, title: str, log: int) -> RoomCopy | None:
        copy = self._context.scopes.room(PrivateRoom(log, title.removeprefix("#")))
        return None if copy is None or copy.room is None else copy

    # One thing at a time.

    def go_on(self) -> None:
        if self._context.person is not self._person:  # another link
            self._person = self._context.person
            self._put_off.clear()
            self._founded.clear()
        while self._flow is None and self._context.person is not None:
            found = self._next()
            if found is None:
                return
            row, steps = found
            self._flow = ticket = follow(steps)
            ticket.when_settled(lambda settled, row=row: self._on_settled(row, settled))  # type: ignore[misc]

    def _on_settled(self, row: Agreed, ticket: Ticket[None]) -> None:
        self._flow, problem = None, ticket.problem
        if isinstance(problem, LinkNotOpen):
            return
        if isinstance(problem, LanlineError):
            self.problem = str(problem)
            self._put_off.add((row.place, row.account))
            if not isinstance(problem, RequestRefused) or problem.retry_after_s:
                pause_s = max(getattr(problem, "retry_after_s", 0.0), _AGAIN_S)
                self._context.clock.call_later(pause_s, self._try_again)
        elif problem is not None:
            raise problem
        self._on_change()
        self._context.clock.call_later(0.0, self.go_on)

    def _try_again(self) -> None:
        self._put_off.clear()
        self.go_on()

    def _next(self) -> tuple[Agreed, Steps[None]] | None:
        member, own = self._member, self._server.own_account
        if self.is_founding(GROUP) and (member.is_awaited or not member.has_group):
            member.agree_to_found()
        elif self.is_founding(GROUP) and member.has_heard:
            self._table.settle([each for each in self._table.rows if (each.place, each.account) == (GROUP, own)])
        if not (member.copy.is_member and member.is_current and self._context.has_newest_seed) or member.problem:
            return None
        self._drop_what_is_over()
        for row in self._table.rows:
            if row.place == GROUP and self._may_try(row) and (steps := self._steps_of_member(row)) is not None:
                return row, steps
        for place in sorted({each.place for each in self._table.rows} - {GROUP}):
            found = self._next_of_room(place, [each for each in self._table.rows if each.place == place])
            if found is not None:
                return found
        return None

    def _may_try(self, row: Agreed) -> bool:
        return (row.place, row.account) not in self._put_off

    def _drop_what_is_over(self) -> None:
        copy, chain = self._member.copy, self._member.copy.chain
        is_admin = copy.account_id in chain.admins
        over = [each for each in self._table.rows if each.place == GROUP and self._is_over(each, is_admin=is_admin)]
        over += [each for each in self._table.rows if each.place != GROUP and self._is_strange(each)]
        self._table.settle(over)

    def _is_over(self, row: Agreed, *, is_admin: bool) -> bool:
        """Somebody else may have let them in, or may have to; and who has that name now may be another."""
        chain = self._member.copy.chain
        if row.account_id is not None and row.account_id in chain.accounts:
            return not is_admin or not chain.is_member(row.account_id)
        return not is_admin or row.name.encode() in chain.names or self._is_strange(row)

    def _is_strange(self, row: Agreed) -> bool:
        """By the server's own table the name is not that account's any more."""
        return self._server.account_named(row.name) != row.account

    # Into the group.

    def _steps_of_member(self, row: Agreed) -> Steps[None] | None:
        if row.account_id is not None and self._member.copy.chain.is_member(row.account_id):
            return self._finish(row, row.account_id)
        waiting = self._member.changes.requests.get(row.account)
        if waiting is None:
            return None
        joiner = decode_joiner(waiting.joiner)
        if joiner.name != row.name.encode() or not self._is_known(joiner):
            return None
        return self._let_in(row._replace(account_id=ids.account_id_of(joiner.sign_key)), waiting)

    def _let_in(self, row: Agreed, waiting: wire.WaitingRequest) -> Steps[None]:
        """Who they are in the group is kept first: after a crash nobody else who has the name gets their rights."""
        assert row.account_id is not None
        self._table.add([row])
        yield from self._member.changes.admit_asker(waiting)
        yield from self._finish(row, row.account_id)

    def _finish(self, row: Agreed, account_id: bytes) -> Steps[None]:
        yield from self._member.changes.give_newest_to(account_id)
        if row.role == Role.ADMIN:
            yield from self._member.changes.make_admin(account_id)
        self._table.settle([row])

    # Into rooms by invitation.

    def _next_of_room(self, place: str, rows: list[Agreed]) -> tuple[Agreed, Steps[None]] | None:
        log, own = self._server.log_of_room(place), self._server.own_account
        if log is None:
            return None
        founding = next((each for each in rows if each.account == own), None)
        copy = self._copy_of(place, log)
        if copy is None:
            if founding is None or place in self._founded or not self._may_try(founding):
                return None
            return founding, self._found(log, founding, [each for each in rows if each is not founding])
        if founding is not None:
            self._table.settle([founding])
        return self._next_of_copy(copy, [each for each in rows if each is not founding])

    def _found(self, log: int, row: Agreed, others: list[Agreed]) -> Steps[None]:
        known = [account_id for each in others if (account_id := self._account_id(each)) is not None]
        yield from self._member.rooms.found_in_steps(log, row.place.removeprefix("#"), known[:_MOST_AT_ONCE])
        self._founded.add(row.place)

    def _next_of_copy(self, copy: RoomCopy, rows: list[Agreed]) -> tuple[Agreed, Steps[None]] | None:
        """Let in, then given their rights, then done."""
        if not copy.may_begin:
            return None
        assert copy.room is not None
        members, me = copy.room.members, self._member.copy.account_id
        known = {each: account_id for each in rows if (account_id := self._account_id(each)) is not None}
        done = [each for each, account_id in known.items() if members.get(account_id) == each.role]
        self._table.settle(done if members[me] is not RoomRole.MEMBER else rows)
        if members[me] is RoomRole.MEMBER:
            return None
        known = {each: account_id for each, account_id in known.items() if each not in done and self._may_try(each)}
        outside = [each for each, account_id in known.items() if account_id not in members][:_MOST_AT_ONCE]
        if outside:
            return outside[0], self._member.rooms.let_in_in_steps(copy, [known[each] for each in outside])
        for each in known:
            if members[me] is RoomRole.OWNER:
                return each, self._member.rooms.set_role_in_steps(copy, known[each], RoomRole(each.role))
            self._table.settle([each])
        return None

    def _account_id(self, row: Agreed) -> bytes | None:
        """In the group, and not somebody else who has the name since."""
        copy = self._member.copy
        account_id = copy.chain.names.get(row.name.encode())
        if account_id is None or self._is_strange(row):
            return None
        is_another = copy.people.trust(copy.chain, copy.account_id, account_id).how is How.CHANGED
        return None if is_another else account_id
