"""Owns the RSA keys of the own account, for the suite `rsa`: one for each generation, on all of its devices.

Who uses the suite first makes one at once. From then on every client in the group does by itself, each after a while of
its own, so that whoever wants to can seal to everybody; a group that never uses it has none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from lanline.chain.state import Generation
from lanline.client.sealing.context import GroupContext
from lanline.crypto.groups.rsa import RsaKey, open_half, seal_half
from lanline.errors import RefusalCode, RequestRefused
from lanline.ticket import Steps
from lanline.wire.chat import groups as wire
from lanline.wire.chat.answers import Done

_SPREAD_S_OF_MEMBER = 0.2
_OTHERS_KEY_WITHIN_S = 8.0
_AGAIN_S = 5.0
_LOOK_AGAIN_S = 0.2


class RsaKeys:
    def __init__(self, context: GroupContext, go_on: Callable[[], None], on_new_key: Callable[[], None]) -> None:
        """`go_on`: looks again at what is to be done. `on_new_key`: what could not be opened may be possible now."""
        self._context = context
        self._go_on = go_on
        self._keys: dict[int, RsaKey] = {}
        """By generation."""
        self._asked: set[bytes] = set()
        """Hashes of those whose private half the server was asked for on this link."""
        self._makes_at: float | None = None
        self._on_new_key = on_new_key
        self._used: tuple[int, bool] = (0, False)

    def end_link(self) -> None:
        self._asked.clear()

    def forget(self) -> None:
        self._keys.clear()

    def key(self, generation: int) -> RsaKey | None:
        return self._keys.get(generation)

    # What is to be done next.

    def next_steps(self) -> Steps[None] | None:
        """For a member that has its newest seed."""
        for number, generation in self._lacking():
            return self._fetch(number, generation)
        if self._keys and self._context.tables.chain_history("rsa") != self._context.history:
            return self._bring_again()
        if self._newest.rsa is not None or not self._is_used:
            return None
        if self._makes_at is None:
            self._make_after(self._wait_s())
        return self._make() if self._context.clock.now() >= (self._makes_at or 0.0) else None

    def _make_after(self, wait_s: float) -> None:
        self._makes_at = self._context.clock.now() + wait_s
        self._context.clock.call_later(wait_s, self._go_on)

    def _wait_s(self) -> float:
        """Not all at once; but who had one before, and has turned, is waited for."""
        copy = self._context.copy
        if copy.chain.has_had_rsa_key(copy.account_id, copy.chain.height):
            return 0.0
        share = int.from_bytes(self._context.entropy(2), "big") / 2**16
        return share * _SPREAD_S_OF_MEMBER * len(copy.chain.names)

    @property
    def _newest(self) -> Generation:
        copy = self._context.copy
        return copy.chain.accounts[copy.account_id].generations[-1]

    @property
    def _is_used(self) -> bool:
        """By anybody in this group, ever."""
        chain = self._context.copy.chain
        if not self._used[1] and self._used[0] != chain.height:
            generations = (each for account in chain.accounts.values() for each in account.generations)
            self._used = chain.height, any(each.rsa is not None for each in generations)
        return self._used[1]

    def _lacking(self) -> list[tuple[int, Generation]]:
        copy, seeds = self._context.copy, self._context.seeds
        generations = enumerate(copy.chain.accounts[copy.account_id].generations, 1)
        return [
            (number, each)
            for number, each in generations
            if each.rsa and number in seeds and number not in self._keys and each.rsa[1] not in self._asked
        ]

    # Steps.

    def _fetch(self, number: int, generation: Generation) -> Steps[None]:
        """From this device's disk, or from the server; what does not fit the chain is left alone."""
        assert generation.rsa is not None
        rsa_hash = generation.rsa[1]
        if self._keep(number, rsa_hash, self._context.tables.rsa_half(number)):
            return
        self._asked.add(rsa_hash)
        found = yield from self._context.server.ask(wire.GetRsaHalf(0, rsa_hash), wire.Keys)
        seed, account_id = self._context.seeds[number], self._context.copy.account_id
        half = open_half(seed, account_id, number, rsa_hash, b"".join(found.keys))
        if not self._keep(number, rsa_hash, half):
            text = "The server does not give the RSA key of your account: what is sealed in suite rsa cannot be read."
            raise RequestRefused(RefusalCode.NOT_FOUND, text)

    def _keep(self, number: int, rsa_hash: bytes, half: bytes | None) -> bool:
        key = None if half is None else RsaKey.of_half(half)
        if key is None or hashlib.sha256(key.public_bytes).digest() != rsa_hash:
            return False
        self._context.tables.put_rsa_half(number, key.half)
        self._keys[number] = key
        self._on_new_key()
        return True

    def _make(self) -> Steps[None]:
        """Another device of the account may be quicker: then its key is the one."""
        self._make_after(_AGAIN_S)  # should nothing come of it
        context = self._context
        number = context.me.generation
        key = RsaKey.generate()
        rsa_hash = hashlib.sha256(key.public_bytes).digest()
        yield from self._put(number, key)
        yield from context.server.on_head(lambda: self._register(number, rsa_hash))
        if self._newest.rsa is not None and self._newest.rsa[1] == rsa_hash:
            self._keep(number, rsa_hash, key.half)
        self._makes_at = None

    def _put(self, number: int, key: RsaKey) -> Steps[None]:
        context, rsa_hash = self._context, hashlib.sha256(key.public_bytes).digest()
        half = seal_half(context.seeds[number], context.copy.account_id, number, rsa_hash, key.half)
        yield from context.server.ask(wire.PutRsaKey(0, key.public_bytes, half), Done)

    def _bring_again(self) -> Steps[None]:
        """A server that was put back may have lost them; to any other it is a repeat."""
        for number, key in list(self._keys.items()):
            yield from self._put(number, key)
        self._context.tables.put_chain_history("rsa", self._context.history)

    def _register(self, number: int, rsa_hash: bytes) -> Steps[None]:
        context = self._context
        if self._newest.rsa is None and context.me.generation == number:
            content = context.own.rsa(number, rsa_hash, context.now_ms())
            yield from context.append_once(lambda: wire.AppendKey(0, content))

    # For who begins to use the suite.

    def ensure(self) -> Steps[None]:
        """One's own, at once."""
        if self._newest.rsa is None:
            yield from self._make()

    def wait_for(self, accounts: Iterable[bytes]) -> Steps[None]:
        """Their clients make theirs when they see that the suite is used. Raises RequestRefused."""
        context, wanted = self._context, list(accounts)
        limit = context.clock.now() + _OTHERS_KEY_WITHIN_S
        while (lacking := self._without_key(wanted)) is not None:
            if context.clock.now() >= limit:
                raise RequestRefused(
                    RefusalCode.NOT_ALLOWED,
                    f"{lacking} has no RSA key yet, so nothing can be sealed to them in suite rsa. A device of theirs "
                    "makes one by itself when it is next connected, if its program knows the suite. Try again then.",
                )
            yield from context.server.pause(_LOOK_AGAIN_S)

    def _without_key(self, accounts: Iterable[bytes]) -> str | None:
        """The name of one."""
        chain = self._context.copy.chain
        found = (chain.accounts[each].name for each in accounts if chain.rsa_key_at(each, chain.height) is None)
        return next((name.decode(errors="replace") for name in found), None)
