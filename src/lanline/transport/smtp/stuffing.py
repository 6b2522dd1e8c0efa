"""Message bytes as DATA wants them: dots doubled at line starts, one dot at the end (RFC 5321, 4.5.2).

Bytes with a bare CR or LF are refused: servers disagree about what those end, and that is how one mail becomes two.
"""

from __future__ import annotations

from lanline.errors import InvalidInput

FINAL_DOT = b".\r\n"


class Stuffing:
    """Takes the message in pieces of any size."""

    __slots__ = ("_tail",)

    def __init__(self) -> None:
        self._tail = b"\r\n"
        """The last two bytes so far: the message begins at the start of a line."""

    def feed(self, chunk: bytes) -> bytes:
        if not chunk:
            return b""
        block = self._tail[-1:] + chunk
        pairs = block.count(b"\r\n")
        first_lf = block[:1] == b"\n"  # seen with its CR in the last piece
        open_cr = block[-1:] == b"\r"  # its LF may open the next
        if block.count(b"\n") - first_lf != pairs or block.count(b"\r") - open_cr != pairs:
            raise InvalidInput("The message has a bare line break in it, which no server may be sent.")
        self._tail = (self._tail + chunk)[-2:]
        return block.replace(b"\n.", b"\n..")[1:]

    def finish(self) -> bytes:
        if self._tail != b"\r\n":
            raise InvalidInput("The message does not end with a line break, so its end could not be told.")
        return FINAL_DOT
