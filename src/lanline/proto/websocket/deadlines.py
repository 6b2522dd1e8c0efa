"""When a link has to be looked at again, although nothing came in."""

from __future__ import annotations

from lanline.proto.websocket.profile import WebSocketProfile
from lanline.proto.websocket.states import LinkState


class Deadlines:
    __slots__ = ("_asked", "_closing_at", "_heard_at", "_profile", "_started_at")

    def __init__(self, profile: WebSocketProfile, now: float) -> None:
        self._profile = profile
        self._started_at = now
        self._heard_at = now
        self._closing_at = now
        self._asked = False

    def heard(self, now: float) -> None:
        self._heard_at = now
        self._asked = False

    def closing(self, now: float) -> None:
        self._closing_at = now

    def next(self, state: LinkState) -> float | None:
        if state is LinkState.CLOSED:
            return None
        if state is LinkState.CLOSING:
            return self._closing_at + self._profile.close_timeout_s
        if state is LinkState.OPEN:
            silence_s = self._profile.dead_after_s if self._asked else self._profile.keepalive_s
            return self._heard_at + silence_s
        return self._started_at + self._profile.handshake_timeout_s

    def is_dead(self, now: float) -> bool:
        return now >= self._heard_at + self._profile.dead_after_s

    def ask(self, now: float) -> bool:
        """Whether it is time to ask the peer for a sign of life; true once until it is heard."""
        if self._asked or now < self._heard_at + self._profile.keepalive_s:
            return False
        self._asked = True
        return True
