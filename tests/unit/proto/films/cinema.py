"""A film played in virtual time, over a way whose rate follows a trace: one queue, one delay, and no other traffic."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

from lanline.model.films import FilmPlan, FilmQuality, PartInfo
from lanline.proto.films.parts import PieceRequest, ReadyPart
from lanline.proto.films.playing import Playing, State

RATES = {240: 50_000, 720: 250_000, 1440: 750_000}
"""Bytes a second."""
Trace = Callable[[float], float]


def plan(duration_s: float = 120.0, part_s: float = 2.0, seed: int = 1, version: str = "v1") -> FilmPlan:
    """Scenes differ in size, alike in all qualities."""
    chance = random.Random(seed)
    count = round(duration_s / part_s)
    shares = [chance.uniform(0.6, 1.4) for _ in range(count)]
    qualities = []
    for lines, rate in RATES.items():
        parts = [
            PartInfo(number * part_s, (number + 1) * part_s, int(rate * part_s * share), True)
            for number, share in enumerate(shares)
        ]
        qualities.append(FilmQuality(lines, b"head", tuple(parts)))
    return FilmPlan("film", version, tuple(qualities))


class Evening:
    """`rate` in bytes a second at each time."""

    def __init__(self, playing: Playing, rate: Trace, delay_s: float = 0.02, loss: float = 0.0, seed: int = 1) -> None:
        self.playing = playing
        self.now = 0.0
        self.began_at: float | None = None
        self.shown: list[tuple[float, int]] = []
        """How long each part was on the screen, and its lines."""
        self.queue_s: list[float] = []
        """How long a word sent just then would wait for bytes of the film."""
        self.lost_ways = 0
        self._rate = rate
        self._delay_s = delay_s
        self._loss = loss
        self._chance = random.Random(seed)
        self._free_at = 0.0
        self._in_order_at = 0.0
        self._arriving: list[tuple[float, int, int]] = []
        self._takes: list[tuple[float, int]] = []
        self.taken: list[ReadyPart] = []
        self._lines_now = 0

    def _ask(self, request: PieceRequest) -> None:
        start = max(self.now + self._delay_s, self._free_at)
        end = start
        left = float(request.size) * 1.04
        while left > 0:  # in steps, as the rate may change meanwhile
            rate = max(1.0, self._rate(end))
            step = min(left, rate * 0.01)
            end += step / rate
            left -= step
        self._free_at = end
        arrives = end + self._delay_s
        packets = max(1, request.size // 1200)
        if self._loss and self._chance.random() < 1 - (1 - self._loss) ** packets:
            arrives += 2.2 * self._delay_s
        self._in_order_at = max(self._in_order_at, arrives)
        heapq.heappush(self._arriving, (self._in_order_at, request.number, request.size))

    def run(self, until_s: float, step_s: float = 0.005) -> Evening:
        playing = self.playing
        while self.now < until_s and playing.state is not State.ENDED:
            self.now += step_s
            while self._arriving and self._arriving[0][0] <= self.now:
                _, number, size = heapq.heappop(self._arriving)
                playing.receive(number, bytes(size), self.now)
            while (request := playing.next_request(self.now)) is not None:
                self._ask(request)
            self.queue_s.append(max(0.0, self._free_at - self.now - self._delay_s))
            self._show(step_s)
        return self

    def _show(self, step_s: float) -> None:
        playing = self.playing
        while (part := playing.take_part()) is not None:
            self.taken.append(part)
            self._takes.append((part.from_s, part.lines))
        if not playing.may_run:
            return
        if self.began_at is None:
            self.began_at = self.now
        while self._takes and self._takes[0][0] <= playing.position_s + 1e-6:
            self._lines_now = self._takes.pop(0)[1]
        if not self.shown or self.shown[-1][1] != self._lines_now:
            self.shown.append((0.0, self._lines_now))
        self.shown[-1] = (self.shown[-1][0] + step_s, self._lines_now)
        playing.advance(min(playing.position_s + step_s, playing.here_to_s), self.now)

    def sought(self, position_s: float) -> None:
        self.playing.seek(position_s, self.now)
        self._takes.clear()

    @property
    def mean_lines(self) -> float:
        total = sum(lasted for lasted, _ in self.shown)
        return sum(lasted * lines for lasted, lines in self.shown) / total if total else 0.0

    @property
    def switches(self) -> int:
        return max(0, len(self.shown) - 1)

    def queue_at(self, share: float) -> float:
        ordered = sorted(self.queue_s)
        return ordered[int(share * (len(ordered) - 1))]


def steady(megabits: float) -> Trace:
    return lambda _: megabits * 125_000


def stepped(*steps: tuple[float, float]) -> Trace:
    """From each time on, so many megabits a second."""

    def rate(at: float) -> float:
        return next(megabits for since, megabits in reversed(steps) if at >= since) * 125_000

    return rate


def mobile(seed: int, low: float = 0.8, high: float = 12.0) -> Trace:
    """A telephone that moves about: another rate each second, near the last one."""
    chance = random.Random(seed)
    rates = [4.0]
    for _ in range(1000):
        rates.append(min(high, max(low, rates[-1] * chance.uniform(0.7, 1.42))))
    return lambda at: rates[int(at)] * 125_000


def random_steps(seed: int, ends_s: float = 96.0) -> list[tuple[float, float]]:
    """Another rate after some seconds, whatever was before."""
    chance = random.Random(f"steps {seed}")
    steps, at_s = [], 0.0
    while at_s < ends_s:
        steps.append((at_s, chance.choice([1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12])))
        at_s += chance.uniform(8, 25)
    return steps


def short_stays(shown: list[tuple[float, int]], least_s: float) -> list[tuple[float, float]]:
    """When a better quality was on the screen for less than that, between two that were worse."""
    found, at_s = [], 0.0
    for place, (lasted_s, lines) in enumerate(shown):
        around = [other for _, other in (*shown[max(0, place - 1) : place], *shown[place + 1 : place + 2])]
        if len(around) == 2 and lines > max(around) and round(lasted_s, 6) < least_s:  # a sum of many steps
            found.append((at_s, at_s + lasted_s))
        at_s += lasted_s
    return found
