"""What was asked for, opened: `camera`, `screen`, `test`, a video file, or a folder of pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lanline.errors import InvalidInput, MediaProblem
from lanline.media.api import Layout, Size, SoundSource, Source
from lanline.media.sources.camera import open_camera
from lanline.media.sources.imagefolder import ImageFolder
from lanline.media.sources.moviefile import MovieFile
from lanline.media.sources.networkstream import open_stream
from lanline.media.sources.screen import open_screen
from lanline.media.sources.testpattern import DEFAULT_SIZE, TestPattern

DEFAULT_FPS = 20.0
STANDARD_INPUT = "-"
_LIVE = re.compile(r"(rtsps?|rtmps?|rtp|udp|srt)://", re.IGNORECASE)
_WEB = re.compile(r"https?://", re.IGNORECASE)


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


def open_source(wanted: Wanted, layout: Layout) -> Source:
    """Raises MediaProblem, with the sentence for the person."""
    fps = wanted.fps or DEFAULT_FPS
    match wanted.name:
        case "camera":
            return open_camera(wanted.camera_index, wanted.size, fps, layout)
        case "screen":
            return open_screen(wanted.size, fps, layout)
        case "test":
            return TestPattern(wanted.size or DEFAULT_SIZE, fps, layout)
    if _LIVE.match(wanted.name):
        return open_stream(wanted.name, wanted.size, fps, layout)
    return _open_film_or_folder(wanted, fps, layout)


def _open_film_or_folder(wanted: Wanted, fps: float, layout: Layout) -> Source:
    if wanted.name == STANDARD_INPUT or _WEB.match(wanted.name):
        once = wanted.plays_once or wanted.name == STANDARD_INPUT
        return MovieFile(wanted.name, wanted.size, wanted.fps, layout, plays_once=once)
    path = path_of(wanted.name)
    if path.is_dir():
        return ImageFolder(path, wanted.size, fps, layout)
    if not path.exists():
        raise MediaProblem(f"There is no file {path}. Sources are camera, screen, test, a video file, or folder:PATH.")
    return MovieFile(path, wanted.size, wanted.fps, layout, plays_once=wanted.plays_once)


_FOLDER = "folder:"


def path_of(name: str) -> Path:
    """Of a source that is a file or a folder. Raises InvalidInput for none at all."""
    text = name.removeprefix(_FOLDER)
    if not text.strip():
        raise InvalidInput("--source names nothing: camera, screen, test, a video file, or folder:PATH.")
    path = Path(text)
    if name.startswith(_FOLDER) and not path.is_dir():
        raise InvalidInput(f"There is no folder {path}.")
    return path


def description(wanted: Wanted) -> str:
    """For the person, before anybody can see it: whole, where it is a place on the disk."""
    if wanted.name in {"camera", "screen", "test"} or _LIVE.match(wanted.name) or _WEB.match(wanted.name):
        return wanted.name
    if wanted.name == STANDARD_INPUT:
        return "standard input"
    path = path_of(wanted.name)
    return f"the pictures of the folder {path.resolve()}" if path.is_dir() else str(path)


def open_sound(wanted: Wanted, source: Source) -> SoundSource | None:
    """What is to be heard with this picture. Raises MediaProblem when it was asked for and is not to be had."""
    if wanted.has_sound is False:
        return None
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
