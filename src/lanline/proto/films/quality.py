"""Owns the choice of the quality: by what the way carries and by how much is here already, together.

Up when the way carries more than that quality takes, down before the film would stand still, and a quality that could
not be kept is not tried again for a while, longer each time: so it never swings between two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate

from lanline.model.films import PartInfo

LOOK_AHEAD_S = 20.0
_TRUSTED_SHARE = 0.95
"""Of what the way has carried lately."""
_UP_SHARE = 0.9
_LEAST_LEFT_S = 3.0
_LEAST_SHARE_LEFT = 0.4
"""Of the film that is here, as it may shrink while a quality is fetched."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 12.0, 180.0


class Throughput:
    """Two averages over the time in which something was on its way, and the smaller of them: quick down, slow up.

    While nothing is, they fade too, only slower: what was measured long ago says little.
    """

    _HALF_LIVES_S = (2.0, 6.0)
    _IDLE_SHARE = 0.4

    def __init__(self) -> None:
        self._sums = [0.0, 0.0]
        self._weights = [0.0, 0.0]
        self._noted_at: float | None = None

    def note(self, size_bytes: int, lasted_s: float, now: float) -> None:
        passed_s = 0.0 if self._noted_at is None else now - self._noted_at
        self._noted_at = now
        for number, half_life_s in enumerate(self._HALF_LIVES_S):
            kept = math.exp(-math.log(2) * max(lasted_s, self._IDLE_SHARE * passed_s) / half_life_s)
            self._sums[number] = self._sums[number] * kept + size_bytes
            self._weights[number] = self._weights[number] * kept + lasted_s

    @property
    def bytes_per_s(self) -> float:
        """0.0: nothing is known yet."""
        pairs = zip(self._sums, self._weights, strict=True)
        return min((total / weight if weight else 0.0 for total, weight in pairs), default=0.0)


class QualityChoice:
    def __init__(self) -> None:
        self._waits_until: dict[int, float] = {}
        self._wait_s: dict[int, float] = {}

    def choose(
        self, coming: Mapping[int, Sequence[PartInfo]], current: int | None, here_s: float, rate: float, now: float
    ) -> int:
        """The lines of the next part. `coming`: the parts of the next seconds, by lines; `here_s`: of the film."""
        lines = sorted(coming)
        if not rate or current is None:
            return lines[0]
        current = max((each for each in lines if each <= current), default=lines[0])
        lasting = [each for each in lines if self._lasts(coming[each], here_s, rate)]
        best = max(lasting, default=lines[0])
        if best < current:
            self._avoid(current, now)
            return best
        up = [
            each
            for each in lasting
            if each > current and _takes(coming[each]) <= _UP_SHARE * rate and now >= self._waits_until.get(each, 0.0)
        ]
        return max(up, default=current)

    def give_up(self, lines: int, now: float) -> None:
        """What was fetched in this quality would have come too late."""
        self._avoid(lines, now)

    def _avoid(self, lines: int, now: float) -> None:
        wait_s = min(_LONGEST_WAIT_S, 2 * self._wait_s.get(lines, _FIRST_WAIT_S / 2))
        if now > self._waits_until.get(lines, 0.0) + 4 * wait_s:
            wait_s = _FIRST_WAIT_S  # it went well for long
        self._wait_s[lines], self._waits_until[lines] = wait_s, now + wait_s

    @staticmethod
    def _lasts(parts: Sequence[PartInfo], here_s: float, rate: float) -> bool:
        """Fetching these one after the other, there is always enough of the film here."""
        least_s = min(_LEAST_LEFT_S, _LEAST_SHARE_LEFT * here_s)
        sizes = list(accumulate(part.size_bytes for part in parts))
        gained = accumulate((part.end_s - part.start_s for part in parts), initial=0.0)
        return all(
            here_s + gain - size / (_TRUSTED_SHARE * rate) >= least_s for size, gain in zip(sizes, gained, strict=False)
        )


def _takes(parts: Sequence[PartInfo]) -> float:
    """Bytes a second."""
    lasts_s = sum(part.end_s - part.start_s for part in parts)
    return sum(part.size_bytes for part in parts) / lasts_s if lasts_s else 0.0
