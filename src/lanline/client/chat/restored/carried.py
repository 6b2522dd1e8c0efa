"""Owns what is done with messages that a restored server had lost and somebody has brought back: each is shown once,
and marked so.

Not how they are judged: `client/sealing/carrying`. Not how this device brings some itself: `bringing`.
"""

from __future__ import annotations

import hashlib

from lanline.chain.reasons import Reason
from lanline.client.chat.directory import Directory
from lanline.client.chat.sealed.alarms import Alarms
from lanline.client.chat.sealed.content import (
    OPENED,
    KeptCarried,
    again,
    carried,
    decoded_carried,
    doubted,
    said_by,
    topic_of,
)
from lanline.client.sealing.carrying import CarriedOpening
from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.reports import judged
from lanline.client.sealing.scopes import Place
from lanline.client.sealing.words import Body, GroupWords, Lacks
from lanline.client.view.values import ENDED_MARK, Conversation
from lanline.errors import MalformedPacket
from lanline.model.alarms import AlarmKind, alarm
from lanline.wire.chat.entries import LogEntry
from lanline.wire.chat.offers import LostWords
from lanline.wire.sealing.said import CARRIED_SUITE, CarriedWords, decode_carried, split_said

_Key = tuple[int, bytes, bytes]
"""Account, id and hash of the words. Without the hash: an account is the server's word, and an id anybody can take."""


class CarriedEntries:
    def __init__(self, context: GroupContext, words: GroupWords, directory: Directory, alarms: Alarms) -> None:
        self._context = context
        self._opening = CarriedOpening(context, words)
        self._directory = directory
        self._alarms = alarms
        self._known: dict[int, dict[_Key, int]] = {}
        """By log, the first places of words that somebody has brought."""

    def forget(self, log: int) -> None:
        """The copy of this log is another now."""
        self._known.pop(log, None)

    def forget_all(self) -> None:
        self._known.clear()

    def has_any(self, log: int) -> bool:
        return bool(self._of(log))

    def open(
        self, shown: Conversation, place: Place, entries: list[LogEntry]
    ) -> tuple[list[LogEntry], dict[int, Lacks]]:
        """As they are kept, once all others are opened; and what has to come, by the places of those that stay as they
        came.
        """
        if all(each.suite != CARRIED_SUITE for each in entries):
            return entries, {}
        kept, lacking = list(entries), dict[int, Lacks]()
        known = self._of(shown.log)
        for each in entries:
            if each.suite == OPENED:  # they may not be on the disk yet
                known.setdefault(_key(each.account, each.entry_id, each.content), each.sequence)
        for at, each in enumerate(entries):
            if each.suite == CARRIED_SUITE:
                opened = self._opened(shown, place, each)
                if isinstance(opened, Lacks):
                    lacking[each.sequence] = opened
                else:
                    kept[at] = opened
        return kept, lacking

    def once(self, log: int, kept: list[LogEntry]) -> list[LogEntry]:
        """Of words that were brought and come by their author too, those at the lower place are shown. No lie is in
        it: an answer was lost with the server's data, and the author has sealed them anew.
        """
        known = self._of(log)
        if not known:
            return kept
        return [
            again(each)
            if each.suite == OPENED
            and known.get(_key(each.account, each.entry_id, each.content), each.sequence) < each.sequence
            else each
            for each in kept
        ]

    def to_bring(self, place: Place, at: int, entry_id: bytes, said: bytes) -> LostWords | str | None:
        """Nothing is brought that others would not believe, at that place or behind it."""
        try:
            epoch_id = split_said(said)[0].epoch_id
        except MalformedPacket:
            return Reason.FORM.value
        statement = self._context.tables.statement(epoch_id)
        outcome = self._opening.open(place, at, CarriedWords(entry_id, said, statement))[1]
        if isinstance(outcome, Reason):
            return outcome.value
        if isinstance(outcome, Lacks):
            return None
        stands = any(epoch_id in each.copy.epochs for each in self._context.scopes.sealings(place))
        return LostWords(entry_id, said, b"" if stands else statement)

    def _opened(self, shown: Conversation, place: Place, entry: LogEntry) -> LogEntry | Lacks:
        try:
            words = decode_carried(entry.content)
        except MalformedPacket:
            return self._refused(shown, entry, "", Reason.FORM)
        author, outcome = self._opening.open(place, entry.sequence, words)
        if isinstance(outcome, Lacks):
            return outcome
        if isinstance(outcome, Reason):
            return self._refused(shown, entry, author, outcome)
        if topic_of(outcome.body) is not None:  # who may set one, this suite does not say
            return self._refused(shown, entry, author, Reason.SUITE)
        time_ms, body = outcome.words.time_ms, self._body(outcome, author)
        said_hash = hashlib.sha256(words.said).digest()
        kept = KeptCarried(self._account(author), words.entry_id, time_ms, body, said_hash)
        return again(entry, kept) if self._is_known(shown.log, entry.sequence, kept) else carried(entry, kept)

    def _body(self, body: Body, author: str) -> bytes:
        return said_by(judged(self._context.copy.chain, body.body, author), body.device_id)

    def _refused(self, shown: Conversation, entry: LogEntry, author: str, reason: Reason) -> LogEntry:
        """A member who follows the rules brings none of these, and the server says who has brought it."""
        if reason is Reason.ENDED:
            self._alarms.ring(alarm(AlarmKind.WORDS_OF_ENDED, author, shown.title))
        else:
            by = self._directory.own.name if entry.account == self._directory.own.account else ""
            by = by or self._directory.name_of(entry.account)
            self._alarms.ring(alarm(AlarmKind.CARRIED_WRONG, by, shown.title))
        return doubted(entry, reason)

    def _is_known(self, log: int, place: int, words: KeptCarried) -> bool:
        """They stand at a lower place, as their author has said them or as somebody has brought them."""
        known, key = self._of(log), _key(words.account, words.entry_id, words.body)
        first = self._context.tables.first_believed(log, words.account, words.entry_id, words.body) or place
        if min(first, known.get(key, place)) < place:
            return True
        known[key] = place
        return False

    def _of(self, log: int) -> dict[_Key, int]:
        if log not in self._known:
            found = self._known[log] = dict[_Key, int]()
            for place, content in self._context.tables.carried_words(log):
                words = decoded_carried(content)
                found.setdefault(_key(words.account, words.entry_id, words.body), place)
        return self._known[log]

    def _account(self, name: str) -> int:
        own = self._directory.own
        if name == own.name:
            return own.account
        person = self._directory.named(name) or self._directory.named(f"{name}{ENDED_MARK}")
        return 0 if person is None else person.account


def _key(account: int, entry_id: bytes, body: bytes) -> _Key:
    return account, entry_id, hashlib.sha256(body).digest()
