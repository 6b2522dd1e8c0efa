"""What was asked for, opened: `camera`, `screen`, a window, `test`, a video file, or a folder of pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from lanline.errors import InvalidInput, MediaProblem
from lanline.media.api import Layout, Size, SoundSource, Source
from lanline.media.sources.camera import open_camera
from lanline.media.sources.corner import Corner
from lanline.media.sources.imagefolder import ImageFolder
from lanline.media.sources.moviefile import MovieFile
from lanline.media.sources.networkstream import open_stream
from lanline.media.sources.screen import Region, open_screen, open_window
from lanline.media.sources.testpattern import DEFAULT_SIZE, TestPattern

DEFAULT_FPS = 20.0
STANDARD_INPUT = "-"
_LIVE = re.compile(r"(rtsps?|rtmps?|rtp|udp|srt)://", re.IGNORECASE)
_WEB = re.compile(r"https?://", re.IGNORECASE)
_WINDOW = "window:"
_KNOWN = "camera, screen, window:TITLE, test, a video file, folder:PATH, a URL, or -"


@dataclass(frozen=True, slots=True)
class Wanted:
    name: str
    camera_index: int = 0
    size: Size | None = None
    """None: as it comes."""
    fps: float | None = None
    """None: 20, and a file at its own speed."""
    has_sound: bool | None = None
    """None: that of a file, where it has some."""
    sound_device: str | None = None
    """Sound from there, whatever the picture is."""
    plays_once: bool = False
    """A film ends at its end, and the broadcast with it."""
    region: Region | None = None
    """Of the screen; None is all of it."""
    corner: str | None = None
    """Another source, to be shown small within the picture."""


def open_source(wanted: Wanted, layout: Layout) -> Source:
    """Raises MediaProblem, with the sentence for the person."""
    if wanted.corner is None:
        return _open_one(wanted, layout)
    small = _open_one(replace(wanted, name=wanted.corner, size=None, region=None, plays_once=False), layout)
    try:
        return Corner(_open_one(wanted, layout), small)
    except BaseException:
        small.close()
        raise


def _open_one(wanted: Wanted, layout: Layout) -> Source:
    fps = wanted.fps or DEFAULT_FPS
    match wanted.name:
        case "camera":
            return open_camera(wanted.camera_index, wanted.size, fps, layout)
        case "screen":
            return open_screen(wanted.size, fps, layout, wanted.region)
        case "test":
            return TestPattern(wanted.size or DEFAULT_SIZE, fps, layout)
    if wanted.name.startswith(_WINDOW):
        return open_window(wanted.name.removeprefix(_WINDOW), wanted.size, fps, layout)
    if _LIVE.match(wanted.name):
        return open_stream(wanted.name, wanted.size, fps, layout)
    return _open_film_or_folder(wanted, fps, layout)


def _open_film_or_folder(wanted: Wanted, fps: float, layout: Layout) -> Source:
    if wanted.name == STANDARD_INPUT or _WEB.match(wanted.name):
        once = wanted.plays_once or wanted.name == STANDARD_INPUT
        return MovieFile(wanted.name, wanted.size, wanted.fps, layout, plays_once=once)
    path = path_of(wanted.name)
    if path.is_dir():
        return ImageFolder(path, wanted.size, fps, layout, plays_once=wanted.plays_once)
    if not path.exists():
        raise MediaProblem(f"There is no file {path}. Sources are {_KNOWN}.")
    return MovieFile(path, wanted.size, wanted.fps, layout, plays_once=wanted.plays_once)


_FOLDER = "folder:"


def path_of(name: str) -> Path:
    """Of a source that is a file or a folder. Raises InvalidInput for none at all."""
    text = name.removeprefix(_FOLDER)
    if not text.strip():
        raise InvalidInput(f"--source names nothing: it is {_KNOWN}.")
    path = Path(text)
    if name.startswith(_FOLDER) and not path.is_dir():
        raise InvalidInput(f"There is no folder {path}.")
    return path


def description(wanted: Wanted) -> str:
    """For the person, before anybody can see it: whole, where it is a place on the disk."""
    what = _description(wanted.name)
    return what if wanted.corner is None else f"{what}, with {_description(wanted.corner)} in the corner"


def is_live(name: str) -> bool:
    """It has no end of its own."""
    return name in {"camera", "screen", "test"} or name.startswith(_WINDOW) or bool(_LIVE.match(name))


def _description(name: str) -> str:
    if is_live(name) or _WEB.match(name):
        return name
    if name == STANDARD_INPUT:
        return "standard input"
    path = path_of(name)
    return f"the pictures of the folder {path.resolve()}" if path.is_dir() else str(path)


def open_sound(wanted: Wanted, source: Source) -> SoundSource | None:
    """What is to be heard with this picture. Raises MediaProblem when it was asked for and is not to be had."""
    if wanted.has_sound is False:
        return None
    source = source.whole if isinstance(source, Corner) else source
    own = source.sound() if isinstance(source, MovieFile) else None
    if wanted.sound_device is None and own is not None:
        return own
    if not wanted.has_sound and wanted.sound_device is None:
        return None
    if wanted.sound_device is None and isinstance(source, TestPattern):
        return source.sound()
    if wanted.sound_device is None and isinstance(source, MovieFile):
        raise MediaProblem(f"There is no sound in {wanted.name}. To speak to it, name a --audio-device.")
    from lanline.media.sources.microphone import Microphone  # noqa: PLC0415 -- who sends no sound needs no SDL

    return Microphone(wanted.sound_device)
