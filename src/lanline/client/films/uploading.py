"""Owns the upload of one file of a film, through the node: as fast as the way carries, and on from where it was cut."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from lanline.client.films.fetching import FilmFace
from lanline.client.node.films import BeginUpload, EndUpload, PutPiece, UploadBegun
from lanline.client.view.values import NodeState
from lanline.errors import InvalidInput, LinkError, RefusalCode, RequestRefused
from lanline.model.films import MAX_PIECE_BYTES, PATTERN, parsed_file_name
from lanline.proto.films.window import Window

_READ_BYTES = 1024 * 1024
_AGAIN_S = 0.25


class FilmUpload:
    def __init__(self, path: Path) -> None:
        """Raises InvalidInput for what is called as no film, or cannot be read."""
        if os.path.isdir(path):  # noqa: PTH112 -- `Path.is_dir` raises where it may not look
            raise InvalidInput(f"{path} is a folder. Give the files that are in it, as {path}/*.mp4.")
        known = parsed_file_name(path.name)
        if known is None:
            raise InvalidInput(
                f"{path.name} is not called as films are, which is {PATTERN}. "
                "`lanline video prepare FILE` makes files that are."
            )
        self.path = path
        self.name, self.lines = known
        try:
            self.size = path.stat().st_size
            self._digest = _digest_of(path)
        except OSError as cause:
            raise InvalidInput(f"{path} cannot be read: {cause.strerror}.") from cause

    async def run(self, face: FilmFace, progress: Callable[[float], None], limit_s: float) -> None:
        """A link that is lost is waited for so long, each time. Raises RequestRefused, LinkError."""
        while True:
            try:
                return await self._attempt(face, progress)
            except LinkError as lost:
                await asyncio.sleep(_AGAIN_S)
                if not await face.wait_until(lambda: face.view.state is NodeState.SYNCHRONIZED, limit_s):
                    raise LinkError("The server is not reached any more. The same command goes on later.") from lost
            except RequestRefused as refused:
                if refused.code is not RefusalCode.SLOW_DOWN:
                    raise
                await asyncio.sleep(max(_AGAIN_S, refused.retry_after_s))

    async def _attempt(self, face: FilmFace, progress: Callable[[float], None]) -> None:
        begun = await face.ask(BeginUpload(self.name, self.lines, self.size, self._digest))
        assert isinstance(begun, UploadBegun)
        waiting: list[asyncio.Task[None]] = []
        try:
            await self._send(face, begun.has_bytes, progress, waiting)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        await face.ask(EndUpload(self.name, self.lines, self._digest))

    async def _send(
        self, face: FilmFace, offset: int, progress: Callable[[float], None], waiting: list[asyncio.Task[None]]
    ) -> None:
        """`waiting`: those that are under way, to be ended by the caller."""
        window, loop, number = Window(), asyncio.get_running_loop(), 0
        with self.path.open("rb") as file:
            file.seek(offset)
            while offset < self.size or waiting:
                while offset < self.size and window.has_room:
                    data = file.read(min(MAX_PIECE_BYTES, window.piece_bytes))
                    if not data:
                        raise InvalidInput(f"{self.path} became shorter meanwhile. Upload it again when it is whole.")
                    number += 1
                    window.asked(number, len(data), loop.time())
                    waiting.append(asyncio.create_task(self._put(face, window, number, offset, data)))
                    offset += len(data)
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in (each for each in waiting if each in done):  # what followed one that was refused is too
                    task.result()
                waiting[:] = [each for each in waiting if each not in done]
                progress(min(1.0, (offset - window.ahead_bytes) / max(1, self.size)))

    async def _put(self, face: FilmFace, window: Window, number: int, offset: int, data: bytes) -> None:
        await face.ask(PutPiece(self._digest, offset, data))
        window.arrived(number, asyncio.get_running_loop().time())


def _digest_of(path: Path) -> bytes:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_READ_BYTES):
            found.update(data)
    return found.digest()
