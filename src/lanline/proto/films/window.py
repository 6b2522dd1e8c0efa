"""Owns how much is asked for at once: as much as the way carries in a round trip, and hardly more.

What is asked for beyond that stands in a queue on the way, before every word that this person is sent. So the window
grows while no queue stands, and gives back what stands in one. How long things wait in a queue is told by the link,
whose acknowledgements come at once: pieces do not, where one that was lost holds back those behind it.
"""

from __future__ import annotations

import math
from collections import deque

import msgspec

from lanline.model.films import MAX_PIECE_BYTES

_FIRST_BYTES = 32 * 1024
_FIRST_PIECE_BYTES = 8 * 1024
_PACKET_BYTES, _LEAST_PACKETS = 1390, 2
"""What one packet carries of a piece, on nearly every way: a piece that fills its packets wastes the least on them."""
_PIECE_S = 0.004
"""A piece is about what the way carries in so long: a word waits behind one. Each costs the server and the player."""
_MOST_PIECES_AT_FIRST, _MOST_PIECES = 8, 32
"""Under way at once, about: a server refuses what is beyond 64 requests of a link, which counts as a failure here."""
_LEAST_BYTES = 6 * 1024
_MOST_BYTES = 256 * 1024
"""As much as a server holds for one reader."""
_ROUND_TRIP_KEPT_S = 30.0
_LEAST_WAIT_S, _LEAST_WAIT_SHARE = 0.003, 0.06
"""What waits for less than this, waits for nothing; the share is of a round trip."""
_LEAST_QUEUE_BYTES = _LEAST_PACKETS * _PACKET_BYTES
"""The smallest piece: by less nothing that waits can be made shorter, and on a slow way it takes long."""
_GUESSED_WAIT_S, _GUESSED_WAIT_SHARE, _GUESSED_QUEUE_BYTES = 0.005, 0.12, 8 * 1024
"""Where the link does not tell: TCP spreads what is little over a round trip, which is no queue, and looks like one."""
_EPOCH_S, _EPOCH_ROUNDS, _EPOCH_PIECES = 0.1, 2, 4
_GROWTH, _FAST_GROWTH, _EPOCHS_TO_FAST_GROWTH = 1.08, 1.25, 4
"""In an epoch without a queue. After many of those the way has become another one."""
_WIDER = 1.25
"""So many times what came in each of the last epochs, and no queue: then it is known at once."""
_RATES_KEPT, _RATES_KEPT_OF_GROWTH = 4, 2
"""While the window grows fast only the newest tell the rate: what bounded the others was a smaller window."""
_SHORTEST_S = 1e-3
_SMALLEST_SHARE_KEPT = 0.5
_SHARE_AFTER_FAILURE = 0.6
_SHRUNK_IN_VAIN, _CLEARLY_SMALLER, _AS_LONG = 2, 0.8, 0.05
"""Made smaller so often, each time clearly, while things waited as long as before but for such a share."""
_MUCH_LONGER = 2.0
"""Round trips. What waits for less may wait behind another viewer, who would then do likewise, and both without end."""


class _Asked(msgspec.Struct, gc=False):
    size: int
    at: float


class _Epoch(msgspec.Struct, gc=False):
    """What is measured with one size of the window."""

    asked_at: float
    began_at: float | None = None
    """When its first piece was here: only what came after that tells a rate."""
    pieces: int = 0
    size_bytes: int = 0
    least_wait_s: float = float("inf")
    """A queue that stands delays everything, also the luckiest."""
    was_idle: bool = False
    was_full: bool = False
    is_guessed: bool = False
    """The link does not tell how long things wait."""


class _Shrunk(msgspec.Struct, gc=False):
    """What was measured when the window was made smaller."""

    size_bytes: float
    wait_s: float
    rate: float

    def led_to(self, after: _Shrunk) -> bool:
        """Less was asked for, less came, and things waited as long: no queue of ours."""
        share = after.size_bytes / self.size_bytes
        is_slower = share <= _CLEARLY_SMALLER and after.rate <= (1 + share) / 2 * self.rate
        return is_slower and abs(after.wait_s - self.wait_s) <= _AS_LONG * self.wait_s


class _ConstantWait:
    """Owns how long everything waits however little is asked for: the way has become much longer."""

    def __init__(self) -> None:
        self.wait_s = 0.0
        self._last: _Shrunk | None = None
        self._in_vain = 0

    def measured(self, wait_s: float) -> None:
        self.wait_s = min(self.wait_s, wait_s)

    def forget_shrinking(self) -> None:
        self._last, self._in_vain = None, 0

    def is_all_of(self, now: _Shrunk) -> bool:
        """Known when the window was made smaller in vain often enough."""
        self._in_vain = self._in_vain + 1 if self._last is not None and self._last.led_to(now) else 0
        self._last = now
        if self._in_vain < _SHRUNK_IN_VAIN:
            return False
        self.wait_s = now.wait_s
        self.forget_shrinking()
        return True


class Window:
    def __init__(self) -> None:
        self._asked: dict[int, _Asked] = {}
        self.ahead_bytes = 0
        """Asked for, and not here yet."""
        self.size_bytes = float(_FIRST_BYTES)
        self.rate = 0.0
        """Bytes a second, as measured last."""
        self.mean_rate = 0.0
        """Of all since the first piece was here, so for the beginning only."""
        self._first_at: float | None = None
        self._all_bytes = 0
        self._rates: deque[float] = deque(maxlen=_RATES_KEPT)
        self._trips: deque[tuple[float, float]] = deque()
        self._epoch: _Epoch | None = None
        self._free_epochs = 0
        self._is_settling = False
        self._constant = _ConstantWait()
        self.is_starting = True
        """What was measured so far says how little was asked for, and not what the way carries."""

    @property
    def round_trip_s(self) -> float:
        """Of an empty way, as far as is known."""
        return self._trips[0][1] if self._trips else 0.1

    def bounded(self, rate: float) -> float:
        """Not less than in each of the last epochs, nor more than in any: so another way is noticed soon."""
        if not rate or len(self._rates) < _RATES_KEPT:
            return rate
        return max(min(self._rates), min(rate, max(self._rates)))

    @property
    def piece_bytes(self) -> int:
        if not self.rate:
            return _FIRST_PIECE_BYTES
        most = _MOST_PIECES_AT_FIRST if self.is_starting else _MOST_PIECES
        wanted = max(self.rate * _PIECE_S, self.size_bytes / most)
        packets = max(_LEAST_PACKETS, round(min(wanted, self.size_bytes / 2) / _PACKET_BYTES))
        return min(MAX_PIECE_BYTES, packets * _PACKET_BYTES)

    @property
    def has_room(self) -> bool:
        return self.ahead_bytes < self.size_bytes and self.ahead_bytes + self.piece_bytes / 2 <= self.size_bytes

    def asked(self, number: int, size: int, now: float) -> None:
        if self._epoch is None:
            self._epoch = _Epoch(now)
        self._asked[number] = _Asked(size, now)
        self.ahead_bytes += size
        self._epoch.was_full |= not self.has_room

    def idle(self) -> None:
        """There is nothing to ask for just now: what is measured says nothing about the rate of the way."""
        self._rates.clear()
        if self._epoch is not None:
            self._epoch.was_idle = True

    def arrived(self, number: int, now: float, queueing_s: float | None = None) -> None:
        """`queueing_s`: how long what goes on the link waits in queues; None where it does not know."""
        asked, epoch = self._asked.pop(number, None), self._epoch
        if asked is None or epoch is None:
            return
        self.ahead_bytes -= asked.size
        if self._first_at is None:
            self._first_at = now
        else:
            self._all_bytes += asked.size
            self.mean_rate = self._all_bytes / max(_SHORTEST_S, now - self._first_at)
        trip_s = now - asked.at
        self._note_trip(trip_s, now)
        epoch.is_guessed = queueing_s is None
        if queueing_s is None or self.is_starting:  # at first the pieces themselves show it sooner
            queueing_s = trip_s - self.round_trip_s
        if self.is_starting or asked.at >= epoch.asked_at:  # the others tell of the window as it was before
            epoch.least_wait_s = min(epoch.least_wait_s, queueing_s)
        if epoch.began_at is None:
            epoch.began_at = now
        else:
            epoch.size_bytes += asked.size
        epoch.pieces += 1
        is_over = now - epoch.asked_at >= self.round_trip_s
        if not self.is_starting:
            is_over = now - epoch.began_at >= max(_EPOCH_ROUNDS * self.round_trip_s, _EPOCH_S)
        if epoch.pieces >= _EPOCH_PIECES and is_over and epoch.least_wait_s < math.inf:
            self._judge(epoch, now - epoch.began_at)
            self._epoch = _Epoch(now, now) if self.ahead_bytes else None

    def failed(self, number: int) -> None:
        asked = self._asked.pop(number, None)
        if asked is not None:
            self.ahead_bytes -= asked.size
            self._set(self.size_bytes * _SHARE_AFTER_FAILURE)
            self.is_starting = False

    def _note_trip(self, trip_s: float, now: float) -> None:
        """The shortest first."""
        trips = self._trips
        while trips and trips[-1][1] >= trip_s:
            trips.pop()
        trips.append((now, trip_s))
        while now - trips[0][0] > _ROUND_TRIP_KEPT_S and len(trips) > 1:
            trips.popleft()

    def _judge(self, epoch: _Epoch, lasted_s: float) -> None:
        most_before = max(self._rates, default=math.inf)
        if not epoch.was_idle and lasted_s:
            self.rate = epoch.size_bytes / lasted_s
            self._rates.append(self.rate)
        bearable_s = self._bearable_s(epoch)
        self._constant.measured(epoch.least_wait_s)
        wait_s = epoch.least_wait_s - self._constant.wait_s
        if wait_s <= bearable_s:
            self._constant.forget_shrinking()
        if self._is_settling:  # the kernel's word on TCP follows what is so slowly
            self._is_settling = False
        elif wait_s > bearable_s and not self._has_become_longer(epoch):
            # A packet that was lost at the beginning looks like a queue: where none stands afterwards, on at once.
            self._free_epochs = _EPOCHS_TO_FAST_GROWTH if self.is_starting else 0
            self.is_starting, self._is_settling = False, True
            stands_bytes = self.rate * (wait_s - bearable_s / 2)
            self._set(max(self.size_bytes * _SMALLEST_SHARE_KEPT, self.size_bytes - stands_bytes))
        elif epoch.was_full:
            self._free_epochs += 1
            if self.rate > _WIDER * most_before:
                self._free_epochs = max(self._free_epochs, _EPOCHS_TO_FAST_GROWTH + 1)
            is_fast = self._free_epochs > _EPOCHS_TO_FAST_GROWTH
            if is_fast and len(self._rates) == _RATES_KEPT:
                self._rates.extend(list(self._rates)[-_RATES_KEPT_OF_GROWTH:])  # in the place of the others
            growth = _FAST_GROWTH if is_fast else _GROWTH
            self._set(self.size_bytes * (2 if self.is_starting else growth))
            self.is_starting &= self.size_bytes < _MOST_BYTES

    def _has_become_longer(self, epoch: _Epoch) -> bool:
        if epoch.is_guessed or epoch.was_idle or epoch.least_wait_s < _MUCH_LONGER * self.round_trip_s:
            self._constant.forget_shrinking()
            return False
        is_constant = self._constant.is_all_of(_Shrunk(self.size_bytes, epoch.least_wait_s, self.rate))
        if is_constant:
            self._free_epochs = _EPOCHS_TO_FAST_GROWTH
        return is_constant

    def _bearable_s(self, epoch: _Epoch) -> float:
        wait_s, share, queue_bytes = _LEAST_WAIT_S, _LEAST_WAIT_SHARE, _LEAST_QUEUE_BYTES
        if epoch.is_guessed:
            wait_s, share, queue_bytes = _GUESSED_WAIT_S, _GUESSED_WAIT_SHARE, _GUESSED_QUEUE_BYTES
        return max(wait_s, share * self.round_trip_s, queue_bytes / self.rate if self.rate else 0.0)

    def _set(self, size_bytes: float) -> None:
        self.size_bytes = max(float(_LEAST_BYTES), min(float(_MOST_BYTES), size_bytes))
