"""Owns the choice of the quality: by what the way carries and by how much is here already, together.

Up when the way carries more than that quality takes, down before the film would stand still, and a quality that could
not be kept is not tried again for a while, longer each time: so it never swings between two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from lanline.model.films import PartInfo

LOOK_AHEAD_S = 20.0
_TRUSTED_SHARE = 0.95
"""Of what the way has carried lately."""
_LEAST_LEFT_S = 3.0
_LEAST_SHARE_LEFT = 0.2
"""Of the film that is here, as it may shrink while a quality is fetched."""
_KEPT_AHEAD_S, _LEAST_LEFT_TO_KEEP_S = 0.1, 0.3
"""Who is in a quality stays there longer than somebody would go there: what the buffer has is there to be used."""
_PLENTY_S = 4.5
"""With so much here, a quality that lasts is tried whatever happened before."""
_STEP_AHEAD_S, _STEP_LEFT_S = 8.0, 0.6
"""The step out of the least quality is seen most: it is taken as soon as the next one would last for so long."""
_LEAST_PATIENCE_S, _PATIENCE, _PATIENCE_AT_THE_END = 0.5, 0.9, 0.97
"""A part comes too late if its rest takes a larger share of the film that is here. It is larger when most has come."""
_WORTH_IT = 1.5
"""So many times smaller has to be what is fetched in its place."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 5.0, 60.0


class Throughput:
    """Two averages over the time in which something was on its way, and the smaller of them: quick down, slow up.

    While nothing is, they fade too, only slower: what was measured long ago says little.
    """

    _HALF_LIVES_S = (0.7, 1.5)
    _IDLE_SHARE = 0.4
    _LEAST_S = 0.5
    """What was measured for less than that says nothing."""

    def __init__(self) -> None:
        self._sums = [0.0, 0.0]
        self._weights = [0.0, 0.0]
        self._noted_at: float | None = None
        self._measured_s = 0.0

    def note(self, size_bytes: int, lasted_s: float, now: float) -> None:
        passed_s = 0.0 if self._noted_at is None else now - self._noted_at
        self._noted_at = now
        self._measured_s += lasted_s
        for number, half_life_s in enumerate(self._HALF_LIVES_S):
            kept = math.exp(-math.log(2) * max(lasted_s, self._IDLE_SHARE * passed_s) / half_life_s)
            self._sums[number] = self._sums[number] * kept + size_bytes
            self._weights[number] = self._weights[number] * kept + lasted_s

    @property
    def bytes_per_s(self) -> float:
        """0.0: nothing is known yet."""
        if self._measured_s < self._LEAST_S:
            return 0.0
        return min(total / weight for total, weight in zip(self._sums, self._weights, strict=True))


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
        lasting = [each for each in lines if lasts(coming[each], here_s, rate)]
        has_plenty = here_s >= _PLENTY_S
        up = [each for each in lasting if each > current and (has_plenty or now >= self._waits_until.get(each, 0.0))]
        if current == lines[0]:
            up += [each for each in lines[1:2] if lasts(coming[each], here_s, rate, _STEP_AHEAD_S, _STEP_LEFT_S)]
            return max(up, default=current)
        if up:
            return max(up)
        kept = [each for each in lines if lasts(coming[each], here_s, rate, _KEPT_AHEAD_S, _LEAST_LEFT_TO_KEEP_S)]
        if current not in kept:
            self._avoid(current, now)
        return max((each for each in kept if each <= current), default=lines[0])

    def instead(
        self, lines: int, missing_bytes: int, sizes: Mapping[int, int], ahead_s: float, rate: float, now: float
    ) -> int | None:
        """Of a part of which so much is missing, when it would come too late. `sizes`: of the same part, by lines."""
        share = _PATIENCE_AT_THE_END - (_PATIENCE_AT_THE_END - _PATIENCE) * missing_bytes / sizes[lines]
        longest_s = max(_LEAST_PATIENCE_S, share * ahead_s)
        smaller = {each: size for each, size in sizes.items() if size < missing_bytes / _WORTH_IT and each < lines}
        if missing_bytes / rate <= longest_s or not smaller:
            return None
        self._avoid(lines, now)
        return max((each for each, size in smaller.items() if size / rate < longest_s), default=min(smaller))

    def _avoid(self, lines: int, now: float) -> None:
        wait_s = min(_LONGEST_WAIT_S, 2 * self._wait_s.get(lines, _FIRST_WAIT_S / 2))
        if now > self._waits_until.get(lines, 0.0) + 4 * wait_s:
            wait_s = _FIRST_WAIT_S  # it went well for long
        self._wait_s[lines], self._waits_until[lines] = wait_s, now + wait_s


def lasts(
    parts: Sequence[PartInfo],
    here_s: float,
    rate: float,
    ahead_s: float = LOOK_AHEAD_S,
    least_left_s: float = _LEAST_LEFT_S,
) -> bool:
    """Fetching these one after the other for so long a time of the film, there is always enough of it here."""
    least_s = min(least_left_s, _LEAST_SHARE_LEFT * here_s)
    has_s = here_s
    for part in parts:
        if part.start_s >= parts[0].start_s + ahead_s:
            break
        has_s -= part.size_bytes / (_TRUSTED_SHARE * rate)
        if has_s < least_s:
            return False
        has_s += part.end_s - part.start_s
    return True
