"""Owns how much is asked for at once: as much as the way carries in a round trip, and hardly more.

What is asked for beyond that stands in a queue on the way, before every word that this person is sent. So the window
grows only while nothing waits there, or while it is seen that more comes for more: where packets are lost, all that is
behind a lost one is late, and that is no queue.
"""

from __future__ import annotations

from collections import deque

import msgspec

from lanline.model.films import MAX_PIECE_BYTES

_FIRST_BYTES = 32 * 1024
_FIRST_PIECE_BYTES = 8 * 1024
_LEAST_PIECE_BYTES = 2 * 1024
_PIECE_S = 0.008
"""A piece is what the way carries in so long."""
_MOST_PIECES = 32
"""Under way at once, about."""
_MOST_BYTES = 256 * 1024
"""As much as a server holds for one reader."""
_ROUND_TRIP_KEPT_S = 30.0
_LEAST_WAIT_S, _LEAST_WAIT_SHARE = 0.005, 0.12
"""What waits for less than this, waits for nothing; the share is of a round trip."""
_EPOCH_S, _EPOCH_ROUNDS, _EPOCH_PIECES = 0.12, 3, 4
_EPOCHS_LOOKED_AT = 3
_SURELY_QUEUED = 2.6
"""So many round trips late is nothing that was merely lost once."""
_EVEN_SHARE = 0.5
"""Of a round trip: what waits in a queue waits about equally long, and what waits for a lost packet does not."""
_GROWTH, _SHRINKAGE, _FAST_SHRINKAGE = 1.06, 0.82, 0.6
_LOSSY_GROWTH, _IDLE_GROWTH = 1.2, 1.5
_LOSSY_WAIT_SHARE = 0.6
"""Where packets are lost, only what is later than this, each time, waits in a queue."""
_DIFFERENCE = 0.06
"""Of two rates that are not the same."""


class _Asked(msgspec.Struct, gc=False):
    size: int
    at: float


class _Epoch(msgspec.Struct, gc=False):
    """What is measured with one size of the window."""

    began_at: float
    pieces: int = 0
    size_bytes: int = 0
    least_trip_s: float = float("inf")
    most_trip_s: float = 0.0
    trips_s: float = 0.0
    was_idle: bool = False
    was_full: bool = False


class Window:
    def __init__(self) -> None:
        self._asked: dict[int, _Asked] = {}
        self.ahead_bytes = 0
        """Asked for, and not here yet."""
        self.size_bytes = float(_FIRST_BYTES)
        self.rate = 0.0
        """Bytes a second, as measured last."""
        self._trips: deque[tuple[float, float]] = deque()
        self._epoch: _Epoch | None = None
        self._lately: deque[float] = deque(maxlen=_EPOCHS_LOOKED_AT)
        """The shortest of each: where packets are lost, some get through in time all the same."""
        self._is_starting = True
        self._is_growing = True

    @property
    def round_trip_s(self) -> float:
        """Of an empty way, as far as is known."""
        return self._trips[0][1] if self._trips else 0.1

    @property
    def piece_bytes(self) -> int:
        if not self.rate:
            return _FIRST_PIECE_BYTES
        wanted = max(self.rate * _PIECE_S, self.size_bytes / _MOST_PIECES)
        return max(_LEAST_PIECE_BYTES, min(MAX_PIECE_BYTES, int(wanted), int(self.size_bytes / 2)))

    @property
    def has_room(self) -> bool:
        return self.ahead_bytes < self.size_bytes

    def asked(self, number: int, size: int, now: float) -> None:
        if self._epoch is None:
            self._epoch = _Epoch(now)
        self._asked[number] = _Asked(size, now)
        self.ahead_bytes += size
        self._epoch.was_full |= not self.has_room

    def idle(self) -> None:
        """There is nothing to ask for just now: what is measured says nothing about the way."""
        if self._epoch is not None:
            self._epoch.was_idle = True

    def arrived(self, number: int, now: float) -> None:
        asked, epoch = self._asked.pop(number, None), self._epoch
        if asked is None or epoch is None:
            return
        self.ahead_bytes -= asked.size
        trip_s = now - asked.at
        self._note_trip(trip_s, now)
        epoch.least_trip_s = min(epoch.least_trip_s, trip_s)
        epoch.most_trip_s = max(epoch.most_trip_s, trip_s)
        epoch.trips_s += trip_s
        epoch.pieces += 1
        epoch.size_bytes += asked.size
        rounds_s = (1 if self._is_starting else _EPOCH_ROUNDS) * self.round_trip_s
        if epoch.pieces >= _EPOCH_PIECES and now - epoch.began_at >= max(
            rounds_s, 0 if self._is_starting else _EPOCH_S
        ):
            self._judge(epoch, now)
            self._epoch = _Epoch(now) if self.ahead_bytes else None

    def failed(self, number: int) -> None:
        asked = self._asked.pop(number, None)
        if asked is not None:
            self.ahead_bytes -= asked.size
            self.size_bytes = max(2.0 * _LEAST_PIECE_BYTES, self.size_bytes * _FAST_SHRINKAGE)
            self._is_starting = False

    def _note_trip(self, trip_s: float, now: float) -> None:
        """The shortest first."""
        trips = self._trips
        while trips and trips[-1][1] >= trip_s:
            trips.pop()
        trips.append((now, trip_s))
        while now - trips[0][0] > _ROUND_TRIP_KEPT_S and len(trips) > 1:
            trips.popleft()

    def _judge(self, epoch: _Epoch, now: float) -> None:
        trip_s = self.round_trip_s
        self._lately.append(epoch.least_trip_s)
        is_even = epoch.most_trip_s - epoch.least_trip_s < _EVEN_SHARE * trip_s
        is_sure = self._is_starting or is_even or epoch.least_trip_s > _SURELY_QUEUED * trip_s
        waited_s = (epoch.least_trip_s if is_sure else min(self._lately)) - trip_s
        is_waiting = waited_s > max(_LEAST_WAIT_S, (_LEAST_WAIT_SHARE if is_sure else _LOSSY_WAIT_SHARE) * trip_s)
        if epoch.was_idle:
            self._judge_burst(epoch, trip_s)
            return
        before, self.rate = self.rate, epoch.size_bytes / (now - epoch.began_at)
        if self._is_starting:
            self._is_starting = not is_waiting and self.rate > (1 + _DIFFERENCE) * before
            self._set(self.size_bytes * 2 if self._is_starting else max(self._carried, self.size_bytes / 2))
            return
        has_more, has_less = self.rate > (1 + _DIFFERENCE) * before, self.rate < (1 - _DIFFERENCE) * before
        if not is_waiting:
            self._is_growing = True
        else:  # on in the direction that helps
            self._is_growing = has_more if self._is_growing else has_less
        if self._is_growing:
            self._set(self.size_bytes * (_GROWTH if is_even else _LOSSY_GROWTH))
        else:
            is_much = is_sure and waited_s > trip_s
            self._set(max(self._carried, self.size_bytes * (_FAST_SHRINKAGE if is_much else _SHRINKAGE)))

    def _judge_burst(self, epoch: _Epoch, trip_s: float) -> None:
        """What is fetched now and then finds an empty way, and its own last piece waits for the others."""
        mean_wait_s = epoch.trips_s / epoch.pieces - trip_s
        self._lately.clear()
        if epoch.was_full and mean_wait_s <= 2 * max(_LEAST_WAIT_S, _LEAST_WAIT_SHARE * trip_s):
            self._set(self.size_bytes * _IDLE_GROWTH)
        elif mean_wait_s > trip_s:
            self._set(self.size_bytes * _SHRINKAGE)

    @property
    def _carried(self) -> float:
        return self.rate * (self.round_trip_s + _PIECE_S / 2)

    def _set(self, size_bytes: float) -> None:
        self.size_bytes = max(2.0 * _LEAST_PIECE_BYTES, min(float(_MOST_BYTES), size_bytes))
