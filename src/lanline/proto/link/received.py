"""Which packets arrived: refuses replays, and decides when and what to acknowledge."""

from __future__ import annotations

from lanline.proto.link.frames import ACK_BYTES, ACK_RANGE_BYTES, MAX_ACK_RANGES, encode_ack
from lanline.proto.link.ranges import RangeSet

MAX_RANGES = 64
"""Gaps remembered. A packet that was overtaken by more gaps than this counts as lost, and is sent again."""

_MEMORY_S = 3.0
"""A gap is forgotten after 3 to 6 seconds."""
_ALERT_PACKETS = 4
_ACK_BYTES_AT_MOST, _CALM_ACK_BYTES_AT_MOST = 9600, 32_000
"""Large datagrams are acknowledged sooner: a window may hold only a few. The second where nothing was lost for
`_CALM_AFTER_S`, and so much came since: a sender's window is at least that as long as it has lost nothing, and grows
again by what is acknowledged; on a link that is idle it does not.
"""
_CALM_AFTER_S = 10.0
_CALM_AFTER_BYTES = 1_000_000


class ReceivedPackets:
    __slots__ = (
        "_ack_delay_s",
        "_ack_every",
        "_alert",
        "_bytes_until_calm",
        "_calm_at",
        "_floor",
        "_has_gaps",
        "_immediate",
        "_largest_at",
        "_numbers",
        "_old_below",
        "_turn_at",
        "_waiting_bytes",
        "deadline",
        "largest",
        "waiting",
    )

    def __init__(self, ack_every: int, ack_delay_s: float) -> None:
        self._numbers = RangeSet()
        self._has_gaps = False
        self.largest = -1
        self._floor = 0
        self._largest_at = 0.0
        self._old_below = 0
        self._turn_at = 0.0
        self._ack_every = ack_every
        self._ack_delay_s = ack_delay_s
        self.waiting = 0
        """Packets that are not acknowledged yet."""
        self._waiting_bytes = 0
        self._immediate = False
        self._alert = 0
        self._calm_at = 0.0
        self._bytes_until_calm = 0
        self.deadline: float | None = None

    def is_new(self, number: int) -> bool:
        return number > self.largest or (number >= self._floor and number not in self._numbers)

    def record(self, number: int, now: float, size_bytes: int, ack_eliciting: bool) -> None:
        previous = self.largest
        self._numbers.add(number, number)
        if number > previous:
            self.largest = number
            self._largest_at = now
        if self._has_gaps or number != previous + 1:
            self._forget_old(now)
        if ack_eliciting:
            self.waiting += 1
            self._waiting_bytes += size_bytes
            if number != previous + 1:
                # A gap or a late packet, and what follows it, is news that the sender's loss detection waits for.
                self._alert = _ALERT_PACKETS
                self._calm_at = now + _CALM_AFTER_S
                self._bytes_until_calm = _CALM_AFTER_BYTES
            if self._alert:
                self._alert -= 1
                self._immediate = True
            elif self.waiting >= self._ack_every or (
                self._waiting_bytes >= _ACK_BYTES_AT_MOST
                and (
                    self._waiting_bytes >= _CALM_ACK_BYTES_AT_MOST or now < self._calm_at or self._bytes_until_calm > 0
                )
            ):
                self._immediate = True
            elif self.deadline is None:
                self.deadline = now + self._ack_delay_s

    def _forget_old(self, now: float) -> None:
        """The sender has long settled what lies below an old gap; telling it again and again would only take room."""
        numbers = self._numbers
        if now >= self._turn_at:
            while len(numbers) > 1 and numbers.lowest[1] < self._old_below:
                self._floor = numbers.drop_lowest() + 1
            self._old_below = numbers.largest
            self._turn_at = now + _MEMORY_S
        if len(numbers) > MAX_RANGES:
            self._floor = numbers.drop_lowest() + 1
        self._has_gaps = len(numbers) > 1

    def is_ack_due(self, now: float) -> bool:
        return self._immediate or (self.deadline is not None and now >= self.deadline)

    @property
    def ack_bytes(self) -> int:
        """What an acknowledgement would take now; 0 when nothing has come since the last one."""
        if not self.waiting:
            return 0
        return ACK_BYTES + ACK_RANGE_BYTES * (min(len(self._numbers), MAX_ACK_RANGES) - 1)

    def take_ack(self, now: float, room: int) -> bytes:
        self.waiting = 0
        self._bytes_until_calm -= self._waiting_bytes
        self._waiting_bytes = 0
        self._immediate = False
        self.deadline = None
        most = min(MAX_ACK_RANGES, 1 + (room - ACK_BYTES) // ACK_RANGE_BYTES)
        return encode_ack(self._numbers.descending(most), max(0.0, now - self._largest_at))
