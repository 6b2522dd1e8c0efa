"""Who is reached under which address: the translation between a host's own address and the one that others see.

A host keeps its own address for life; `rebind` gives it another public one, as a NAT that forgot its mapping does, or a
phone that changes networks. No time and no datagrams here.
"""

from __future__ import annotations

from lanline.testing.trace import Address


class Translation:
    __slots__ = ("_dead", "_owner_of", "_public_of")

    def __init__(self) -> None:
        self._public_of: dict[Address, Address] = {}
        self._owner_of: dict[Address, Address] = {}
        self._dead: set[Address] = set()

    def public(self, own_address: Address) -> Address:
        """The source address that others see. An address that speaks for the first time is its own public one."""
        public = self._public_of.get(own_address)
        if public is None:
            # Somebody else may have been given this address meanwhile: then nobody can answer, but it may speak.
            public = self._public_of[own_address] = own_address
            self._owner_of.setdefault(own_address, own_address)
        return public

    def owner(self, public_address: Address) -> Address | None:
        """The own address of the host that is reached there; none when the address was given up."""
        # Asked first: an address that one host gave up may have become another's.
        owner = self._owner_of.get(public_address)
        if owner is None and public_address not in self._dead:
            return public_address
        return owner

    def rebind(self, old_address: Address, new_address: Address) -> None:
        """Give the host another public address. `old_address` is its own one or the public one that it has now."""
        # Its own address first: after a rebinding another host may stand behind the address it once showed.
        own = old_address if old_address in self._public_of else self._owner_of.get(old_address, old_address)
        if self._owner_of.get(new_address, own) != own:
            raise ValueError(f"{new_address} belongs to {self._owner_of[new_address]} already")
        given_up = self._public_of.get(own, own)
        self._owner_of.pop(given_up, None)
        self._dead.add(given_up)
        self._public_of[own] = new_address
        self._owner_of[new_address] = own
