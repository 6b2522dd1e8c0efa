"""A server that lies: it stands between the real one and one client, and changes what that is told.

It is consistent: numbers of a log that it has moved stay moved, in both directions, or the client would hang up.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from msgspec import structs

from lanline.wire.chat.conversations import Conversation, ConversationChanged, Conversations
from lanline.wire.chat.entries import (
    Advance,
    Append,
    Committed,
    CursorMoved,
    Entries,
    Follow,
    LogCursor,
    LogEntry,
    Place,
)
from lanline.wire.chat.groups import GroupIs
from lanline.wire.chat.messages import (
    ClientMessage,
    ServerMessage,
    decode_client_message,
    decode_server_message,
    encode_message,
)
from lanline.wire.sealing.said import CarriedWords
from lanline.wire.sealing.strict import encode_strictly

LIES = (
    "withhold", "duplicate", "reorder", "hide_removals", "invent_numbers", "other_author", "other_time", "as_brought"
)  # fmt: skip
_WORDS = ("said/1", "carried/1")
OF_GROUP = ("hide_removals", "invent_numbers")


class ShownLog:
    """Of one log: which true place stands where for this client."""

    def __init__(self) -> None:
        self.is_begun = False
        self.ends: list[int] = []
        """For each shown number, from 1 on: through which true place the log is consumed."""

    def begin(self, true: int) -> None:
        """What was never told by this liar stands where it stands."""
        if not self.is_begun:
            self.is_begun = True
            self.ends += range(1, true + 1)

    def shown(self, true: int) -> int:
        last = self.ends[-1] if self.ends else 0
        if true > last:
            return len(self.ends) + true - last
        return sum(each <= true for each in self.ends)

    def true(self, shown: int) -> int:
        if shown > len(self.ends):
            return (self.ends[-1] if self.ends else 0) + shown - len(self.ends)
        return self.ends[shown - 1] if shown else 0


class Liar:
    def __init__(self, rng: random.Random, chain_log: Callable[[], int]) -> None:
        self._rng = rng
        self._chain_log = chain_log
        self.told = Counter[str]()
        self.changed: set[int] = set()
        """Logs in which this client was told something else than stands on the disk."""
        self.plans: list[str] = []
        """What is done at the next chance."""
        self.hides = False
        """Of the chain nothing more comes."""
        self._frozen: tuple[int, int, bytes] | None = None
        self._last_chain: tuple[int, int, bytes] | None = None
        self._logs: dict[int, ShownLog] = {}
        self._appended: dict[int, int] = {}
        """By request, to which log; of this link."""

    def forget(self) -> None:
        """The server's history is another: clients compare all that they have."""
        self._logs.clear()
        self.changed.clear()

    # Down.

    def down(self, payload: bytes) -> list[bytes]:
        message = decode_server_message(payload)
        changed = self._changed(message)
        if changed is message:
            return [payload]
        return [] if changed is None else [encode_message(changed)]

    def _changed(self, message: ServerMessage) -> ServerMessage | None:  # noqa: PLR0911 -- a table of kinds
        match message:
            case GroupIs() if message.log:
                return self._group(message)
            case Entries(log) if log == self._chain_log():
                return None if self.hides else message
            case Entries(log, entries):
                return self._entries(log, entries)
            case Committed(places):
                return Committed(tuple(map(self._place, places)))
            case Conversations(conversations):
                return structs.replace(message, conversations=tuple(map(self._conversation, conversations)))
            case ConversationChanged(conversation):
                return ConversationChanged(self._conversation(conversation))
            case CursorMoved(log, account, delivered, read) if log in self._logs:
                shown = self._logs[log].shown
                return CursorMoved(log, account, shown(delivered), shown(read))
            case _:
                return message

    def _conversation(self, each: Conversation) -> Conversation:
        known = self._logs.get(each.log)
        if known is None:
            return each
        fields = ("head", "delivered", "read", "other_delivered", "other_read")
        return structs.replace(each, **{name: known.shown(getattr(each, name)) for name in fields})

    def _place(self, each: Place) -> Place:
        known = self._logs.get(self._appended.get(each.request, 0))
        return each if known is None else Place(each.request, known.shown(each.sequence), each.time_ms)

    def _group(self, message: GroupIs) -> GroupIs:
        now = message.sequence, message.height, message.head
        if "hide_removals" in self.plans:
            self.plans.remove("hide_removals")
            self.hides = True
            self.told["hide_removals"] += 1
        if self.hides:
            self._frozen = self._frozen or self._last_chain or now
            return GroupIs(message.request, message.log, *self._frozen)
        if "invent_numbers" in self.plans:
            self.plans.remove("invent_numbers")
            self.told["invent_numbers"] += 1
            return GroupIs(message.request, message.log, message.sequence, message.height, self._rng.randbytes(32))
        self._last_chain = now
        return message

    def _entries(self, log: int, entries: tuple[LogEntry, ...]) -> Entries | None:
        known = self._logs.setdefault(log, ShownLog())
        known.begin(entries[0].sequence - 1)
        first = known.shown(entries[0].sequence - 1)
        known.ends += [known.true(each) for each in range(len(known.ends) + 1, first + 1)]
        del known.ends[first:]  # it is told once more, perhaps otherwise
        told: list[tuple[LogEntry, int]] = [(each, each.sequence) for each in entries]
        if any(each.suite in _WORDS for each in entries) and [each for each in self.plans if each not in OF_GROUP]:
            told = self._lied(log, told)
        if not told:  # what follows takes its place
            known.ends[-1] = entries[-1].sequence
        shown = []
        for each, through in told:
            known.ends.append(through)
            shown.append(structs.replace(each, sequence=len(known.ends)))
        return Entries(log, tuple(shown)) if shown else None

    def _lied(self, log: int, told: list[tuple[LogEntry, int]]) -> list[tuple[LogEntry, int]]:
        said = [at for at, (each, _) in enumerate(told) if each.suite in _WORDS]
        at = self._rng.choice(said)
        victim, through = told[at]
        plan = next(each for each in self.plans if each not in OF_GROUP)
        if plan == "withhold":
            if len(told) == 1 and victim.sequence == 1:
                return told  # it would be a gap, which ends the link
            left = [*told[:at], *told[at + 1 :]]
            if at and at == len(told) - 1:
                left[-1] = left[-1][0], through
        elif plan == "duplicate":
            left = [*told[: at + 1], (victim, through), *told[at + 1 :]]
        elif plan == "reorder" and at + 1 < len(told) and told[at + 1][0].suite in _WORDS:
            left = [*told[:at], (told[at + 1][0], through), (victim, told[at + 1][1]), *told[at + 2 :]]
        elif plan == "other_time":
            left = [*told[:at], (structs.replace(victim, time_ms=victim.time_ms - 1), through), *told[at + 1 :]]
        elif plan == "as_brought" and victim.suite == "said/1":
            content = encode_strictly(CarriedWords(victim.entry_id, victim.content, b""))
            left = [*told[:at], (structs.replace(victim, suite="carried/1", content=content), through), *told[at + 1 :]]
        elif plan == "other_author":
            others = {each.account for each, _ in told} - {victim.account, 0}
            if not others:
                return told
            left = [*told[:at], (structs.replace(victim, account=min(others)), through), *told[at + 1 :]]
        else:
            return told
        self.plans.remove(plan)
        self.told[plan] += 1
        self.changed.add(log)
        return left

    # Up.

    def up(self, payload: bytes) -> bytes:
        message = decode_client_message(payload)
        changed = self._truly(message)
        return payload if changed is message else encode_message(changed)

    def _truly(self, message: ClientMessage) -> ClientMessage:
        match message:
            case Append(request=request, log=log):
                self._appended[request] = log
                return message
            case Follow(log, after) if log in self._logs:
                return Follow(log, self._logs[log].true(after))
            case Advance(cursors):
                return Advance(tuple(self._cursor(each) for each in cursors))
            case _:
                return message

    def _cursor(self, each: LogCursor) -> LogCursor:
        known = self._logs.get(each.log)
        return each if known is None else LogCursor(each.log, known.true(each.delivered), known.true(each.read))
