"""Owns what a person is told where the server shows another past of the group than this device has seen.

Not how the two are read: `groupcopy`.

And what a person is told where the server has another group than theirs. Not how this device goes over.

The operator begins one where nobody can rule the old one any more; a hostile server can begin one to get readers. So
nothing is sealed to it before the person has agreed: docs/protocol/sealing.md, 7.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lanline.chain.branches import Ended, ended_only_in
from lanline.chain.reasons import Reason
from lanline.chain.state import Chain
from lanline.model.names import folded_name
from lanline.model.text import display_name

_MAX_NAMED = 8
_HEAD_CHARS = 8


def fork_text(own: Chain, shown: Chain, height: int) -> str:
    """Both heads, and who has ended in the one and not in the other."""
    here, there = _head(own, height), _head(shown, height)
    differs = f"entry {height}: {there}, not {here}"
    parts = [f"The server shows another past of the group than this device has seen ({differs})."]
    ended = [
        (_listed(own, ended_only_in(own, shown)), "by what this device has seen"),
        (_listed(shown, ended_only_in(shown, own)), "by what the server shows"),
    ]
    parts += [f"Gone {where}: {names}." for names, where in ended if names]
    return " ".join((*parts, "Nothing is said until you decide: lanline chain"))


def broken_text(height: int, reason: Reason) -> str:
    return (
        f"The server shows an entry of the group that does not hold (entry {height}: {reason.value}). It counts for "
        "nothing, whoever made it, and nothing is said until you have seen that. Tell whoever runs the server; to "
        "talk on all the same: lanline chain --accept"
    )


def _head(chain: Chain, height: int) -> str:
    head = chain.head_at(height)
    return "nothing" if head is None else head.hex()[:_HEAD_CHARS]


def _listed(chain: Chain, ended: Ended) -> str:
    what = [name_in(chain, each) for each in ended.accounts]
    what += [f"a device of {name_in(chain, chain.devices[each].account)}" for each in ended.devices]
    what += [f"a link of {name_in(chain, chain.invites[each].maker)}" for each in ended.invites]
    more = [f"and {len(what) - _MAX_NAMED} more"] if len(what) > _MAX_NAMED else []
    return ", ".join([*what[:_MAX_NAMED], *more])


def name_in(chain: Chain, account_id: bytes) -> str:
    return display_name(chain.accounts[account_id].name.decode(errors="replace"))


def come_back(shown: Chain, ended: Iterable[bytes]) -> list[bytes]:
    """Accounts that read by this chain, and of which, or of a device that is live there, the end was seen before."""
    accounts = [each for each in ended if shown.is_member(each)]
    accounts += [device.account for each in ended if (device := shown.live_device(each)) is not None]
    return sorted(set(accounts), key=lambda each: shown.accounts[each].name)


def come_back_text(shown: Chain, accounts: Iterable[bytes], *, is_behind: bool) -> str:
    """`is_behind`: all that the server shows is known here, and is older."""
    names = ", ".join(name_in(shown, each) for each in accounts)
    if is_behind:
        return (
            f"The server was put back to an older state of the group, by which {names} can read again. Members bring "
            "what it has lost; nothing is said until it has that."
        )
    return (
        f"By what the server shows, {names} can read again, whose end this device has seen. Nothing is said as long as "
        "that is so. If they are to be taken back: lanline chain --take-back NAME"
    )


AWAITED = (
    "Whoever runs this server has put the group aside, for another that its admin is to found (lanline seal). Nothing "
    "is said here until that stands and you have agreed to it."
)
YOURS_TO_FOUND = (
    "Whoever runs this server has put the group aside, and you are to found another. Nothing is said until then: "
    "lanline seal"
)


class OtherGroup(NamedTuple):
    """A group in the place of the own one."""

    group_id: bytes
    founder: str
    is_known: bool | None
    """The device that has founded it was one of the same name in the own group; None: that group is not here."""

    @property
    def text(self) -> str:
        key = ", with the key that they have in yours" if self.is_known else ", with a key that is not known in yours"
        return (
            "The server has another group than the one that you are in: "
            f"{self.founder} has founded it{'' if self.is_known is None else key}. "
            f"Nothing is said in it before you agree. Ask {self.founder}, by another way than this server, whether "
            "that is right: lanline chain --new-group"
        )


def offer_in(own: Chain, shown: Chain, group_id: bytes, past: Mapping[str, set[bytes]]) -> OtherGroup | None:
    """`group_id`: of the group that this device is in. `past`: devices of groups before, by names."""
    if not shown.height or shown.group_id == group_id:
        return None
    founder = next((each for each, account in shown.accounts.items() if account.since == 1), None)
    if founder is None:  # its first entry does not hold
        return None
    name = shown.accounts[founder].name
    is_here = own.group_id == group_id
    known = past.get(folded_name(name.decode(errors="replace")), set())
    if is_here:
        in_own = own.names.get(name)
        known = set() if in_own is None else set(own.live_devices(in_own))
    first = {each for each, device in shown.devices.items() if (device.account, device.since) == (founder, 1)}
    return OtherGroup(
        shown.group_id, name_in(shown, founder), bool(first) and first <= known if is_here or past else None
    )
