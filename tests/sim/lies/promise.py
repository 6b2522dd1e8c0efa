"""Looks at every seal and every box of every device: nothing is sealed to anybody whose end that device has seen, and
no run of a program has two words of one number, so that no nonce comes twice.

What each has seen end is noted here, apart from what the program under test remembers of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from lanline.chain.state import NEVER
from lanline.client.sealing.groupcopy import GroupCopy
from lanline.client.sealing.secrets import Secrets
from lanline.client.sealing.words import GroupWords
from lanline.wire.chat.groups import NewBox
from lanline.wire.sealing.said import split_said


class PromiseBroken(AssertionError):
    """With the seed, by which it happens again."""


@contextmanager
def watched_seals() -> Iterator[list[str]]:
    """What was broken, in order: it is told at the end, for a program that dies of it hides it."""
    broken: list[str] = []
    ended: dict[int, dict[bytes, int]] = {}
    """By home, accounts and devices that it has seen end, and at which height of the chain as it has it."""
    numbers: set[tuple[bytes, bytes, int]] = set()
    """By room and run: those of the words that were sealed."""
    note_seen, seal, put_boxes = GroupCopy._note_seen, GroupWords.seal, Secrets._put_boxes

    def noting(copy: GroupCopy) -> None:
        note_seen(copy)
        seen = ended.setdefault(id(copy._keys), {})
        for rows in (copy.chain.accounts, copy.chain.devices):
            seen |= {each: row.until for each, row in rows.items() if row.until != NEVER}  # type: ignore[attr-defined]

    def sealing(words: GroupWords, place: Any, *rest: Any) -> bytes | None:
        content = seal(words, place, *rest)
        if content is not None:
            run = words._runs[place.log]
            number = run.room_id, run.id, run.n - 1
            if number in numbers:
                broken.append("two words of one run have the same number")
            numbers.add(number)
            chosen = words._context.scopes.sealing(place)
            assert chosen is not None
            epoch, _ = chosen.copy.epochs[split_said(content)[0].epoch_id]
            seen = ended.get(id(words._copy._keys), {})
            scope, chain = chosen.copy.scope, words._copy.chain
            for each, until in seen.items():
                device = chain.devices.get(each)
                account = each if device is None else device.account
                if epoch.height < until and scope.reads_at(account, epoch.height):
                    broken.append("words are sealed to somebody whose end the device has seen")
        return content

    def putting(secrets: Secrets, copy: Any, epoch_id: bytes, boxes: Sequence[NewBox]) -> Any:
        seen = ended.get(id(secrets._context.keys), {})
        if any(each.recipient in seen for each in boxes):
            broken.append("a secret is sealed to somebody whose end the device has seen")
        return put_boxes(secrets, copy, epoch_id, boxes)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(GroupCopy, "_note_seen", noting))
        stack.enter_context(mock.patch.object(GroupWords, "seal", sealing))
        stack.enter_context(mock.patch.object(Secrets, "_put_boxes", putting))
        yield broken
