"""Owns the question whether a peer has moved to an address. Not the packets: the link seals and sends them.

Both addresses are asked (RFC 9000, 9.3.3). The peer has moved when the new one has answered and the old one is silent:
who sends on a copy of a packet from elsewhere moves nothing, because the peer still answers from where it is.
"""

from __future__ import annotations

from lanline.proto.link.frames import CHALLENGE_BYTES

CHALLENGE_PACKET_BYTES = 41
"""A sealed packet with a CHALLENGE. Everything that asks for an acknowledgement is at least as large."""
RANDOM_BYTES = 2 * CHALLENGE_BYTES
_MIN_TIMEOUT_S = 0.1
"""A program that answers at the old address may be held up by its machine for longer than the way takes."""
_MAX_TIMEOUT_S = 2.0
_MIN_ASKED = 2
"""Questions to the old address, before its silence says something."""
_MIN_TIME_S = 3.0
"""Which the new address has to answer: the way there may be slower by far than the one that is known."""


class NewAddress:
    """An acknowledgement would be no answer: packet numbers can be guessed, a challenge cannot (RFC 9000, 8.2)."""

    __slots__ = (
        "_allowance_bytes",
        "_asked",
        "_challenge",
        "_is_owed",
        "_old_challenge",
        "_over_at",
        "_settle_at",
        "_wait_s",
        "address",
        "due_at",
        "is_proven",
    )

    def __init__(self, address: tuple[str, int], random: bytes, probe_timeout_s: float, now: float) -> None:
        self.address = address
        self.due_at = now
        self.is_proven = False
        self._challenge, self._old_challenge = random[:CHALLENGE_BYTES], random[CHALLENGE_BYTES:]
        timeout_s = min(max(probe_timeout_s, _MIN_TIMEOUT_S), _MAX_TIMEOUT_S)
        self._wait_s = timeout_s / 2
        self._settle_at = now + timeout_s
        self._over_at = now + max(4 * timeout_s, _MIN_TIME_S)
        self._allowance_bytes = 0
        self._asked = 0
        self._is_owed = False

    def credit(self, received_bytes: int) -> None:
        """No more goes there than came from there: it may be a victim's address."""
        self._allowance_bytes += received_bytes

    def questions(self, now: float) -> tuple[bytes | None, bytes | None]:
        """The challenges to send now: to the old address, and to this one."""
        old_challenge = None
        if now >= self.due_at:
            self._asked += 1
            if self._asked == _MIN_ASKED:  # later than it was due, when this machine is busy: so is the end
                self._settle_at = max(self._settle_at, now + self._wait_s)
            self.due_at = min(now + self._wait_s, self._settle_at if now < self._settle_at else self._over_at)
            if now >= self._settle_at:
                self._wait_s *= 2
            self._is_owed = not self.is_proven
            old_challenge = self._old_challenge
        if not self._is_owed or self._allowance_bytes < CHALLENGE_PACKET_BYTES:
            return old_challenge, None
        self._is_owed = False
        self._allowance_bytes -= CHALLENGE_PACKET_BYTES
        return old_challenge, self._challenge

    def answer_from_here(self, response: bytes | None) -> None:
        if response == self._challenge:
            self.is_proven = True

    def is_answer(self, response: bytes | None) -> bool:
        """Of either address. From the old one, both say that the peer is still there."""
        return response in {self._challenge, self._old_challenge}

    def has_moved(self, now: float) -> bool:
        return self.is_proven and self._asked >= _MIN_ASKED and now >= self._settle_at

    def is_over(self, now: float) -> bool:
        return now >= self._over_at
