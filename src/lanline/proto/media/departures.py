"""What leaves for viewers now, and what leaves later: frames that are paced, and repeats of a trial.

Owns the order and the times. Not why: pacing says when a frame leaves, the publisher what a trial repeats.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count

from lanline.proto.media.assignment import Viewer
from lanline.proto.media.outgoingstream import SealedFrame
from lanline.proto.media.subscription import Subscription

Burst = tuple[list[bytes], list[Viewer]]

_MOST_REPEATS = 1024
_REPEATED_OVER = 0.85
"""Of the time until the next frame: a trial is as even as what it stands for."""
_NEVER = float("inf")


class Departures:
    def __init__(self) -> None:
        self._due: list[Burst] = []
        self._paced: list[tuple[float, int, list[Burst]]] = []
        self._trials: list[tuple[float, int, list[bytes], Viewer, Subscription]] = []
        """Repeats that are to leave, each at its time: none of them does when the trial is over by then."""
        self._order = count()

    def send(self, packets: list[bytes], viewer: Viewer) -> None:
        self._due.append((packets, [viewer]))

    def spread(self, sealed: SealedFrame, groups: dict[int, list[Viewer]], now: float) -> None:
        """To each group of viewers so many of its packets."""
        for part in sealed.slices:
            bursts: list[Burst] = [
                (sealed.packets[part.start : min(part.stop, sent)], viewers)
                for sent, viewers in groups.items()
                if part.start < sent
            ]
            if part.leaves_at <= now:
                self._due += bursts
            elif bursts:
                heappush(self._paced, (part.leaves_at, next(self._order), bursts))

    def try_rate(
        self, viewer: Viewer, subscription: Subscription, sealed: SealedFrame, fps: float, now: float, *, has_left: bool
    ) -> None:
        """Repeats of the frame, so that the rate is the one to be tried; spread out, as a frame of that rate would be.
        `has_left`: it is an earlier one, in the place of one that is not there.
        """
        total = sealed.total_chunks
        packet_bytes = len(sealed.packets[0])
        frame_bytes = subscription.choice.trial_bits_per_s / 8 / fps
        repeats = min(_MOST_REPEATS, int(frame_bytes / packet_bytes) - (0 if has_left else total))
        if repeats <= 0:
            return
        interval_s = 1.0 / fps
        # Not before they have left for the first time: they carry that time, and would be taken for quick ones.
        begin = max(now + 0.1 * interval_s, sealed.slices[-1].leaves_at)
        for start in range(0, repeats, total):
            packets = sealed.packets[: min(total, repeats - start)]
            at = begin + _REPEATED_OVER * interval_s * start / repeats
            heappush(self._trials, (at, next(self._order), packets, viewer, subscription))

    def take(self, now: float) -> list[Burst]:
        while self._paced and self._paced[0][0] <= now:
            self._due += heappop(self._paced)[2]
        while self._trials and self._trials[0][0] <= now:
            _, _, packets, viewer, subscription = heappop(self._trials)
            if subscription.choice.trial_bits_per_s and not subscription.is_over:
                subscription.sent_bytes += sum(map(len, packets))
                self._due.append((packets, [viewer]))
        due, self._due = self._due, []
        return due

    def next_deadline(self) -> float:
        """Infinity when nothing waits."""
        return min([_NEVER, *(waiting[0][0] for waiting in (self._paced, self._trials) if waiting)])
