"""The life of a WebSocket link, as data."""

from __future__ import annotations

from enum import Enum, auto


class LinkState(Enum):
    SECURING = auto()
    """The TLS handshake."""

    UPGRADING = auto()
    """The HTTP request and its answer."""

    OPEN = auto()
    CLOSING = auto()
    """`LinkClosed` has been reported; the goodbye is on its way and the peer's end of the stream is awaited."""

    CLOSED = auto()
    """There is no more to send or to receive."""


TRANSITIONS: dict[LinkState, frozenset[LinkState]] = {
    LinkState.SECURING: frozenset({LinkState.UPGRADING, LinkState.CLOSING, LinkState.CLOSED}),
    LinkState.UPGRADING: frozenset({LinkState.OPEN, LinkState.CLOSING, LinkState.CLOSED}),
    LinkState.OPEN: frozenset({LinkState.CLOSING, LinkState.CLOSED}),
    LinkState.CLOSING: frozenset({LinkState.CLOSED}),
    LinkState.CLOSED: frozenset(),
}

ENDED_STATES = frozenset({LinkState.CLOSING, LinkState.CLOSED})
