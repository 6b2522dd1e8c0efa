"""Who is sent which rung, who waits for one to begin, and what has to be encoded for that.

A rung whose frames depend on each other is joined at a key frame. docs/protocol/media.md, 7.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import msgspec

from lanline.proto.media.subscription import Subscription

_KEY_FRAMES_APART_S = 0.25
_NEVER = float("inf")

Viewer = Hashable


class RungsWanted(msgspec.Struct, frozen=True):
    """These are to be encoded from the next picture on, and no others."""

    rungs: frozenset[int]


class KeyFrameNeeded(msgspec.Struct, frozen=True):
    rung: int


class RungAssignment:
    def __init__(self, is_intra_only: Sequence[bool], tell: Callable[[RungsWanted | KeyFrameNeeded], None]) -> None:
        """`is_intra_only` tells it of each rung."""
        self._is_intra_only = is_intra_only
        self._tell = tell
        self._watchers: list[dict[Viewer, Subscription]] = [{} for _ in is_intra_only]
        self._waiting: list[dict[Viewer, Subscription]] = [{} for _ in is_intra_only]
        self._resting: dict[Viewer, Subscription] = {}
        self.wanted: frozenset[int] = frozenset()
        self._key_asked_at: dict[int, float] = {}
        self._standing: set[int] = set()
        """Rungs whose picture does not change: no frame comes but those that are asked for."""

    def watchers(self, rung: int) -> dict[Viewer, Subscription]:
        return self._watchers[rung]

    def place(self, viewer: Viewer, subscription: Subscription, now: float) -> None:
        """As its subscription says now."""
        self._take_out(viewer)
        if subscription.rests_until > now:
            self._resting[viewer] = subscription
        elif not subscription.is_silent:
            self._put_in(viewer, subscription, now)
        self._update_wanted()

    def _put_in(self, viewer: Viewer, subscription: Subscription, now: float) -> None:
        if subscription.rung is not None:
            self._watchers[subscription.rung][viewer] = subscription
        if subscription.next_rung is not None:
            self._waiting[subscription.next_rung][viewer] = subscription
            self.need_key(subscription.next_rung, now)

    def remove(self, viewer: Viewer) -> None:
        self._take_out(viewer)
        self._update_wanted()

    def _take_out(self, viewer: Viewer) -> None:
        for places in (*self._watchers, *self._waiting, self._resting):
            places.pop(viewer, None)

    def begin_with_key(self, rung: int) -> None:
        """Those who wait for this rung: here is a frame to begin with."""
        waiting = self._waiting[rung]
        if not waiting:
            return
        for viewer, subscription in waiting.items():
            if subscription.rung is not None:
                self._watchers[subscription.rung].pop(viewer, None)
            subscription.rung, subscription.next_rung = rung, None
            self._watchers[rung][viewer] = subscription
        waiting.clear()
        self._update_wanted()

    def _update_wanted(self) -> None:
        places = zip(self._watchers, self._waiting, strict=True)
        wanted = frozenset(rung for rung, (watchers, waiting) in enumerate(places) if watchers or waiting)
        if wanted != self.wanted:
            self.wanted = wanted
            self._tell(RungsWanted(wanted))

    def stand(self, rung: int, now: float) -> None:
        self._standing.add(rung)
        if self._waiting[rung]:
            self.need_key(rung, now)

    def move(self, rung: int) -> None:
        self._standing.discard(rung)

    # Key frames.

    def need_key(self, rung: int, now: float) -> None:
        if self.may_ask_for_key(rung, now):
            self._key_asked_at[rung] = now
            self._tell(KeyFrameNeeded(rung))

    def may_ask_for_key(self, rung: int, now: float) -> bool:
        if self._is_intra_only[rung] and rung not in self._standing:
            return False  # the next frame is one
        return now >= self._key_asked_at.get(rung, -1.0) + _KEY_FRAMES_APART_S

    def _key_owed_at(self, rung: int) -> float:
        """Who came just after a key frame was sent, too early for another one, has to be given one later."""
        asked_at = self._key_asked_at.get(rung)
        return _NEVER if asked_at is None or not self._waiting[rung] else asked_at + _KEY_FRAMES_APART_S

    # The time.

    def next_deadline(self) -> float:
        """Infinity when nothing is to be done."""
        keys = [self._key_owed_at(rung) for rung in range(len(self._waiting))]
        return min([*keys, *(subscription.rests_until for subscription in self._resting.values())])

    def handle_timer(self, now: float) -> None:
        for rung in range(len(self._waiting)):
            if now >= self._key_owed_at(rung):
                self.need_key(rung, now)
        rested = [each for each in self._resting.items() if each[1].rests_until <= now]
        for viewer, subscription in rested:
            self.place(viewer, subscription, now)
