"""Rules of the chain made wrong on purpose, by name: the model has to find each of them. Nothing else is replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import Any
from unittest import mock

import msgspec

from lanline.chain import rooms, rules
from lanline.chain.rooms import ChainRoom
from lanline.chain.state import Chain
from lanline.crypto.groups import keys
from lanline.wire.sealing import entries

verify_once = lru_cache(maxsize=100_000)(keys.verify)
"""The real check, not repeated: a world replays the same entries for many clients."""


def _without_loss(kind: type[entries.Body]) -> dict[Any, Callable[..., Chain]]:
    rule = rules._RULES[kind]

    def faulty(chain: Chain, author: Any, body: Any, signed: Any) -> Chain:
        return msgspec.structs.replace(rule(chain, author, body, signed), last_loss=chain.last_loss)

    return {kind: faulty}


def _leaver_keeps_link() -> dict[Any, Callable[..., Chain]]:
    rule = rules._RULES[entries.Remove]

    def faulty(chain: Chain, author: Any, body: Any, signed: Any) -> Chain:
        if body.accounts == (author.account_id,):
            leaver = chain.accounts[author.account_id]._replace(came_by=None)
            chain = msgspec.structs.replace(chain, accounts={**chain.accounts, author.account_id: leaver})
        return rule(chain, author, body, signed)

    return {entries.Remove: faulty}


def _gone_come_back() -> dict[Any, Callable[..., Chain]]:
    rule = rules._RULES[entries.Admit]

    def faulty(chain: Chain, author: Any, body: Any, signed: Any) -> Chain:
        joiner = entries.decode_joiner(body.joiner)
        device_id = rules.ids.device_id_of(joiner.sign_key)
        known = {each: device for each, device in chain.devices.items() if each != device_id}
        return rule(msgspec.structs.replace(chain, devices=known), author, body, signed)

    return {entries.Admit: faulty}


def _stays_in_room(chain: Chain, room: ChainRoom, height: int, content: bytes | None) -> ChainRoom:
    """Who leaves the group stays in its rooms, as somebody who does not read meanwhile."""
    removed = chain.places[height - 1].removed
    if not removed:
        return _step(chain, room, height, content)
    lost = any(each in room.members for each in removed)
    return msgspec.structs.replace(room, height=height, last_loss=height if lost else room.last_loss)


_step = rooms._step


def _drop_is_no_loss() -> dict[Any, Callable[..., Chain]]:
    return _without_loss(entries.DropInvites)


RULE_FAULTS: dict[str, Callable[[], dict[Any, Callable[..., Chain]]]] = {
    "demote": lambda: {**_without_loss(entries.SetRole), **_without_loss(entries.SetPolicy)},
    "leave": _leaver_keeps_link,
    "readmit": _gone_come_back,
    "replace": lambda: _without_loss(entries.Remove),
    "turn": lambda: _without_loss(entries.Turn),
    "drop": _drop_is_no_loss,
}


@contextmanager
def rules_with(fault: str) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(rules, "verify", verify_once))
        if fault in RULE_FAULTS:
            stack.enter_context(mock.patch.dict(rules._RULES, RULE_FAULTS[fault]()))
        if fault == "readmit":
            stack.enter_context(mock.patch.object(rooms, "_step", _stays_in_room))
        yield
