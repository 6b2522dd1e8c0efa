"""Owns how this device brings back what a restored server has lost: sealed words, which prove their author themselves.

Whoever comes first brings all that it has, its own and what others said, in the order in which it was said, piece by
piece; the others leave out what has come by then. What the server does not take stays set aside, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence

from lanline.client.chat.context import NodeContext
from lanline.client.chat.conversations import Conversations, FollowedConversation, Following
from lanline.client.chat.restored.lost import SetAsideWords
from lanline.client.chat.sealed.seals import Seals
from lanline.client.chat.session import Answer
from lanline.client.view.values import ENDED_MARK
from lanline.clock import Timer
from lanline.errors import RequestRefused
from lanline.wire.chat import offers as wire
from lanline.wire.chat.conversations import OpenDirect

_FIRST_AFTER_S = 4.0
"""At most, by chance: so that not all bring the same at once."""
_PIECE_BYTES = 48 * 1024
_MIN_PAUSE_S = 1.0
_LATER_S, _MAX_LATER_S = 5.0, 320.0
"""Where what is lacking may come: looked at ever more rarely."""
_LONGEST_PAUSE_S = 10.0
"""A server that gathers may be done at any moment."""


class Bringing:
    def __init__(self, context: NodeContext, conversations: Conversations, seals: Seals) -> None:
        self._lost = context.lost
        self._clock = context.clock
        self._line = context.line
        self._conversations = conversations
        self._seals = seals
        self._is_asking = False
        self._timer: Timer | None = None
        self._has_waited = False
        self._later_s = _LATER_S
        self._brought: set[tuple[int, int, bytes]] = set()
        """What is not brought again on this link: the server has it by its own word, or takes nothing of this account.
        It stays set aside until it is read in its log.
        """
        self._opened: set[str] = set()
        """With whom the server was asked to open a talk, on this link."""

    def end_link(self) -> None:
        self._is_asking = self._has_waited = False
        self._later_s = _LATER_S
        self._opened.clear()
        self._brought.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def go_on(self) -> None:
        """All that is followed has caught up."""
        if self._is_asking or self._timer is not None or not self._seals.may_bring:
            return
        self._part_lost_logs()
        if not self._lost.may_bring:
            return
        waiting = [each for each in self._lost.to_bring() if each[:3] not in self._brought]
        if not waiting:
            return
        if not self._has_waited:
            self._has_waited = True
            self._again_in(_FIRST_AFTER_S * self._seals.chance())
        elif not any(self._bring(title, waiting) for title in dict.fromkeys(each.title for each in waiting)):
            self._again_in(self._later_s)
            self._later_s = min(2 * self._later_s, _MAX_LATER_S)

    def _part_lost_logs(self) -> None:
        """Of conversations that the server has lost whole, and that are there anew under another number."""
        for track in list(self._conversations.tracks):
            if not track.is_proven and not track.shown.is_open:
                other = self._track(track.shown.title)
                if other is not None and other is not track:
                    self._conversations.part(track, 0)

    def _track(self, title: str) -> FollowedConversation | None:
        """Where it is said now. None: nowhere, or not yet."""
        track = self._conversations.titled(title)
        if track is not None and track.shown.is_open:
            return track if track.is_proven and track.following is Following.LIVE else None
        person = None if title.startswith("#") else self._conversations.directory.named(title)
        if person is not None and not title.endswith(ENDED_MARK) and title not in self._opened:
            self._opened.add(title)
            self._line.request(OpenDirect(0, person.account), lambda _: self._again_in(0.0))
        return None

    def _bring(self, title: str, waiting: Sequence[SetAsideWords]) -> bool:
        """Whether something is under way now."""
        track = self._track(title)
        if track is None:
            return False
        rows, words, size_bytes = list[SetAsideWords](), list[wire.LostWords](), 0
        refused: list[tuple[SetAsideWords, str]] = []
        is_lacking = False
        for each in [each for each in waiting if each.title == title]:
            if len(words) >= wire.MAX_CARRIED_AT_ONCE or size_bytes >= _PIECE_BYTES:
                break
            found = self._seals.to_bring(track.shown, each.entry_id, self._lost.as_sealed(each))
            if isinstance(found, str):
                refused.append((each, found))
            elif found is not None:
                rows.append(each)
                words.append(found)
                size_bytes += len(found.said) + len(found.statement)
            else:
                is_lacking = True
        if is_lacking:  # nobody else asks for that, where all that is read there opens
            self._seals.want_secrets(track.shown)
        if refused:
            self._lost.note_refused(refused)
        if words:
            self._is_asking = True
            message = wire.Carry(0, track.shown.log, tuple(words))
            self._line.request(message, lambda answer: self._on_answer(rows, answer))
        return bool(words)

    def _on_answer(self, rows: Sequence[SetAsideWords], answer: Answer) -> None:
        self._is_asking = False
        match answer:
            case wire.Carried(_, refusals) if len(refusals) == len(rows):
                self._brought.update(each[:3] for each, why in zip(rows, refusals, strict=True) if not why)
                self._lost.note_refused((each, why) for each, why in zip(rows, refusals, strict=True) if why)
                self._again_in(0.0)
            case RequestRefused(retry_after_s=pause_s) if pause_s:
                self._again_in(min(max(pause_s, _MIN_PAUSE_S), _LONGEST_PAUSE_S))
            case RequestRefused():  # of who brings it, who may have room again one day: others may have it now
                self._brought.update(each[:3] for each in rows)
                self._again_in(_LATER_S)
            case _:
                pass  # the link has ended; the next one begins anew

    def _again_in(self, delay_s: float) -> None:
        if self._timer is None:
            self._timer = self._clock.call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._line.is_synchronized:
            self.go_on()
