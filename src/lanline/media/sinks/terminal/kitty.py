"""Pictures for terminals that know kitty's graphics protocol: compressed pixels, which the terminal brings to size."""

from __future__ import annotations

import base64
import zlib

from lanline.media.api import Pixels, Size
from lanline.media.sinks.terminal.canvas import Area

_PIECE = 4096
_IDS = (4207, 4208)


class Kitty:
    """Two pictures take turns: the new one is there before the old one goes, so that nothing flickers."""

    def __init__(self, widest: int) -> None:
        self._widest = widest
        self._turn = 0

    def grid(self, area: Area) -> tuple[Size, float]:
        size = Size(area.cells.width * area.cell.width, area.cells.height * area.cell.height)
        scale = min(1.0, self._widest / max(size.width, size.height))
        return Size(max(1, int(size.width * scale)), max(1, int(size.height * scale))), 1.0

    def draw(self, pixels: Pixels, area: Area) -> bytes:
        height, width = pixels.shape[:2]
        grid, _ = self.grid(area)
        columns = max(1, area.cells.width * width // grid.width)
        rows = max(1, area.cells.height * height // grid.height)
        top, left = (area.cells.height - rows) // 2, (area.cells.width - columns) // 2
        old, new = _IDS[self._turn], _IDS[1 - self._turn]
        self._turn = 1 - self._turn
        head = b"a=T,q=2,f=24,o=z,i=%d,p=1,C=1,s=%d,v=%d,c=%d,r=%d" % (new, width, height, columns, rows)
        data = base64.standard_b64encode(zlib.compress(pixels.tobytes(), 1))
        return b"\x1b[%d;%dH" % (top + 1, left + 1) + _in_pieces(head, data) + _deletion(old)

    def forget(self) -> None:
        """Every picture is sent whole."""

    def erase(self) -> bytes:
        return b"".join(map(_deletion, _IDS))


def _in_pieces(head: bytes, data: bytes) -> bytes:
    pieces = [data[start : start + _PIECE] for start in range(0, len(data), _PIECE)]
    last = len(pieces) - 1
    return b"".join(
        b"\x1b_G%bm=%d;%b\x1b\\" % (b"" if index else head + b",", index < last, piece)
        for index, piece in enumerate(pieces)
    )


def _deletion(picture_id: int) -> bytes:
    return b"\x1b_Ga=d,q=2,d=I,i=%d\x1b\\" % picture_id
