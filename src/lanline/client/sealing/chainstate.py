"""Owns what a device keeps of the chain between two starts, as bytes: its state, its epochs, and how people came.

A cache: what cannot be read is thrown away, and the chain is followed anew. Nobody else ever sees these bytes.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from lanline.chain.epochs import Epoch
from lanline.chain.state import Account, Chain, Device, Invite, Place, Row
from lanline.wire.sealing.entries import Inviters, Joins


class PeopleState(msgspec.Struct, frozen=True, array_like=True):
    """As `people.KnownPeople` has it."""

    let_in_by: dict[bytes, bytes]
    came_by: dict[bytes, int]
    gone: dict[str, list[bytes]]


class ChainState(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    form: Literal[1]
    """Another number where the same bytes mean something else."""
    height: int
    head: bytes
    group_id: bytes
    level: int
    joins: Joins
    inviters: Inviters
    accounts: dict[bytes, Account]
    devices: dict[bytes, Device]
    invites: dict[bytes, Invite]
    names: dict[bytes, bytes]
    admins: frozenset[bytes]
    places: list[Place]
    last_loss: int
    epochs: list[tuple[Epoch, int]]
    people: PeopleState

    @classmethod
    def of(cls, chain: Chain, epochs: list[tuple[Epoch, int]], people: PeopleState) -> ChainState:
        values = {name: getattr(chain, name) for name in Chain.__struct_fields__}
        places = [chain.places[place] for place in range(chain.height)]
        return cls(form=1, **{**values, "places": places}, epochs=epochs, people=people)

    @property
    def chain(self) -> Chain:
        values = {name: getattr(self, name) for name in Chain.__struct_fields__}
        return Chain(**{**values, "places": Row(self.places, self.height)})


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ChainState)


def encode_state(state: ChainState) -> bytes:
    return _encoder.encode(state)


def decode_state(data: bytes) -> ChainState | None:
    """None: of another program, or damaged."""
    try:
        state = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return state if len(state.places) == state.height else None
