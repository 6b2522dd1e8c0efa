"""Owns what a member changes in private rooms: founds one, lets in, sends away, gives rights, leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lanline.client.sealing.context import GroupContext, WaitFor
from lanline.client.sealing.epochcopy import EpochCopy
from lanline.client.sealing.roomcopy import RoomCopy
from lanline.client.sealing.scopes import Pair
from lanline.client.sealing.secrets import Secrets
from lanline.crypto.groups import ids
from lanline.errors import RefusalCode, RequestRefused
from lanline.ticket import Steps, Ticket, follow, in_steps
from lanline.wire.chat import groups as wire
from lanline.wire.sealing import entries
from lanline.wire.sealing.entries import RoomRole, RoomSuite
from lanline.wire.sealing.said import MAX_LINKED_BACK

_CHANCE_BYTES = 16


class RoomChanges:
    """Each is settled when it stands, and those who read on have what they need."""

    def __init__(
        self,
        context: GroupContext,
        secrets: Secrets,
        wait_for: WaitFor,
        want_epoch: Callable[[EpochCopy], None],
    ) -> None:
        """`want_epoch`: begin anew, as soon as it can be done."""
        self._context = context
        self._secrets = secrets
        self._rsa = secrets.rsa
        self._wait_for = wait_for
        self._want_epoch = want_epoch

    def found(
        self, log: int, name: str, accounts: Iterable[bytes], suite: RoomSuite = RoomSuite.HYBRID
    ) -> Ticket[None]:
        """`name` without the `#`; whoever is named is in, besides oneself."""
        return follow(self.found_in_steps(log, name, accounts, suite))

    def found_in_steps(
        self, log: int, name: str, accounts: Iterable[bytes], suite: RoomSuite = RoomSuite.HYBRID
    ) -> Steps[None]:
        yield from self._wait_for.membership()
        if suite is RoomSuite.RSA:
            yield from self._rsa.ensure()
            yield from self._rsa.wait_for(accounts)
        context, chance = self._context, self._context.entropy(_CHANCE_BYTES)
        named = tuple(sorted(accounts))

        def make() -> bytes:
            fields = chance, name.encode(), suite, named
            return context.own.entry(entries.FoundRoom, context.now_ms(), *fields)

        content = yield from self._append(log, make)
        context.scopes.pin(name, ids.private_room_id_of(content))

    def let_in(self, copy: RoomCopy, accounts: Iterable[bytes]) -> Ticket[None]:
        """They read also what was said before."""
        return follow(self.let_in_in_steps(copy, accounts))

    def let_in_in_steps(self, copy: RoomCopy, accounts: Iterable[bytes]) -> Steps[None]:
        accounts = tuple(sorted(accounts))
        if copy.scope.is_rsa:
            yield from self._rsa.wait_for(accounts)
        yield from self._change(copy, entries.LetIn, accounts)
        lacking = [epoch for epoch, _ in copy.newest()[:1] if copy.secret(epoch.epoch_id) is None]
        yield from self._secrets.open_given(copy, lacking)
        ends = copy.ends()[:MAX_LINKED_BACK]  # most often the newest, which opens all before it
        context = self._context
        readers = [each for each in copy.scope.readers(context.now_ms()) if each.id not in context.keys.ended]
        recipients = [each for each in readers if each.id in accounts]  # by the chain as it is here, whoever was meant
        if copy.may_begin and ends:
            yield from self._secrets.give(copy, recipients, ends)

    @in_steps
    def send_away(self, copy: RoomCopy, accounts: Iterable[bytes]) -> Steps[None]:
        """Or oneself. The next epoch begins at once."""
        yield from self._change(copy, entries.RemoveFromRoom, tuple(sorted(accounts)))
        if copy.may_begin:
            self._want_epoch(copy)

    @in_steps
    def seal_pair_in_rsa(self, place: Pair) -> Steps[None]:
        """From its next word on, and for good. Settled when its first epoch of this suite stands."""
        yield from self._wait_for.membership()
        context = self._context
        yield from self._rsa.ensure()
        other = context.copy.chain.names.get(place.name.encode())
        if other is None:
            raise RequestRefused(RefusalCode.UNKNOWN_PERSON, f"{place.name} is not in the group.")
        yield from self._rsa.wait_for([other])
        copy = context.scopes.rsa_pair(place)
        assert copy is not None
        if not copy.epochs:
            while wait_s := (yield from self._secrets.begin_epoch(copy)):
                yield from context.server.pause(wait_s)

    def set_role(self, copy: RoomCopy, account: bytes, role: RoomRole) -> Ticket[None]:
        return follow(self.set_role_in_steps(copy, account, role))

    def set_role_in_steps(self, copy: RoomCopy, account: bytes, role: RoomRole) -> Steps[None]:
        yield from self._change(copy, entries.SetRoomRole, account, role)

    def _change(self, copy: RoomCopy, kind: type[entries.Body], *fields: object) -> Steps[None]:
        yield from self._wait_for.membership()
        context = self._context
        if not copy.may_begin:
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "You are not in this room, or not all of it is here yet.")
        content = yield from self._append(copy.log, lambda: context.own.entry(kind, context.now_ms(), copy.id, *fields))
        copy.add_entry(content)

    def _append(self, log: int, make: Callable[[], bytes]) -> Steps[bytes]:
        """Signed on the head, as often as somebody else was quicker."""
        context = self._context

        def attempt() -> Steps[bytes]:
            content = make()
            taken = yield from context.server.ask(wire.AppendRoomKey(0, log, content), wire.KeyTaken)
            yield from context.server.wait_until(lambda: context.copy.sequence >= taken.sequence)
            return content

        return (yield from context.server.on_head(attempt))
