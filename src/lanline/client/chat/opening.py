"""Owns how entries as they came become entries as they are kept on this device: opened, doubted, or as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lanline.client.chat.earlierwords import EarlierWords, may_be_earlier
from lanline.client.chat.pastwords import PastWords
from lanline.client.chat.sealing import doubted, earlier, opened, said_by
from lanline.client.chat.watch import Watch
from lanline.client.sealing.ahead import Ahead
from lanline.client.sealing.reports import judged
from lanline.client.sealing.scopes import Place
from lanline.client.sealing.words import Body, GroupWords, Outcome, Said
from lanline.client.view.values import Conversation
from lanline.proto.chain.reasons import Reason
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import SAID_SUITE


class Opening:
    def __init__(
        self,
        words: GroupWords,
        earlier_words: EarlierWords,
        past: PastWords,
        watch: Watch,
        name_of: Callable[[int], str],
    ) -> None:
        self._words = words
        self._earlier = earlier_words
        self._past = past
        self._watch = watch
        self._name_of = name_of

    def said(self, entries: Sequence[LogEntry]) -> tuple[list[Said], dict[int, str]]:
        """What is sealed of these; and who speaks there, by the numbers of their accounts."""
        sealed = [each for each in entries if each.suite == SAID_SUITE]
        authors = {account: self._name_of(account) for account in {each.account for each in sealed}}
        return [Said(each.sequence, each.entry_id, authors[each.account], each.content) for each in sealed], authors

    def open(
        self, shown: Conversation, place: Place, entries: Sequence[LogEntry], ahead: Ahead | None
    ) -> tuple[list[LogEntry], list[Outcome | None]]:
        """As they are kept; and what was found of each, None where it is not sealed, or not in the present group."""
        said, authors = self.said(entries)
        of_sealed = self._words.open(place, said, ahead)
        of_earlier = self._earlier.open(place, may_be_earlier(of_sealed, said))
        outcomes = self._outcomes(shown.log, entries, of_sealed, of_earlier)
        self._watch.look(shown, place, entries, outcomes, authors)
        kept, is_noted, chain = [], bool(shown.first), self._words.chain
        for each, outcome in zip(entries, outcomes, strict=True):
            if isinstance(outcome, Body):
                if is_noted:
                    self._past.note(shown.log, each.sequence, outcome)
                body = judged(chain, outcome.body, authors[each.account])
                kept.append(opened(each, said_by(body, outcome.device_id)))
            elif isinstance(outcome, Reason):
                kept.append(doubted(each, outcome))
            else:
                kept.append(earlier(each, of_earlier[each.sequence].body) if each.sequence in of_earlier else each)
        return kept, outcomes

    def _outcomes(
        self, log: int, entries: Sequence[LogEntry], of_sealed: Sequence[Outcome], of_earlier: Mapping[int, Body]
    ) -> list[Outcome | None]:
        following = iter(of_sealed)
        outcomes = [next(following) if each.suite == SAID_SUITE else None for each in entries]
        again = self._past.repeats(log, entries)
        if not again and not of_earlier:
            return outcomes
        places = [each.sequence for each in entries]
        return [
            Reason.KNOWN_ID
            if at in again and (isinstance(outcome, Body) or at in of_earlier)
            else None
            if at in of_earlier
            else outcome
            for at, outcome in zip(places, outcomes, strict=True)
        ]
