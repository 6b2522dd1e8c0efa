"""Owns what a person is told where the server has another group than theirs. Not how this device goes over.

The operator begins one where nobody can rule the old one any more; a hostile server can begin one to get readers. So
nothing is sealed to it before the person has agreed: docs/protocol/sealing.md, 7.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lanline.client.sealing.parting import name_in
from lanline.model.names import folded_name
from lanline.proto.chain.state import Chain

AWAITED = (
    "Whoever runs this server has put the group aside, for another that its admin is to found (lanline seal). Nothing "
    "is said here until that stands and you have agreed to it."
)
YOURS_TO_FOUND = (
    "Whoever runs this server has put the group aside, and you are to found another. Nothing is said until then: "
    "lanline seal"
)


class Offer(NamedTuple):
    """A group in the place of the own one."""

    group_id: bytes
    founder: str
    is_known: bool
    """The device that has founded it was one of that name's in the own group."""

    @property
    def text(self) -> str:
        key = "with the key that they have in yours" if self.is_known else "with a key that is not known in yours"
        return (
            f"The server has another group than the one that you are in: {self.founder} has founded it, {key}. "
            f"Nothing is said in it before you agree. Ask {self.founder}, by another way than this server, whether "
            "that is right: lanline chain --new-group"
        )


def offer_in(own: Chain, shown: Chain, group_id: bytes, past: Mapping[str, set[bytes]]) -> Offer | None:
    """`group_id`: of the group that this device is in. `past`: devices of groups before, by names."""
    if not shown.height or shown.group_id == group_id:
        return None
    founder = next((each for each, account in shown.accounts.items() if account.since == 1), None)
    if founder is None:  # its first entry does not hold
        return None
    name = shown.accounts[founder].name
    known = past.get(folded_name(name.decode(errors="replace")), set())
    if own.group_id == group_id:
        in_own = own.names.get(name)
        known = set() if in_own is None else set(own.live_devices(in_own))
    first = {each for each, device in shown.devices.items() if (device.account, device.since) == (founder, 1)}
    return Offer(shown.group_id, name_in(shown, founder), bool(first) and first <= known)
