"""Letters for pictures: the clock of the test pattern, the statistics of a window. One typeface, five by seven dots.

FFmpeg as PyAV ships it draws no text, and a font engine for a few digits would be the heaviest part of a viewer.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lanline.media.api import Pixels

COLUMNS, ROWS = 5, 7

_DOTS = """
0 01110 10001 10001 10001 10001 10001 01110
1 00100 01100 00100 00100 00100 00100 01110
2 01110 10001 00001 00110 01000 10000 11111
3 11110 00001 00001 01110 00001 00001 11110
4 00010 00110 01010 10010 11111 00010 00010
5 11111 10000 11110 00001 00001 10001 01110
6 00110 01000 10000 11110 10001 10001 01110
7 11111 00001 00010 00100 01000 01000 01000
8 01110 10001 10001 01110 10001 10001 01110
9 01110 10001 10001 01111 00001 00010 01100
A 01110 10001 10001 11111 10001 10001 10001
B 11110 10001 10001 11110 10001 10001 11110
C 01110 10001 10000 10000 10000 10001 01110
D 11100 10010 10001 10001 10001 10010 11100
E 11111 10000 10000 11110 10000 10000 11111
F 11111 10000 10000 11110 10000 10000 10000
G 01110 10001 10000 10111 10001 10001 01111
H 10001 10001 10001 11111 10001 10001 10001
I 01110 00100 00100 00100 00100 00100 01110
J 00111 00010 00010 00010 00010 10010 01100
K 10001 10010 10100 11000 10100 10010 10001
L 10000 10000 10000 10000 10000 10000 11111
M 10001 11011 10101 10101 10001 10001 10001
N 10001 11001 10101 10011 10001 10001 10001
O 01110 10001 10001 10001 10001 10001 01110
P 11110 10001 10001 11110 10000 10000 10000
Q 01110 10001 10001 10001 10101 10010 01101
R 11110 10001 10001 11110 10100 10010 10001
S 01111 10000 10000 01110 00001 00001 11110
T 11111 00100 00100 00100 00100 00100 00100
U 10001 10001 10001 10001 10001 10001 01110
V 10001 10001 10001 10001 10001 01010 00100
W 10001 10001 10001 10101 10101 11011 10001
X 10001 10001 01010 00100 01010 10001 10001
Y 10001 10001 01010 00100 00100 00100 00100
Z 11111 00001 00010 00100 01000 10000 11111
. 00000 00000 00000 00000 00000 01100 01100
, 00000 00000 00000 00000 01100 00100 01000
: 00000 01100 01100 00000 01100 01100 00000
; 00000 01100 01100 00000 01100 00100 01000
- 00000 00000 00000 11111 00000 00000 00000
= 00000 00000 11111 00000 11111 00000 00000
> 01000 00100 00010 00001 00010 00100 01000
| 00100 00100 00100 00100 00100 00100 00100
[ 01110 01000 01000 01000 01000 01000 01110
] 01110 00010 00010 00010 00010 00010 01110
+ 00000 00100 00100 11111 00100 00100 00000
/ 00001 00001 00010 00100 01000 10000 10000
% 11001 11001 00010 00100 01000 10011 10011
( 00010 00100 01000 01000 01000 00100 00010
) 01000 00100 00010 00010 00010 00100 01000
' 00100 00100 00000 00000 00000 00000 00000
? 01110 10001 00001 00110 00100 00000 00100
"""
_GLYPHS = {
    line[0]: np.array([[dot == "1" for dot in row] for row in line[2:].split()], dtype=bool)
    for line in _DOTS.strip().splitlines()
}
_SPACE = np.zeros((ROWS, COLUMNS), dtype=bool)


@lru_cache(maxsize=64)
def lettered(text: str, scale: int) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """The text as a field of dots; capitals only, and a question mark for what the typeface does not have."""
    gap = np.zeros((ROWS, 1), dtype=bool)
    pieces = [piece for letter in text.upper() for piece in (_glyph(letter), gap)]
    field = np.hstack(pieces) if pieces else gap
    return np.pad(field, ((1, 1), (1, 0))).repeat(scale, axis=0).repeat(scale, axis=1)


def _glyph(letter: str) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    return _SPACE if letter == " " else _GLYPHS.get(letter, _GLYPHS["?"])


def height_of(scale: int) -> int:
    return (ROWS + 2) * scale


def width_of(text: str, scale: int) -> int:
    return ((COLUMNS + 1) * len(text) + 1) * scale


def write(pixels: Pixels, text: str, left: int, top: int, scale: int, *, height: int | None = None) -> None:
    """White on black, cut off at the edges. `height` where the array has more below than the picture (YUV)."""
    field = lettered(text, scale)
    field = field[: max(0, (height or pixels.shape[0]) - top), : max(0, pixels.shape[1] - left)]
    region = pixels[top : top + field.shape[0], left : left + field.shape[1]]
    region[...] = (np.where(field, 235, 16)[..., None] if pixels.ndim == 3 else np.where(field, 235, 16)).astype(
        np.uint8
    )
