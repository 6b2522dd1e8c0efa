"""Deletes what this device can compute anew of the group, and checks that the same comes out again.

What it alone has seen is no cache and stays: the file of its keys, what waits to be sent, what was said, and what it
holds the server to (the hash over each log, the heights that words have named, the private rooms that it is in).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.epochcopy import EpochCopy, fits
from lanline.client.sealing.rsakeys import RsaKeys
from lanline.client.sealing.scopes import Place


class KeyState(NamedTuple):
    """What the caches have said at one moment."""

    height: int
    head: bytes
    seeds: dict[int, bytes]
    secrets: dict[tuple[bytes, bytes], bytes]

    def is_kept_in(self, later: KeyState, head_then: bytes | None) -> bool:
        """`head_then`: the chain's head, later, at the height of this one. More may have come meanwhile."""
        return head_then == self.head and self.lost_in(later) == (0, 0)

    def lost_in(self, later: KeyState) -> tuple[int, int]:
        """How many keys of the own account, and of conversations, are others or not there."""
        seeds = sum(later.seeds.get(each) != seed for each, seed in self.seeds.items())
        return seeds, sum(later.secrets.get(each) != secret for each, secret in self.secrets.items())


class KeyCaches:
    def __init__(self, context: GroupContext, rsa: RsaKeys) -> None:
        self._context = context
        self._rsa = rsa

    def state(self) -> KeyState:
        copy = self._context.copy
        return KeyState(copy.chain.height, copy.chain.head, dict(self._context.seeds), dict(copy.secrets))

    def named(self, places: Iterable[Place]) -> KeyState:
        """What can be computed anew: of the secrets those that something here still names. A restored server may have
        lost the others' statements, with all that was sealed under them. Of the seeds those that fit the chain.
        """
        state, copies, chain = self.state(), self._copies(places), self._context.copy.chain
        named = {
            (scope, epoch_id): secret
            for (scope, epoch_id), secret in state.secrets.items()
            if scope in copies and copies[scope].known(chain, epoch_id) is not None
        }
        seeds = self._context.fitting_seeds() if self._context.copy.is_member else state.seeds
        return state._replace(seeds=seeds, secrets=named)

    def is_kept(self, before: KeyState) -> bool:
        return before.is_kept_in(self.state(), self._context.copy.chain.head_at(before.height))

    def throw_away(self) -> None:
        """While no link is there: the next one brings all of it. A crash on the way costs nothing. Until the chain has
        come once more, the one that was here counts, or a server that shows another one now would not be found out.
        """
        self._context.copy.read_anew()
        self._context.tables.forget()
        self._context.seeds.clear()
        self._rsa.forget()
        self._begin_anew()

    def put_back(self, before: KeyState) -> None:
        """What the server did not give, and is right: it may have lost it, or never had it."""
        context = self._context
        for number, seed in before.seeds.items():
            if context.seeds.setdefault(number, seed) is seed:
                context.tables.put_seed(number, seed)
        self._drop_wrong_seeds()
        for (scope, epoch_id), secret in before.secrets.items():
            copy = context.scopes.by_id(scope)
            epoch = None if copy is None else copy.known(context.copy.chain, epoch_id)
            if copy is not None and epoch is not None and copy.secret(epoch_id) is None:
                copy.believe(epoch, secret)

    def check_again(self, places: Iterable[Place]) -> int:
        """Without the server: every signature of the chain is checked, and what fits nothing is dropped. How much."""
        self._context.tables.doubt_chain()
        self._begin_anew()
        dropped = self._context.tables.drop_wrong_keys() + self._drop_wrong_seeds()
        return dropped + sum(map(self._drop_wrong_secrets, self._copies(places).values()))

    def _begin_anew(self) -> None:
        self._context.copy.begin_anew()
        self._context.scopes.end_link()

    @property
    def in_rsa(self) -> tuple[int, ...]:
        """The logs that are sealed in suite `rsa`."""
        return tuple(self._context.scopes.in_rsa)

    def lacking(self, places: Iterable[Place], before: KeyState | None = None) -> list[EpochCopy]:
        """What conversations are sealed under, and cannot be opened here; also what only words that were brought to a
        restored server name, if that could be opened before.
        """
        copies = self._copies(places)
        for scope, epoch_id in () if before is None else before.secrets:
            if scope in copies:
                copies[scope].known(self._context.copy.chain, epoch_id)
        return [each for each in copies.values() if each.lacking()]

    def _copies(self, places: Iterable[Place]) -> dict[bytes, EpochCopy]:
        """By the ids of their scopes."""
        sealings = (sealing for place in places for sealing in self._context.scopes.sealings(place))
        return {sealing.copy.scope.id: sealing.copy for sealing in sealings}

    def _drop_wrong_seeds(self) -> int:
        return self._context.drop_wrong_seeds() if self._context.copy.is_member else 0

    def _drop_wrong_secrets(self, copy: EpochCopy) -> int:
        known = ((epoch, copy.secret(epoch.epoch_id)) for epoch, _ in copy.newest())
        wrong = [(each.scope, each.epoch_id) for each, secret in known if secret and not fits(each, secret)]
        for key in wrong:
            del copy.secrets[key]
        self._context.tables.drop_secrets(wrong)
        return len(wrong)
