"""Chooses which part that is here already is fetched again in a better quality, because the way has become better.

A single better part between worse ones would be a swing: it begins only where there is time for all that follow, and
what it has begun it goes on with, even if there is a little less time than it thought.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lanline.proto.films.parts import Fetch, ReadyPart

MARGIN = 1.1
"""So many times as long as it should take may a part take, and still be there in time."""

Part = ReadyPart | Fetch


class Exchange:
    def __init__(
        self,
        here: Sequence[Part],
        coming: Mapping[float, int],
        in_quality: Callable[[Part, int], Fetch | None],
        left_s: Callable[[Fetch], float],
        may_wait: Callable[[float], bool],
        rate: float,
    ) -> None:
        """`coming`: lines of what is fetched again already; `in_quality`: None where it cannot stand in that place;
        `left_s`: until it is needed; `may_wait`: whether what comes next has so many seconds; `rate` in bytes a second.
        """
        self._here = here
        self._lines = [max(part.lines, coming.get(part.from_s, 0)) for part in here]
        self._in_quality = in_quality
        self._left_s = left_s
        self._may_wait = may_wait
        self._rate = rate

    def next(self, qualities: Sequence[int]) -> Fetch | None:
        """The best first. What is needed first is fetched first."""
        found = [self._continued(lines) or self._begun(lines) for lines in qualities]
        return min((each for each in found if each is not None), key=lambda each: each.from_s, default=None)

    def _continued(self, lines: int) -> Fetch | None:
        for place, part in enumerate(self._here[1:], 1):
            if self._lines[place - 1] >= lines > self._lines[place]:
                fetch = self._in_quality(part, lines)
                return fetch if fetch is not None and self._left_s(fetch) > self._takes_s(fetch) else None
        return None

    def _begun(self, lines: int) -> Fetch | None:
        found, all_take_s = None, 0.0
        for part, has_lines in zip(reversed(self._here), reversed(self._lines), strict=True):
            if has_lines >= lines:
                continue
            fetch = self._in_quality(part, lines)
            if fetch is None or self._left_s(fetch) <= MARGIN * self._takes_s(fetch):
                break
            all_take_s += self._takes_s(fetch)
            if not self._may_wait(all_take_s):
                break
            found = fetch
        return found

    def _takes_s(self, fetch: Fetch) -> float:
        return fetch.part.size_bytes / self._rate
