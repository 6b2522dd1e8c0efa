"""Joins the parts of the core: commands go in, and what was committed comes out as one stream of changes.

    ticket = core.do(actor, SetSlow(log, 30))                      the outcome, once it is on the disk
    core.stream.subscribe(gateway.on_changes)                    what everybody is to know, in the order of commits

All calls, and all callbacks of what was handed in, come on one thread. Nothing here waits: what takes time is a ticket.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from lanline.chain.state import Chain
from lanline.clock import Clock
from lanline.core import signin
from lanline.core.accounts import Accounts
from lanline.core.appends import Appends, Author
from lanline.core.chaingathering import ChainGathering
from lanline.core.changes import OPERATOR, Actor, ChangeStream
from lanline.core.commands import Authority, Command, Context, Decision, authority_of
from lanline.core.conversations import Conversations
from lanline.core.cursors import Cursors
from lanline.core.endings import DeleteSilent
from lanline.core.groupstate import GroupState, GroupStates
from lanline.core.history import History
from lanline.core.housekeeping import Housekeeping
from lanline.core.invites import MakeInvite, make_first_invite, new_token
from lanline.core.journal import WrongPasswords
from lanline.core.limits import Buckets, DiskFloor
from lanline.core.openjoins import OpenJoins
from lanline.core.passwords import PasswordHasher, Passwords
from lanline.core.presence import Presence
from lanline.core.refusals import disk_nearly_full, slow_down
from lanline.core.signin import SignIn
from lanline.core.takenbranch import Item, TakeBranch
from lanline.errors import LanlineError, StorageError
from lanline.ids import Entropy
from lanline.model.accounts import AccountId
from lanline.model.invites import Invite, invite_token_hash
from lanline.model.logs import Appended, Entry, LogId
from lanline.model.settings import ServerSettings
from lanline.storage.api import Store, Transaction, View
from lanline.ticket import Steps, Ticket, follow, in_steps

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
_DAY_MS = 24 * 3600 * 1000
_ENDED_AT_ONCE = 100


class Core:
    """`open` first, once."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        hasher: PasswordHasher,
        entropy: Entropy,
        settings: ServerSettings,
        free_bytes: Callable[[], int],
    ) -> None:
        """`free_bytes`: how much room there is on the store's disk."""
        self.store = store
        self.settings = settings
        self.entropy = entropy
        self.groups = GroupStates()
        self.group = GroupState(LogId(0), Chain())
        """As it was when the core was opened."""
        self.clock = clock
        self.stream = ChangeStream()
        self.gathering = ChainGathering(clock, self._take_branch, self.stream.emit)
        self.history = History(store, clock, entropy)
        self.accounts = Accounts()
        self.conversations = Conversations()
        self.presence = Presence(store, clock, self.stream.emit)
        self.cursors = Cursors(store, clock, self.conversations.head_for, self.accounts.account_of, self.stream.emit)
        self.passwords = Passwords(hasher, clock, settings)
        self.wrong_passwords = WrongPasswords(store, clock)
        self.open_joins = OpenJoins(settings)
        self.sign_in = SignIn(self)
        self.free_bytes = free_bytes
        self._floor = DiskFloor(free_bytes, settings.least_free_bytes)
        self._commands = 0
        """Those that are on their way to the disk, or were written and are not yet told."""
        self.appends = Appends(
            store,
            clock,
            settings,
            lambda account: not self._floor.is_low(clock.now()) or self.accounts.is_admin(account),
            lambda: self._commands > 0,
            self.groups,
            self.stream.emit,
        )
        self._pace: Buckets[AccountId] = Buckets(settings.requests_per_s, settings.requests_burst)
        self.is_closing = False
        self.housekeeping = Housekeeping(store, clock, settings, free_bytes, self.stream.emit, self._end_silent)
        self._began_at = clock.now()
        for part in (
            *(self.accounts, self.conversations, self.presence, self.cursors, self.appends),
            *(self.housekeeping, self.gathering),
        ):
            self.stream.add_part(part.handlers())

    @in_steps
    def open(self) -> Steps[None]:
        """Reads what is kept."""

        def load(view: View) -> None:
            for part in (self.accounts, self.conversations, self.presence, self.history):
                part.load(view)
            self.group = self.groups.at(view)
            self.conversations.load_chain(self.group.log, view)
            self.gathering.load(self.group, view)

        yield from self.store.read(load).wait()
        self.history.begin()

    # Commands.

    @in_steps
    def do(self, actor: Actor, command: Command[T]) -> Steps[T]:
        """The outcome once it is on the disk, or RequestRefused, InvalidInput, RecordProblem, StorageError."""
        self.check_pace(actor)
        if command.fills_disk:
            self.check_disk(is_admin=self.accounts.is_admin(actor.account))
        yield from self.appends.hand_in_those_of(actor.account).wait()
        return (yield from self.decide(actor, command).wait())

    def decide(self, actor: Actor, command: Command[T]) -> Ticket[T]:
        context = self.context()
        return self.commit(lambda transaction: command.decide(transaction, authority_of(transaction, actor, context)))

    def commit(self, work: Callable[[Transaction], Decision[T]]) -> Ticket[T]:
        """Also when nobody waits for the outcome any more, everybody is told what has changed."""
        outcome: Ticket[T] = Ticket()

        def settled(ticket: Ticket[Decision[T]]) -> None:
            self._commands -= 1
            if ticket.problem is not None:
                self.appends.forget_rights()  # it may have been written all the same
                outcome.settle(ticket.problem)
                return
            result, changes = ticket.result()
            try:
                self.stream.emit(changes)
            finally:
                outcome.settle(result)

        try:
            ticket = self.store.write(work)
        except StorageError as problem:
            outcome.settle(problem)
        else:
            self._commands += 1
            ticket.when_settled(settled)
        return outcome

    def append(self, actor: Actor, log: LogId, entry_id: bytes, suite: str, content: bytes) -> Ticket[Appended]:
        """One entry, for a gateway that has no need of an `Author` of its own."""
        outcome: Ticket[Appended] = Ticket()
        author = Author(actor, lambda places: outcome.settle(places[0][1]), lambda _, why: outcome.settle(why))
        try:
            self.appends.take(author, 0, log, entry_id, suite, content)
        except LanlineError as problem:
            outcome.settle(problem)
        return outcome

    def enter(self, asked: signin.SignInByKey | signin.Join) -> Ticket[signin.SignedIn]:
        """Then `presence.come`. A ticket that is cancelled meanwhile ends it before the next step."""
        return follow(self.sign_in.join(asked) if isinstance(asked, signin.Join) else self.sign_in.by_key(asked))

    @in_steps
    def change_password(self, actor: Actor, asked: signin.ChangePassword | signin.SetPassword) -> Steps[None]:
        self.check_pace(actor)
        if isinstance(asked, signin.ChangePassword):
            yield from self.sign_in.change_password(actor, asked)
        else:
            yield from self.sign_in.set_password(actor, asked)

    @in_steps
    def make_invite(
        self, actor: Actor, uses: int = 1, expires_in_s: float | None = None, *, grants_admin: bool = False
    ) -> Steps[bytes]:
        """The token, which nothing keeps."""
        token = new_token(self.entropy)
        yield from self.do(actor, MakeInvite(invite_token_hash(token), uses, expires_in_s, grants_admin)).wait()
        return token

    def make_first_invite(self, expires_in_s: float) -> Ticket[bytes]:
        """The token, for whoever sets the server up, and is its first admin. There is never more than one."""
        token, now_ms = new_token(self.entropy), self.clock.now_ms()
        expires_ms = now_ms + round(expires_in_s * 1000)
        invite = Invite(invite_token_hash(token), 1, expires_ms, grants_admin=True, creator=None, created_ms=now_ms)

        def work(transaction: Transaction) -> Decision[bytes]:
            make_first_invite(transaction, invite)
            return token, ()

        return self.commit(work)

    def _take_branch(self, chain: Chain, items: Sequence[Item], vouched: int, in_full: Iterable[bytes]) -> Ticket[None]:
        return self.decide(OPERATOR, TakeBranch(chain.height, chain.head, tuple(items), vouched, tuple(in_full)))

    def _end_silent(self, since_ms: int) -> None:
        """Where the settings say so: accounts that anybody may have made, and that nobody uses."""
        days = self.settings.silent_days
        if days is None:
            return
        before_ms = self.clock.now_ms() - days * _DAY_MS
        silent = [
            each.id
            for each in self.accounts.all()
            if not (each.is_invited or each.is_admin or each.is_ended)
            and not self.presence.links(each.id)
            and max(since_ms, each.created_ms, self.presence.of(each.id).seen_ms) < before_ms
        ]
        if silent and not self.is_closing:
            ended = DeleteSilent(tuple(silent[:_ENDED_AT_ONCE]), f"silent for {days} days")
            self.decide(OPERATOR, ended).when_settled(_log_problem)

    # Questions.

    @in_steps
    def ask(self, actor: Actor, look: Callable[[View, Authority], T]) -> Steps[T]:
        """What only the store knows."""
        self.check_pace(actor)
        context = self.context()
        return (yield from self.store.read(lambda view: look(view, authority_of(view, actor, context))).wait())

    @in_steps
    def read_before(self, actor: Actor, log: LogId, before: int, limit: int, max_bytes: int) -> Steps[list[Entry]]:
        """The newest that precede, oldest first. Never what is committed and not yet told."""
        self.check_pace(actor)
        end = min(before, self.conversations.readable(log, actor.account).head + 1)
        return (yield from self.store.read(lambda view: view.logs.before(log, end, limit, max_bytes)).wait())

    def read_after(self, log: LogId, after: int, limit: int, max_bytes: int) -> Ticket[list[Entry]]:
        """For a gateway that has seen to it that whoever is sent this may read it."""
        return self.store.read(lambda view: view.logs.after(log, after, limit, max_bytes))

    # Limits.

    def check_pace(self, actor: Actor) -> None:
        """Before what changes something, or whose answer is large. Raises RequestRefused."""
        wait_s = self._pace.take(actor.account, self.clock.now())
        if wait_s:
            raise slow_down(wait_s)

    def check_disk(self, *, is_admin: bool) -> None:
        """Before anything that fills it. Raises RequestRefused."""
        if not is_admin and self._floor.is_low(self.clock.now()):
            raise disk_nearly_full()

    def context(self) -> Context:
        return Context(self.settings, self.clock.now_ms(), self.groups)

    def figures(self) -> dict[str, float]:
        """`_total` counts up, the rest is as it is now."""
        figures: dict[str, float] = {f"{name}_total": count for name, count in self.appends.counts.items()}
        figures["accounts"] = len(self.accounts)
        figures["accounts_online"] = self.presence.online
        figures["rooms"] = len(self.conversations.rooms())
        figures["appends_waiting"] = self.appends.waiting
        figures["disk_free_bytes"] = self.free_bytes()
        figures["uptime_seconds"] = self.clock.now() - self._began_at
        return figures

    # The end.

    @in_steps
    def close(self) -> Steps[None]:
        """Takes no more; settled when all that was taken is on the disk. The store stays open."""
        self.is_closing = True
        self.housekeeping.close()
        self.gathering.close()
        self.presence.close()
        self.cursors.close()
        self.wrong_passwords.write()
        self.appends.close()
        yield from self.store.write(_nothing).wait()
        while not self.appends.is_idle:
            self.appends.hand_in()
            yield from self.store.write(_nothing).wait()


def _log_problem(ticket: Ticket[None]) -> None:
    """Nobody waits for it; it is tried again in an hour."""
    if ticket.problem is not None:
        _LOG.error("Accounts that nobody uses could not be deleted.", exc_info=ticket.problem)


def _nothing(_transaction: Transaction) -> None:
    """Done when all before it is."""
