"""Owns the playing of one film: which pieces of which parts are fetched, what is here, when it may run.

    STARTING  until there is enough to begin, at first and after a seek
    RUNNING   shown, or paused, while more is fetched
    STALLED   all that is here was shown: until there is enough to go on
    ENDED     shown to its end

In: `receive`, `fail`, `advance`, and the wishes of the person. Out: `next_request`, `take_part`, `early_part`.
Longer than other files: what is fetched next and when the film may run hang on the same parts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from enum import Enum, auto
from functools import partial

import msgspec

from lanline.model.films import FilmPlan, FilmQuality, PartInfo
from lanline.proto.films.exchange import MARGIN, Exchange
from lanline.proto.films.parts import HARDLY_S, Fetch, PieceRequest, ReadyPart
from lanline.proto.films.quality import LOOK_AHEAD_S, QualityChoice, Throughput, lasts
from lanline.proto.films.window import Window

MOST_AHEAD_S, _MOST_AHEAD_OF_LOWER_S = 30.0, 14.0
"""In the best quality, and in a lower one, which is not to be shown for long when the way has become better."""
_MOST_AHEAD_BYTES = 64 * 1024 * 1024
_BEGINS_WITH_S, _GOES_ON_WITH_S = 0.5, 2.0
_SHORTEST_S = 1e-4
_TAKEN_BEFORE_S = 0.75
"""So long before it is shown a part goes to the decoder."""
_LEAST_AHEAD_S = 1.0
"""With less here nothing is fetched again."""
_SOON_S = 2.0
"""What is shown within this time stays in the quality that it is here in, when the person asks for another one."""


class State(Enum):
    STARTING = auto()
    RUNNING = auto()
    STALLED = auto()
    ENDED = auto()


_MAY_FOLLOW = {
    State.STARTING: {State.STARTING, State.RUNNING},
    State.RUNNING: {State.STALLED, State.ENDED, State.STARTING},
    State.STALLED: {State.RUNNING, State.STARTING},
    State.ENDED: {State.STARTING},
}


class Playing:
    def __init__(self, plan: FilmPlan, start_s: float = 0.0, lines: int | None = None) -> None:
        self.state = State.STARTING
        self.is_paused = False
        self.is_awaited = False
        """The first picture is not shown yet: until it is, no more is fetched than it takes to begin."""
        self.window = Window()
        self.throughput = Throughput()
        self.switches, self.stalled_s = 0, 0.0
        self._choice = QualityChoice()
        self.fixed_lines = lines
        self._requests: dict[int, tuple[Fetch, int, int]] = {}
        self._last_number, self._not_before = 0, 0.0
        self._busy_since: float | None = None
        self._stalled_at: float | None = None
        self._fetches: deque[Fetch] = deque()
        self._betters: deque[Fetch] = deque()
        """In place of parts that are here."""
        self._ready: deque[ReadyPart] = deque()
        self._wants_first = True
        self._last_whole: tuple[int, int] | None = None
        self.lines: int | None = None
        """Of what was chosen last."""
        self._use(plan)
        self.position_s = self._next_s = self._taken_to_s = self._clipped(start_s)

    def _use(self, plan: FilmPlan) -> None:
        self.plan = plan
        self._qualities = {each.lines: each for each in plan.qualities}
        self._starts = {each.lines: [part.start_s for part in each.parts] for each in plan.qualities}
        self.begins_s = min(each.parts[0].start_s for each in plan.qualities)
        self.ends_s = max(each.parts[-1].end_s for each in plan.qualities)

    def _clipped(self, position_s: float) -> float:
        return max(self.begins_s, min(position_s, self.ends_s - 0.1))

    # What is here.

    @property
    def here_to_s(self) -> float:
        """Up to where the film could be shown without fetching anything."""
        return self._ready[-1].end_s if self._ready else self._taken_to_s

    @property
    def ahead_s(self) -> float:
        return max(0.0, self.here_to_s - self.position_s)

    @property
    def is_all_here(self) -> bool:
        return self.here_to_s >= self.ends_s - HARDLY_S

    @property
    def is_all_taken(self) -> bool:
        return self._taken_to_s >= self.ends_s - HARDLY_S and not self._ready

    @property
    def may_run(self) -> bool:
        return self.state is State.RUNNING and not self.is_paused

    def take_part(self) -> ReadyPart | None:
        """For the decoder, when it is soon to be shown: until then it may be exchanged for a better one."""
        if not self._ready or self._taken_to_s - self.position_s >= _TAKEN_BEFORE_S:
            return None
        part = self._ready.popleft()
        self._taken_to_s = part.end_s
        return part

    def early_part(self) -> ReadyPart | None:
        """For the decoder, at the beginning and after a seek: what has come of the first part, each time more.

        `take_part` gives the same part when it is whole, or another one in its place.
        """
        return self._fetches[0].more() if self.state is State.STARTING and self._fetches and not self._ready else None

    # Fetching.

    def next_request(self, now: float) -> PieceRequest | None:
        if now < self._not_before or not self.window.has_room:
            return None
        if self.is_awaited and self.state is State.RUNNING:
            self.window.idle()
            return None
        fetch = next((each for each in self._all_fetches if not each.is_asked), None)
        if fetch is None and self._fetches and self.window.is_starting and self.fixed_lines is None:
            return None  # which quality comes next is better known when this part is here
        fetch = fetch or self._begin_fetch(now) or self._begin_better(self.lines)
        if fetch is None:
            self.window.idle()
            return None
        offset, size = self._next_piece(fetch)
        self._last_number += 1
        self._requests[self._last_number] = fetch, offset, size
        self.window.asked(self._last_number, size, now)
        if self._busy_since is None:
            self._busy_since = now + self.window.round_trip_s  # which is the way there and back, and no rate
        return PieceRequest(self._last_number, fetch.lines, fetch.number, offset, size)

    def _next_piece(self, fetch: Fetch) -> tuple[int, int]:
        if fetch.again:
            return fetch.again.pop()
        offset = fetch.asked_to
        fetch.asked_to = min(offset + self.window.piece_bytes, fetch.part.size_bytes)
        return offset, fetch.asked_to - offset

    def _begin_fetch(self, now: float) -> Fetch | None:
        is_best = self.fixed_lines is not None or self.lines == max(self._qualities)
        most_s = MOST_AHEAD_S if is_best else _MOST_AHEAD_OF_LOWER_S
        if self._next_s >= self.ends_s - HARDLY_S or self._next_s - self.position_s >= most_s:
            return None
        here_bytes = sum(len(part.data) for part in self._ready) + sum(f.part.size_bytes for f in self._all_fetches)
        if here_bytes > _MOST_AHEAD_BYTES:
            return None
        lines = self._chosen(now)
        if (better := self._begin_better(lines)) is not None:
            return better
        number, is_first = self._place(lines)
        quality = self._qualities[lines]
        fetch = Fetch(lines, number, quality.parts[number], self._next_s, is_first=is_first)
        self._go_over_to(lines)
        self._wants_first, self._next_s = False, max(self._next_s, quality.parts[number].end_s)
        self._fetches.append(fetch)
        return fetch

    def _begin_better(self, lines: int | None) -> Fetch | None:
        """What is here in a lower quality, and not soon shown, is fetched in a better one when the way carries it."""
        if self.fixed_lines is not None or lines is None or not self._rate:
            return None
        coming = {each.from_s: each.lines for each in self._betters}
        here: list[ReadyPart | Fetch] = [*self._ready, *self._fetches]
        exchange = Exchange(here, coming, self._in_place_of, self._left_s, partial(self._may_wait, lines), self._rate)
        fetch = exchange.next([each for each in sorted(self._qualities, reverse=True) if each <= lines])
        if fetch is not None and MARGIN * fetch.part.size_bytes / self._rate <= self.ahead_s - _LEAST_AHEAD_S:
            self._betters.append(fetch)
            if fetch.part.end_s >= self._next_s - HARDLY_S:
                self._go_over_to(fetch.lines)
            return fetch
        return None

    def _go_over_to(self, lines: int) -> None:
        self.switches += self.lines not in {None, lines}
        self.lines = lines

    def _in_place_of(self, old: ReadyPart | Fetch, lines: int) -> Fetch | None:
        """Where it is as long as the other one, and what follows can be decoded after it."""
        number = self._part_at(lines, old.from_s)
        fetch = Fetch(lines, number, self._qualities[lines].parts[number], old.from_s, is_first=True)
        after = self._qualities[old.lines].parts[old.number + 1 : old.number + 2]
        return fetch if fetch.ends_as(old) and fetch.part.is_key and all(each.is_key for each in after) else None

    def _left_s(self, fetch: Fetch) -> float:
        """Until it goes to the decoder."""
        return fetch.from_s - self.position_s - _TAKEN_BEFORE_S

    def _may_wait(self, lines: int, takes_s: float) -> bool:
        """What comes next has so much time, and will still come in this quality without a stop."""
        coming = self._coming(self._qualities[lines]) if self._next_s < self.ends_s - HARDLY_S else ()
        return lasts(coming, self._next_s - self.position_s - takes_s, self._rate)

    def _chosen(self, now: float) -> int:
        there = {n: each for n, each in self._qualities.items() if each.parts[-1].end_s > self._next_s + HARDLY_S}
        if self.fixed_lines is not None:
            return max((each for each in there if each <= self.fixed_lines), default=min(there))
        coming = {lines: self._coming(each) for lines, each in there.items()}
        return self._choice.choose(coming, self.lines, self._next_s - self.position_s, self._rate, now)

    @property
    def _rate(self) -> float:
        """Bytes a second; 0.0: nothing is known yet."""
        return self.window.bounded(self.throughput.bytes_per_s) or self.window.mean_rate

    def _coming(self, quality: FilmQuality) -> Sequence[PartInfo]:
        first = self._part_at(quality.lines, self._next_s)
        until = bisect_right(self._starts[quality.lines], self._next_s + LOOK_AHEAD_S)
        return quality.parts[first : max(until, first + 1)]

    def _part_at(self, lines: int, at_s: float) -> int:
        return max(0, bisect_right(self._starts[lines], at_s + HARDLY_S) - 1)

    def _place(self, lines: int) -> tuple[int, bool]:
        """Which part comes next in this quality: the one after, or the last with a key frame before that time."""
        number = self._part_at(lines, self._next_s)
        before = self._before()
        if not self._wants_first and before == (lines, number - 1):
            return number, False
        if not self._wants_first and before == (lines, number):  # its end is told a little too early
            return min(number + 1, len(self._qualities[lines].parts) - 1), False
        parts = self._qualities[lines].parts
        while number and not parts[number].is_key:
            number -= 1
        return number, True

    def _before(self) -> tuple[int, int] | None:
        coming = self._fetches or self._ready
        return (coming[-1].lines, coming[-1].number) if coming else self._last_whole

    def _info(self, part: ReadyPart) -> PartInfo:
        return self._qualities[part.lines].parts[part.number]

    def receive(self, number: int, data: bytes, now: float, queueing_s: float | None = None) -> None:
        """`queueing_s`: how long what goes on the link waits just now, where the link knows it."""
        self.window.arrived(number, now, queueing_s)
        found = self._requests.pop(number, None)
        if self._busy_since is not None and not self.window.is_starting:
            self.throughput.note(len(data), max(_SHORTEST_S, now - self._busy_since), now)
        self._busy_since = now if self._requests else None
        if found is None or found[0] not in self._all_fetches:
            return
        fetch, offset, size = found
        if len(data) != size:
            fetch.again.append((offset, size))  # cannot be; asked for again rather than waited for
            return
        fetch.pieces[offset] = data
        fetch.has_bytes += size
        self._keep_whole()
        self._check_patience(now)
        self._check_enough(now)

    def fail(self, number: int, now: float, wait_s: float) -> None:
        """It did not come; it is asked for again after so long."""
        self.window.failed(number)
        found = self._requests.pop(number, None)
        self._busy_since = self._busy_since if self._requests else None
        self._not_before = max(self._not_before, now + wait_s)
        if found is not None:
            found[0].again.append(found[1:])

    @property
    def _all_fetches(self) -> list[Fetch]:
        return [*self._fetches, *self._betters]

    def _keep_whole(self) -> None:
        while self._fetches and self._fetches[0].is_whole:
            fetch = self._fetches.popleft()
            self._ready.append(fetch.ready)
            self._last_whole = fetch.lines, fetch.number
        while self._betters and self._betters[0].is_whole and self._betters[0].from_s < self.here_to_s - HARDLY_S:
            self._exchange(self._betters.popleft().ready)

    def _exchange(self, better: ReadyPart) -> None:
        """Unless the part that it is to replace was taken meanwhile."""
        for place, part in enumerate(self._ready):
            if part.from_s == better.from_s:
                self._ready[place] = better
                if place + 1 < len(self._ready):
                    self._ready[place + 1] = msgspec.structs.replace(self._ready[place + 1], is_first=True)
                elif self._last_whole is not None:
                    self._last_whole = better.lines, better.number

    def _check_patience(self, now: float) -> None:
        """What comes too late in this quality is fetched in a lower one."""
        rate = self.window.bounded(self.throughput.bytes_per_s)
        if self.fixed_lines is not None or not rate:
            return
        if self._betters:
            needed_s = self._betters[0].missing_bytes / rate
            if needed_s > min(self._left_s(self._betters[0]), self.ahead_s - _LEAST_AHEAD_S):
                self._betters.clear()
                last_lines, _ = self._before() or (min(self._qualities), 0)
                self._go_over_to(min(self.lines or last_lines, last_lines))
        if not self._fetches:
            return
        fetch = self._fetches[0]
        sizes = {
            lines: quality.parts[self._part_at(lines, fetch.from_s)].size_bytes
            for lines, quality in self._qualities.items()
        }
        instead = self._choice.instead(fetch.lines, fetch.missing_bytes, sizes, self.ahead_s, rate, now)
        if instead is not None:
            self._drop_fetches()
            self.lines = instead

    def _drop_fetches(self) -> None:
        self._fetches.clear()
        self._betters.clear()
        self._next_s = self.here_to_s

    # Running.

    def _enter(self, state: State) -> None:
        assert state in _MAY_FOLLOW[self.state], f"{self.state} -> {state}"
        self.state = state

    def _check_enough(self, now: float) -> None:
        enough_s = _BEGINS_WITH_S if self.state is State.STARTING else _GOES_ON_WITH_S
        if self.state in {State.STARTING, State.STALLED} and (self.ahead_s >= enough_s or self.is_all_here):
            self._enter(State.RUNNING)
            self._end_stall(now)

    def _end_stall(self, now: float) -> None:
        if self._stalled_at is not None:
            self.stalled_s += now - self._stalled_at
            self._stalled_at = None

    def advance(self, position_s: float, now: float) -> None:
        """So far it was shown."""
        if self.state is not State.RUNNING:
            return
        self.position_s = max(self.position_s, position_s)
        if self.ahead_s > HARDLY_S:
            return
        self._enter(State.ENDED if self.is_all_here else State.STALLED)
        self._stalled_at = None if self.is_all_here else now

    # What the person wants.

    def pause(self, *, is_paused: bool) -> None:
        self.is_paused = is_paused

    def seek(self, position_s: float, now: float) -> None:
        """What is decoded is to be forgotten by the caller."""
        self._end_stall(now)
        self.position_s = position_s = self._clipped(position_s)
        while self._ready and self._ready[0].end_s <= position_s + HARDLY_S:
            self._ready.popleft()
        self._taken_to_s = position_s
        first = self._info(self._ready[0]) if self._ready else None
        if first is not None and first.is_key and first.start_s <= position_s:
            self._ready[0] = msgspec.structs.replace(self._ready[0], is_first=True, from_s=position_s)
        else:
            self._ready.clear()
            self._drop_fetches()
            self._wants_first = True
        self._enter(State.STARTING)
        self._check_enough(now)

    def choose(self, lines: int | None) -> None:
        """None: by itself. What is shown soon stays; the rest is fetched again."""
        self.fixed_lines = lines
        if lines is None or lines == self.lines:
            return
        rate = self._rate
        wanted = max((each for each in self._qualities if each <= lines), default=min(self._qualities))
        takes_s = self._qualities[wanted].parts[0].size_bytes / rate if rate else 0.0
        stays_to_s = self.position_s + max(_SOON_S, 1.5 * takes_s)
        while self._ready and self._info(self._ready[-1]).start_s > stays_to_s:
            self._ready.pop()
        if self._ready:
            self._last_whole = self._ready[-1].lines, self._ready[-1].number
        self._drop_fetches()
        self._wants_first = True

    def replan(self, plan: FilmPlan, now: float) -> None:
        """The film on the server is another one now: on from the same time."""
        self._use(plan)
        self._ready.clear()
        self._last_whole = None
        self.seek(self.position_s, now)
