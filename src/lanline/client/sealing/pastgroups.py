"""Owns how this device gets what it lacks of a group before the present one: the rest of its chain, and its secrets.

The server gives them to whoever was in that group at its end; nobody else is asked, for its members are in another one
now. The chain is read to its end once, and never again: or whoever has a key of that group could lengthen it for ever.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from lanline.client.sealing.context import GroupContext, SignedInPerson
from lanline.client.sealing.epochcopy import EpochCopy
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.pasttables import PastTables
from lanline.client.sealing.scopes import Place
from lanline.client.sealing.secrets import Secrets
from lanline.client.sealing.words import GroupWords
from lanline.errors import LanlineError
from lanline.ticket import Steps, Ticket, follow
from lanline.wire.chat import groups as wire

_EPOCHS_AT_ONCE = 20


class PastGroup:
    def __init__(self, present: GroupContext, group_id: bytes, on_change: Callable[[], None]) -> None:
        """`on_change`: what could not be opened before may be possible now."""
        self._present = present
        self._group_id = group_id
        self._on_change = on_change
        keys = Keystore.in_memory(present.keys.device_secret)
        self._tables = PastTables(present.tables.database, keys.device_secret, present.entropy, group_id)
        line, clock = present.server.line, present.clock
        self._context = GroupContext(keys, self._tables, clock, present.entropy, line, present.link_fingerprint)
        self.words = GroupWords(self._context)
        self._secrets = Secrets(self._context, lambda: None)
        self._link: SignedInPerson | None = None
        """On which something was asked for."""
        self._asked: set[bytes] = set()
        """Epochs, on that link."""
        self._wanted: dict[int, Place] = {}
        """By log, where something was said that does not open."""
        self._running: Ticket[None] | None = None

    def want(self, place: Place) -> None:
        """What opens the words of a conversation; each thing is asked for once on a link."""
        if self._present.person is None:
            return
        if self._link is not self._present.person:
            self._link, self._running = self._present.person, None
            self._asked.clear()
            self._wanted.clear()
            self._wanted[place.log] = place
        elif self._lacking(place):
            self._wanted[place.log] = place
        self._present.clock.call_later(0.0, self._go_on)

    def _lacking(self, place: Place) -> list[tuple[EpochCopy, list[bytes]]]:
        copies = (sealing.copy for sealing in self._context.scopes.sealings(place))
        found = (
            (copy, [each.epoch_id for each in copy.lacking() if each.epoch_id not in self._asked]) for copy in copies
        )
        return [(copy, lacking) for copy, lacking in found if lacking]

    def _go_on(self) -> None:
        if self._running is None and self._wanted:
            _, place = self._wanted.popitem()
            running = self._running = Ticket[None]()
            follow(self._fetch(place)).when_settled(lambda done: self._on_fetched(running, done.problem))

    def _on_fetched(self, running: Ticket[None], problem: BaseException | None) -> None:
        if self._running is running:
            self._running = None
            self._go_on()
        if problem is not None and not isinstance(problem, LanlineError):
            raise problem

    def _fetch(self, place: Place) -> Steps[None]:
        copy, secrets = self._context.copy, self._context.copy.secrets
        before = copy.sequence, len(secrets)
        if not self._tables.is_whole:
            yield from self._read_rest()
        of_scopes = self._lacking(place) if copy.is_member else []
        if of_scopes and not self._context.has_newest_seed:
            yield from self._fetch_seed()
        for of, lacking in of_scopes:
            self._asked.update(lacking)
            for start in range(0, len(lacking), _EPOCHS_AT_ONCE):
                some = [of.epochs[each][0] for each in lacking[start : start + _EPOCHS_AT_ONCE]]
                yield from self._secrets.open_given(of, [each for each in some if of.secret(each.epoch_id) is None])
        if (copy.sequence, len(secrets)) != before:
            self._on_change()

    def _read_rest(self) -> Steps[None]:
        """From its beginning: a server that was restored since has it in another order than this device."""
        through, known = 0, {content for _, _, content in self._tables.items()}
        while True:
            asked = wire.ReadPastKeys(0, self._group_id, through)
            found = yield from self._context.server.ask(asked, wire.KeyEntries)
            if not found.entries:
                self._tables.note_whole()
                return
            if found.entries[-1].sequence <= through:
                return  # nothing that follows: asked again on another link
            through = found.entries[-1].sequence
            new = [each for each in found.entries if each.content not in known]
            at = self._context.copy.sequence
            self._context.copy.add([structs.replace(each, sequence=at + n) for n, each in enumerate(new, 1)])

    def _fetch_seed(self) -> Steps[None]:
        """Of the account that this device had there, by the box for this device."""
        context, account_id = self._context, self._context.copy.account_id
        newest, number = context.copy.chain.accounts[account_id].generations[-1], context.me.generation
        key, device_id = context.own.device_key, context.copy.device_id
        seed = yield from self._secrets.opened_seed(account_id, newest, number, key, device_id)
        if seed is not None:
            self._secrets.keep_seeds(account_id, number, seed)
