"""One picture into a file, named for the moment."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import simplejpeg

from lanline.errors import MediaProblem
from lanline.media.api import Layout, Picture
from lanline.media.colours import Colours

_QUALITY = 95


def save_picture(picture: Picture, folder: Path) -> Path:
    moment = dt.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S-%f")[:-3]
    path = folder / f"lanline-{moment}.jpg"
    rgb = Colours().change(picture, Layout.RGB).pixels
    try:
        path.write_bytes(simplejpeg.encode_jpeg(rgb, quality=_QUALITY))
    except OSError as cause:
        raise MediaProblem(f"The picture cannot be saved as {path}: {cause.strerror}.") from cause
    return path
