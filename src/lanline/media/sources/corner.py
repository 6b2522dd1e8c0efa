"""A second source in the lower right corner of the first, as a camera beside a screen.

The second one is read in a thread of its own: the newest picture of it is shown, and the first one never waits for it.
"""

from __future__ import annotations

import threading

import numpy as np

from lanline.errors import LanlineError
from lanline.media.api import Layout, Picture, Pixels, Size, Source
from lanline.media.colours import Colours, even, fitted

_SHARE = 4
"""It is at most so many times less wide and high than the whole."""
_FAREWELL_S = 2.0


class Corner:
    """Ends with the first source; the corner stays as it was when the second one ends."""

    def __init__(self, whole: Source, small: Source) -> None:
        self.whole, self._small = whole, small
        room = Size(whole.size.width // _SHARE, whole.size.height // _SHARE)
        self._room = even(fitted(small.size, room))
        self._colours = Colours()
        self._newest: Picture | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="corner", daemon=True)
        self._thread.start()

    @property
    def size(self) -> Size:
        return self.whole.size

    @property
    def fps(self) -> float:
        return self.whole.fps

    def _follow(self) -> None:
        try:
            while not self._stopped.is_set():
                picture = self._small.read()
                if picture is None:
                    return
                self._newest = self._colours.change(picture, picture.layout, self._room)
        except LanlineError:
            return  # the first source goes on
        finally:
            self._small.close()

    def read(self) -> Picture | None:
        picture, small = self.whole.read(), self._newest
        if picture is None or small is None:
            return picture
        pixels = picture.pixels.copy()  # a source may give the same ones again
        for plane, part in zip(_planes(pixels, picture), _planes(small.pixels, small), strict=True):
            plane[plane.shape[0] - part.shape[0] :, plane.shape[1] - part.shape[1] :] = part
        return Picture(pixels, picture.layout, picture.captured_at_us)

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(_FAREWELL_S)
        self.whole.close()


def _planes(pixels: Pixels, picture: Picture) -> list[Pixels]:
    """Views of light and the two colours; of all at once where they are not apart."""
    if picture.layout is Layout.RGB:
        return [pixels]
    width, height = picture.size.width, picture.size.height
    luma, u, v = np.split(pixels.reshape(-1), [width * height, width * height * 5 // 4])
    half = (height // 2, width // 2)
    return [luma.reshape(height, width), u.reshape(half), v.reshape(half)]
