"""Owns the fetching of what a player wants next, through the node, whatever becomes of the link meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from lanline.client.node.films import CloseFilm, FilmBytes, FilmOpened, OpenFilm, ReadFilm
from lanline.client.node.protocol import AnyCommand, Result
from lanline.client.view.values import NodeState
from lanline.client.view.view import View
from lanline.errors import LinkError, RefusalCode, RequestRefused
from lanline.proto.films.parts import PieceRequest
from lanline.proto.films.playing import Playing

_AGAIN_S = 0.25
_PASSING = {RefusalCode.SLOW_DOWN, RefusalCode.SERVER_PROBLEM, RefusalCode.STORAGE_FULL}


class FilmFace(Protocol):
    """`client.node.face.Face` is one."""

    async def ask(self, command: AnyCommand) -> Result: ...

    async def wait_until(self, condition: Callable[[], bool], limit_s: float | None = None) -> bool: ...

    @property
    def view(self) -> View: ...


async def open_film(face: FilmFace, name: str) -> FilmOpened:
    """Raises RequestRefused, LinkError."""
    opened = await face.ask(OpenFilm(name))
    assert isinstance(opened, FilmOpened)
    return opened


class FilmFetch:
    def __init__(self, face: FilmFace, opened: FilmOpened, playing: Playing) -> None:
        self.problem: Exception | None = None
        """What makes it impossible to go on."""
        self.on_film_replaced: Callable[[], None] = lambda: None
        """The film on the server is another one now, and `playing` has its plan already."""
        self.is_away = False
        """The server is not reached just now."""
        self._face = face
        self._name = opened.plan.name
        self._play = opened.play
        self._playing = playing
        self._tasks: set[asyncio.Task[None]] = set()
        self._reopening: asyncio.Task[None] | None = None
        self._waiting: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def pump(self) -> None:
        """Ask for all that may be asked for now. To be called after whatever may have changed that."""
        if self._reopening is not None or self.problem is not None:
            return
        while (request := self._playing.next_request(self._loop.time())) is not None:
            task = self._loop.create_task(self._fetch(request, self._play))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        tasks = [*self._tasks, *([self._reopening] if self._reopening is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.problem is None and not self.is_away:
            with contextlib.suppress(LinkError, RequestRefused, TimeoutError):  # the server ends it with the link
                async with asyncio.timeout(_AGAIN_S):
                    await self._face.ask(CloseFilm(self._play))

    async def _fetch(self, request: PieceRequest, play: int) -> None:
        number = request.number
        try:
            piece = await self._face.ask(ReadFilm(play, request.lines, request.part, request.offset, request.size))
            assert isinstance(piece, FilmBytes)
            self._playing.receive(number, piece.data, self._loop.time(), piece.queueing_s)
        except RequestRefused as refused:
            self._on_refused(number, play, refused)
        except LinkError:
            self._playing.fail(number, self._loop.time(), 0.0)
            self._reopen(play)
        except Exception as problem:  # noqa: BLE001 -- told to the person by whoever shows the film
            self.problem = problem
        self.pump()

    def _on_refused(self, number: int, play: int, refused: RequestRefused) -> None:
        now = self._loop.time()
        if refused.code is RefusalCode.NOT_FOUND:
            self._playing.fail(number, now, 0.0)
            self._reopen(play)
        elif refused.code in _PASSING:
            wait_s = refused.retry_after_s or _AGAIN_S
            self._playing.fail(number, now, wait_s)
            self._loop.call_later(wait_s, self.pump)
        else:
            self.problem = refused

    def _reopen(self, play: int) -> None:
        """The server was started again, say, or took the place of this play for another one."""
        if play == self._play and self._reopening is None:
            self._reopening = self._loop.create_task(self._open_again())

    async def _open_again(self) -> None:
        self.is_away = True
        while True:
            try:
                await self._face.wait_until(lambda: self._face.view.state is NodeState.SYNCHRONIZED)
                opened = await open_film(self._face, self._name)
            except RequestRefused as refused:
                if refused.code not in _PASSING:
                    self.problem = refused
                    return
                await asyncio.sleep(refused.retry_after_s or _AGAIN_S)
            except LinkError:
                await asyncio.sleep(_AGAIN_S)
            except Exception as problem:  # noqa: BLE001 -- as above
                self.problem = problem
                return
            else:
                self._go_on(opened)
                return

    def _go_on(self, opened: FilmOpened) -> None:
        self._play, self.is_away, self._reopening = opened.play, False, None
        if opened.plan.version != self._playing.plan.version:
            self._playing.replan(opened.plan, self._loop.time())
            self.on_film_replaced()
        self.pump()
