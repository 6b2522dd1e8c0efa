"""Close codes and reasons, as a WebSocket close frame carries them (docs/protocol/websocket.md, 6)."""

from __future__ import annotations

from websockets.frames import Close

from lanline.errors import CloseCode

CODE_BASE = 4000
MAX_REASON_BYTES = 123
"""RFC 6455, 5.5: a control frame holds 125 bytes, two of them the code."""

_STANDARD_CODES = {
    1000: CloseCode.DONE,
    1001: CloseCode.GOING_AWAY,
    1002: CloseCode.PROTOCOL_VIOLATION,
    1003: CloseCode.PROTOCOL_VIOLATION,
    1007: CloseCode.PROTOCOL_VIOLATION,
    1009: CloseCode.PROTOCOL_VIOLATION,
}


def cut_reason(reason: str) -> str:
    return reason.encode("utf-8", "replace")[:MAX_REASON_BYTES].decode("utf-8", "ignore")


def printable(text: str) -> str:
    """A stranger's words may reach a terminal: no control characters."""
    return "".join(character if character.isprintable() else " " for character in text)


def code_of(close: Close) -> CloseCode:
    standard = _STANDARD_CODES.get(close.code)
    if standard is not None:
        return standard
    try:
        return CloseCode(close.code - CODE_BASE)
    except ValueError:
        # A code of a later version. The link is over in any case; RESET is what makes a session connect again.
        return CloseCode.RESET
