"""Owns the epochs of one scope as this device knows them: those that hold, which are open, and under which it seals.

A scope is the group, a pair or a private room; who reads it and what it has lost is the chain's word (`lanline.chain`).
"""

from __future__ import annotations

from bisect import insort
from math import inf

from lanline.chain.epochs import Epoch, is_fresh, judge_epoch
from lanline.chain.reasons import Reason
from lanline.chain.scopes import Scope
from lanline.chain.state import Chain
from lanline.chain.words import judge_epoch_of_carried
from lanline.client.sealing.tables import GroupTables
from lanline.crypto.groups.epochs import commitment_of, epoch_id_of, open_back
from lanline.wire.sealing.said import decode_epoch

Secrets = dict[tuple[bytes, bytes], bytes]
"""Of epochs, by scope and id."""
_MAX_STALE = 3
_MAX_GIVEN_UP = 5


class EpochCopy:
    def __init__(self, tables: GroupTables, secrets: Secrets) -> None:
        """`secrets`: those that are open here, of all scopes."""
        self._tables = tables
        self.log = 0
        """In which its statements lie, as the server calls it on this link; 0: not known."""
        self.epochs: dict[bytes, tuple[Epoch, int]] = {}
        """With the places of their statements."""
        self.damaged: set[bytes] = set()
        """Those whose statements the server shows with a signature that does not fit."""
        self.carried: dict[bytes, Epoch] = {}
        """Those whose statements a restored server has lost, and words have brought: they open, and seal nothing."""
        self._newest: list[tuple[Epoch, int]] = []
        self._named: dict[int, float] = {}
        self.secrets = secrets
        self._stale: dict[bytes, int] = {}
        """How often the server has refused words under one that is fresh by the chain as it is here."""

    @property
    def scope(self) -> Scope:
        """At the head of the chain."""
        raise NotImplementedError

    @property
    def is_complete(self) -> bool:
        """Nothing is lacking that says who reads it."""
        return True

    @property
    def may_begin(self) -> bool:
        """Somebody reads it, and nothing is lacking that says who."""
        return True

    def add_statement(self, chain: Chain, place: int, content: bytes) -> Reason | None:
        scope = self.scope
        epoch = judge_epoch(chain, scope.id, scope.reads_at, self.epochs, content)
        if isinstance(epoch, Reason):
            if epoch is Reason.SIGNATURE:
                self.damaged.add(epoch_id_of(decode_epoch(content)[1].commitment))
            return epoch
        self._add(epoch, place)
        return None

    def add_carried(self, chain: Chain, statement: bytes) -> Epoch | Reason:
        epoch = judge_epoch_of_carried(chain, self.scope, statement)
        if isinstance(epoch, Epoch) and epoch.epoch_id not in self.carried:
            self._tables.put_statement(epoch.epoch_id, statement)
            self.carried[epoch.epoch_id] = epoch
        return epoch

    def known(self, chain: Chain, epoch_id: bytes) -> Epoch | None:
        """Also one that words have brought, to this program or to one before."""
        if epoch_id in self.epochs:
            return self.epochs[epoch_id][0]
        if epoch_id not in self.carried and (statement := self._tables.statement(epoch_id)):
            self.add_carried(chain, statement)
        return self.carried.get(epoch_id)

    def _add(self, epoch: Epoch, place: int) -> None:
        self.epochs[epoch.epoch_id] = epoch, place
        insort(self._newest, (epoch, place), key=lambda each: (-each[0].height, -each[1]))
        self._named.clear()

    def forget_epochs(self) -> None:
        """Their statements come again."""
        self.epochs.clear()
        self.damaged.clear()
        self._newest.clear()
        self._named.clear()
        self._stale.clear()

    def newest(self) -> list[tuple[Epoch, int]]:
        """The greatest height first, then the later place."""
        return self._newest

    def first_place_naming(self, height: int) -> float:
        """Where the first lies, of what is here of keys, that names this height of the chain, or a later one."""
        if height not in self._named:
            places = (place for epoch, place in self.epochs.values() if epoch.height >= height)
            self._named[height] = min(places, default=inf)
        return self._named[height]

    def sealing_epoch(self) -> Epoch | None:
        """Under which words are sealed now: the newest that is fresh and whose secret is here."""
        last_loss = self.scope.last_loss
        for epoch, _ in self.newest():
            if not is_fresh(epoch.height, last_loss):
                return None
            if self.secret(epoch.epoch_id) is not None and self._stale.get(epoch.epoch_id, 0) < _MAX_STALE:
                return epoch
        return None

    def note_stale(self, epoch_id: bytes) -> None:
        """The server takes no words under it. Either the chain here is behind, or the server has lost its statement.
        It has no more of this device's work for the asking than a few epochs.
        """
        given_up = sum(count >= _MAX_STALE for count in self._stale.values())
        if given_up < _MAX_GIVEN_UP:
            self._stale[epoch_id] = self._stale.get(epoch_id, 0) + 1

    def secret(self, epoch_id: bytes) -> bytes | None:
        known = self.epochs.get(epoch_id)
        epoch = self.carried.get(epoch_id) if known is None else known[0]
        return None if epoch is None else self.secrets.get((epoch.scope, epoch_id))

    def ends(self) -> list[Epoch]:
        """Those that are open here, and whose secrets no other of these holds truly: the newest first."""
        known = [(epoch, secret) for epoch, _ in self._newest if (secret := self.secret(epoch.epoch_id)) is not None]
        held = {
            back.epoch_id
            for epoch, secret in known
            for back in epoch.back
            if open_back(secret, epoch.scope, back.epoch_id, back.sealed) == self.secret(back.epoch_id)
        }
        return [epoch for epoch, _ in known if epoch.epoch_id not in held]

    def lacking(self) -> list[Epoch]:
        """Those whose secrets are not here, the newest first."""
        known = (*(epoch for epoch, _ in self.newest()), *self.carried.values())
        return [epoch for epoch in known if self.secret(epoch.epoch_id) is None]

    def believe(self, epoch: Epoch, secret: bytes) -> bool:
        """If it is the one that the statement promises: then also what that opens of the past."""
        if not fits(epoch, secret):
            return False
        found = {(epoch.scope, epoch.epoch_id): secret}
        queue = [(epoch, secret)]
        while queue:
            opened, its_secret = queue.pop()
            for back in opened.back:
                known = self.epochs.get(back.epoch_id)
                key = (opened.scope, back.epoch_id)
                if known is None or key in found or key in self.secrets:
                    continue
                earlier = open_back(its_secret, opened.scope, back.epoch_id, back.sealed)
                if earlier is not None and fits(known[0], earlier):
                    found[key] = earlier
                    queue.append((known[0], earlier))
        self._tables.put_secrets(found)
        self.secrets |= found
        return True


def fits(epoch: Epoch, secret: bytes) -> bool:
    return commitment_of(secret, epoch.scope, epoch.height, epoch.head) == epoch.commitment
