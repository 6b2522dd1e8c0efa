"""Owns what this device's steps in a group share: its keys, its copy of the chain, the server, the person.

And how this device asks the server in steps: one answer after the other, and waiting for what the chain brings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from lanline.chain.epochs import Recipient, account_recipient
from lanline.chain.state import Generation
from lanline.client.sealing.groupcopy import GroupCopy
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.ownentries import OwnEntries
from lanline.client.sealing.scopes import Scopes
from lanline.client.sealing.tables import GroupTables
from lanline.clock import Clock
from lanline.crypto.groups.keys import SealingKey, hash_of_key
from lanline.errors import LinkLost, ProtocolViolation, RefusalCode, RequestRefused
from lanline.ids import Entropy
from lanline.ticket import Steps, Ticket
from lanline.wire.chat import groups as wire
from lanline.wire.chat.devices import AddRecovery
from lanline.wire.chat.messages import ClientMessage, ServerMessage

A = TypeVar("A")
_STALE_PAUSE_S = 0.05
_MAX_TRIES = 200


def is_seed_of(generation: Generation, seed: bytes) -> bool:
    return hash_of_key(SealingKey.of_generation(seed).public_bytes) == generation.seal_hash


class Line(Protocol):
    """The way to the server, of `client.chat.session.ServerLine`."""

    def request(self, message: ClientMessage, on_answer: Callable[[ServerMessage | Exception], None]) -> None: ...

    def send(self, message: ClientMessage) -> None: ...


class ServerSteps:
    """`answer = yield from asking.ask(AskGroup(0), GroupIs)`, in steps that `ticket.follow` drives."""

    def __init__(self, line: Line, clock: Clock, entropy: Entropy) -> None:
        self.line = line
        self._clock = clock
        self._entropy = entropy
        self._waiting: list[tuple[Callable[[], bool], Ticket[None]]] = []

    def send(self, message: ClientMessage) -> None:
        self.line.send(message)

    def ask(self, message: ClientMessage, *kinds: type[A]) -> Steps[A]:
        """Raises RequestRefused, LinkNotOpen, ProtocolViolation."""
        ticket: Ticket[object] = Ticket()
        self.line.request(message, ticket.settle)
        answer = yield from ticket.wait()
        if not isinstance(answer, kinds):
            raise ProtocolViolation("the server has answered with something else")
        return answer

    def wait_until(self, condition: Callable[[], bool]) -> Steps[None]:
        """Looked at whenever something has come: see `note`."""
        if not condition():
            ticket: Ticket[None] = Ticket()
            self._waiting.append((condition, ticket))
            yield from ticket.wait()

    def pause(self, delay_s: float) -> Steps[None]:
        ticket: Ticket[None] = Ticket()
        self._clock.call_later(delay_s, lambda: ticket.settle(None))
        yield from ticket.wait()

    def note(self) -> None:
        """Something has come."""
        met = [ticket for condition, ticket in self._waiting if condition()]
        self._waiting = [each for each in self._waiting if each[1] not in met]
        for ticket in met:
            ticket.settle(None)

    def end(self) -> None:
        """The link has ended: who waits for what comes on it waits in vain."""
        waiting, self._waiting = self._waiting, []
        for _, ticket in waiting:
            ticket.settle(LinkLost("The connection was lost."))

    def on_head(self, attempt: Callable[[], Steps[A]]) -> Steps[A]:
        """Again as long as somebody else was quicker: each time by the chain as it is then."""
        for _ in range(_MAX_TRIES):
            try:
                return (yield from attempt())
            except RequestRefused as refused:
                if refused.code not in {RefusalCode.STALE_CHAIN, RefusalCode.STALE_KEYS}:
                    raise
            yield from self.pause(_STALE_PAUSE_S * self._entropy(1)[0] / 255)
        raise RequestRefused(RefusalCode.STALE_CHAIN, "The group changes all the time. Try again later.")


class SignedInPerson:
    """Who this is on the server, as it was told at sign-in."""

    def __init__(self, name: str, *, founds: bool, is_admin: bool, is_open: bool, ahead_ms: int) -> None:
        """`founds`: an admin who may begin the group. `ahead_ms`: how far the server's clock is before this one."""
        self.name = name
        self.founds = founds
        self.adopts = False
        """Others were on the server before its group."""
        self.is_admin = is_admin
        self.is_open = is_open
        self.ahead_ms = ahead_ms


class WaitFor(NamedTuple):
    """What a change waits for before it is made. Each raises RequestRefused where it cannot come."""

    membership: Callable[[], Steps[None]]
    """This device is in the group, and the newest of its chain is here."""
    chain: Callable[[], Steps[None]]
    """The newest of the chain is here."""
    epoch: Callable[[], Steps[None]]
    """There is one of the group to seal under."""


class GroupContext:
    def __init__(
        self,
        keys: Keystore,
        tables: GroupTables,
        clock: Clock,
        entropy: Entropy,
        line: Line,
        link_fingerprint: bytes,
        label: str = "",
    ) -> None:
        """`label`: what this device is called, as long as nobody has called it otherwise; empty: it says nothing."""
        self.label = label
        self.keys = keys
        self.tables = tables
        self.clock = clock
        self.entropy = entropy
        self.server = ServerSteps(line, clock, entropy)
        self.copy = GroupCopy(keys, tables, clock.now_ms)
        self.link_fingerprint = link_fingerprint
        self.scopes = Scopes(self.copy, tables)
        self.own = OwnEntries(self.copy, keys.device_secret, link_fingerprint, entropy)
        self.seeds = tables.seeds()
        """Of the own account, by generation."""
        self._proved_seed: tuple[bytes, bytes] | None = None
        """With the hash that the chain has of its key, to which it fits."""
        self.history = bytes(8)
        """Of the server's data: another one once it was put back to an older state."""
        self.person: SignedInPerson | None = None
        """While there is a link on which this device is signed in."""

    @property
    def log(self) -> int:
        """Of the chain; 0: not known on this link."""
        return self.copy.log

    @log.setter
    def log(self, log: int) -> None:
        self.copy.log = log

    def now_ms(self) -> int:
        """By the server's clock, which entries have to keep to."""
        return self.clock.now_ms() + (0 if self.person is None else self.person.ahead_ms)

    @property
    def me(self) -> Recipient:
        return account_recipient(self.copy.chain, self.copy.account_id)

    @property
    def _generations(self) -> tuple[Generation, ...]:
        return self.copy.chain.accounts[self.copy.account_id].generations

    @property
    def has_newest_seed(self) -> bool:
        return self.newest_seed is not None

    @property
    def newest_seed(self) -> bytes | None:
        """That by which the account came in, which need not be the one made here: a copy of this home was quicker."""
        newest = self._generations[-1]
        seed = self.seeds.get(len(self._generations))
        if seed is None:
            return None
        if self._proved_seed != (seed, newest.seal_hash) and is_seed_of(newest, seed):
            self._proved_seed = seed, newest.seal_hash
        return seed if self._proved_seed == (seed, newest.seal_hash) else None

    def fitting_seeds(self) -> dict[int, bytes]:
        generations = self._generations
        here = ((number, seed) for number, seed in self.seeds.items() if 0 < number <= len(generations))
        return {number: seed for number, seed in here if is_seed_of(generations[number - 1], seed)}

    def drop_wrong_seeds(self) -> int:
        """Those that do not fit the chain; how many there were."""
        wrong = self.seeds.keys() - self.fitting_seeds().keys()
        for number in wrong:
            del self.seeds[number]
            self.tables.drop_seed(number)
        return len(wrong)

    def append(self, make: Callable[[], bytes]) -> Steps[int]:
        """Signed on the head, as often as somebody else was quicker. The height at which it stands."""
        return (yield from self.server.on_head(lambda: self.append_once(lambda: wire.AppendKey(0, make()))))

    def append_once(self, make: Callable[[], wire.AppendKey | wire.MakeGroupInvite | AddRecovery]) -> Steps[int]:
        height = self.copy.chain.height + 1
        taken = yield from self.server.ask(make(), wire.KeyTaken)
        yield from self.server.wait_until(lambda: self.copy.sequence >= taken.sequence)
        return height
