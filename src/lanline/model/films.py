"""Films of a server: a name, and one file for each quality, which is called by the lines of its picture."""

from __future__ import annotations

import re

import msgspec

from lanline.errors import InvalidInput

QUALITIES = (240, 720, 1440)
MAX_FILM_NAME_BYTES = 200
MAX_PIECE_BYTES = 128 * 1024
"""Of a part, or of an upload: what is asked for and sent at once."""
_FILE_NAME = re.compile(r"([^\ud800-\udfff]+)_(240|720|1440)p\.mp4", re.IGNORECASE)
"""A name that is no UTF-8 has surrogates in place of what cannot be read."""
_UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
PATTERN = "NAME_240p.mp4, NAME_720p.mp4 or NAME_1440p.mp4"


def size_text(size_bytes: int) -> str:
    """As 12.3 MB or 20 GB."""
    unit, factor = next(((unit, each) for unit, each in _UNITS if size_bytes >= each), _UNITS[-1])
    return f"{size_bytes / factor:.1f}".removesuffix(".0") + f" {unit}"


class FilmFile(msgspec.Struct, frozen=True):
    """A film in one quality. With a problem it cannot be played, and the rest is not known."""

    lines: int
    size_bytes: int
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    problem: str = ""


class Film(msgspec.Struct, frozen=True):
    name: str
    files: tuple[FilmFile, ...]
    """The lowest quality first."""

    @property
    def playable(self) -> tuple[FilmFile, ...]:
        return tuple(each for each in self.files if not each.problem)

    @property
    def size_bytes(self) -> int:
        return sum(each.size_bytes for each in self.files)


class Library(msgspec.Struct, frozen=True):
    films: tuple[Film, ...]
    strange: tuple[str, ...]
    """Files whose names fit no pattern."""
    used_bytes: int


class PartInfo(msgspec.Struct, frozen=True, gc=False):
    """What can be fetched and played for itself, at least after the one before."""

    start_s: float
    end_s: float
    size_bytes: int
    is_key: bool
    """Playing can begin here."""


class FilmQuality(msgspec.Struct, frozen=True):
    lines: int
    head: bytes
    """Precedes any part: MP4, as in docs/protocol/films.md."""
    parts: tuple[PartInfo, ...]


class FilmPlan(msgspec.Struct, frozen=True):
    """All that a player has to know before it fetches anything."""

    name: str
    version: str
    """Another one when any of the files has been replaced."""
    qualities: tuple[FilmQuality, ...]


def parsed_file_name(file_name: str) -> tuple[str, int] | None:
    """The film's name and its lines; None for a file that is no film's."""
    found = _FILE_NAME.fullmatch(file_name)
    return None if found is None else (found[1], int(found[2]))


def film_file_name(name: str, lines: int) -> str:
    return f"{name}_{lines}p.mp4"


def checked_film_name(name: str) -> str:
    """Raises InvalidInput."""
    if not name or len(name.encode("utf-8", "replace")) > MAX_FILM_NAME_BYTES:
        raise InvalidInput(f"The name of a film has 1 to {MAX_FILM_NAME_BYTES} bytes.")
    if name.startswith(".") or not all(each.isprintable() and each not in "/\\" for each in name):
        raise InvalidInput("The name of a film begins with no dot, and holds neither slashes nor invisible characters.")
    return name


def checked_lines(lines: int) -> int:
    if lines not in QUALITIES:
        raise InvalidInput("A film has 240, 720 or 1440 lines.")
    return lines
