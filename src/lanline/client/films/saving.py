"""Owns the saving of a film into a file, in one quality and as it came: a head and parts are an MP4."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from lanline.client.films.fetching import FilmFetch
from lanline.errors import InvalidInput, MediaProblem
from lanline.proto.films.playing import Playing

_TURN_S = 0.01


def check_target(path: Path) -> None:
    """Before anything is asked for. Raises InvalidInput."""
    if path.exists():
        raise InvalidInput(f"{path} is there already, and nothing is overwritten. Choose another name.")
    if not path.absolute().parent.is_dir():
        raise InvalidInput(f"There is no folder {path.absolute().parent}. Make it, or choose another one.")


class FilmSaving:
    """From where the film was opened to its end. Raises what makes it impossible to go on."""

    def __init__(self, fetch: FilmFetch, playing: Playing, path: Path, tell: Callable[[float], object]) -> None:
        """`playing` has a fixed quality; `tell` hears which share of it is there."""
        assert playing.fixed_lines is not None
        self._fetch = fetch
        self._playing = playing
        self._path = path
        self._tell = tell
        self._lines: int | None = None
        self._was_replaced = False
        fetch.on_film_replaced = self._on_film_replaced

    def _on_film_replaced(self) -> None:
        self._was_replaced = True

    async def run(self) -> None:
        try:
            with self._path.open("xb") as file:
                try:
                    await self._save(file)
                finally:
                    if not os.fstat(file.fileno()).st_size:  # or the same command would be refused
                        self._path.unlink(missing_ok=True)
        except FileExistsError as cause:
            raise InvalidInput(f"{self._path} is there already, and nothing is overwritten.") from cause
        except OSError as cause:
            raise MediaProblem(f"{self._path} cannot be written: {cause.strerror}.") from cause
        finally:
            await self._fetch.close()

    async def _save(self, file: BinaryIO) -> None:
        playing, loop = self._playing, asyncio.get_running_loop()
        begins_s = playing.position_s
        while not playing.is_all_taken:
            self._fetch.pump()
            if self._fetch.problem is not None:
                raise self._fetch.problem
            if self._was_replaced:
                raise MediaProblem(f"The film on the server was replaced: {self._path} ends with what there was.")
            part = playing.take_part()
            if part is None:
                await asyncio.sleep(_TURN_S)
                continue
            await asyncio.to_thread(self._write, file, part.lines, part.data)
            playing.advance(part.end_s, loop.time())
            self._tell((part.end_s - begins_s) / max(_TURN_S, playing.ends_s - begins_s))

    def _write(self, file: BinaryIO, lines: int, data: bytes) -> None:
        if self._lines is None:
            file.write(next(each.head for each in self._playing.plan.qualities if each.lines == lines))
        elif lines != self._lines:  # a quality that ends before the others
            return
        self._lines = lines
        file.write(data)
        file.flush()
