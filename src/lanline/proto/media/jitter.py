"""Decides when a complete frame is shown, and how long one that is not complete is waited for.

Nothing is held back without a reason: a frame is shown as soon as it is complete and no older one may still become so.
The wait for the older one ends at its deadline: base delay + 2 x p95 jitter. docs/protocol/media.md, 6.
"""

from __future__ import annotations

import msgspec

from lanline.proto.media.frame import ReceivedFrame

_MOST_JITTER_S = 0.2
_MOST_WAITING = 64
_MOST_AT_ONCE = 8
"""After a stall, older frames than the newest so many are of no use where each stands alone."""


class DelayPolicy(msgspec.Struct, frozen=True):
    """The base delay follows the round trip, because a repair takes one: `round_trips` of it, within bounds."""

    round_trips: float
    least_s: float
    most_s: float

    def base_delay_s(self, round_trip_s: float) -> float:
        return min(self.most_s, max(self.least_s, 0.010 + self.round_trips * round_trip_s))


INTRA_ONLY = DelayPolicy(round_trips=4.0, least_s=0.040, most_s=0.250)
DEPENDENT = DelayPolicy(round_trips=6.0, least_s=0.100, most_s=0.400)
"""A frame on which others depend is worth a longer wait: without it there is nothing until the next key frame."""


def patience_s(policy: DelayPolicy, round_trip_s: float, p95_jitter_s: float) -> float:
    return policy.base_delay_s(round_trip_s) + min(_MOST_JITTER_S, 2 * p95_jitter_s)


class JitterBuffer:
    """Of one viewer, over all rungs: frame ids are those of the source, so rungs may change between two frames."""

    def __init__(self) -> None:
        self._complete: dict[int, ReceivedFrame] = {}
        self._last: ReceivedFrame | None = None
        self._needs_key = False
        self.skipped = 0
        """Complete frames that were of no use any more."""

    @property
    def needs_key(self) -> bool:
        """A frame is missing on which the next ones depend."""
        return self._needs_key

    @property
    def last_shown_id(self) -> int:
        return -1 if self._last is None else self._last.frame.frame_id

    def add(self, received: ReceivedFrame) -> None:
        frame_id = received.frame.frame_id
        if not self._is_of_use(received) or frame_id in self._complete:
            self.skipped += 1
            return
        self._complete[frame_id] = received
        if len(self._complete) > _MOST_WAITING:
            del self._complete[min(self._complete)]
            self.skipped += 1

    def _is_of_use(self, received: ReceivedFrame) -> bool:
        frame, last = received.frame, self._last
        if last is None or frame.frame_id > last.frame.frame_id:
            return True
        # The same picture on another rung, where the next ones will depend on it.
        is_beginning = frame.is_key and not frame.codec.is_intra_only
        return is_beginning and frame.frame_id == last.frame.frame_id and received.stream_id != last.stream_id

    def take(self, oldest_awaited: float) -> list[ReceivedFrame]:
        """What is to be shown now, in order. `oldest_awaited` is the id of the oldest frame that may still come whole,
        or infinity.
        """
        shown: list[ReceivedFrame] = []
        restart = max(filter(self._restarts_at, self._complete), default=-1)
        for frame_id in sorted(self._complete):
            if frame_id >= oldest_awaited and frame_id > restart:
                break
            received = self._complete.pop(frame_id)
            if self._may_show(received):
                shown.append(received)
                self._last = received
                self._needs_key = False
            else:
                self._needs_key = True
                self.skipped += 1
        return self._without_backlog(shown)

    def _restarts_at(self, frame_id: int) -> bool:
        """While the picture stands still for want of a key frame, one is shown at once. So is the first frame of a
        smaller rung: what is missing of the larger one is not repaired any more.
        """
        frame, last = self._complete[frame_id].frame, self._last
        is_smaller = last is not None and frame.rung < last.frame.rung
        return frame.is_key and (self._needs_key or is_smaller)

    def _may_show(self, received: ReceivedFrame) -> bool:
        frame, last = received.frame, self._last
        if frame.is_key or frame.codec.is_intra_only:
            return True
        return (
            last is not None
            and not self._needs_key
            and last.stream_id == received.stream_id
            and last.end_number == received.first_number
        )

    def _without_backlog(self, shown: list[ReceivedFrame]) -> list[ReceivedFrame]:
        excess = len(shown) - _MOST_AT_ONCE
        if excess <= 0 or not all(received.frame.codec.is_intra_only for received in shown):
            return shown
        self.skipped += excess
        return shown[excess:]
