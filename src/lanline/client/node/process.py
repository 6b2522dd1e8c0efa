"""Owns the life of the one process that owns a home: its lock, its faces, and when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import lanline
from lanline.client.chat.client import ChatClient
from lanline.client.node.faceend import FaceEnd
from lanline.client.node.place import LOCK_FILE, connected, forget_place, is_paused, is_same_user, listen, wait_unpaused
from lanline.client.node.protocol import AnyCommand, Changed, Done, Result, Stop, encode
from lanline.client.node.service import Service
from lanline.client.node.start import stop_node
from lanline.client.sealing.lockedfile import lies_under
from lanline.client.sealing.passphrase import PASSPHRASE_VARIABLE
from lanline.client.view.events import NodeEvent
from lanline.client.view.view import CallingEnded, Snapshot, problem_of
from lanline.errors import HistoryProblem, LanlineError

LINGER_S = 60.0
LINGER_VARIABLE = "LANLINE_NODE_LINGER_S"
"""For tests and containers: how long a node stays after its last face, in place of a minute."""
_LOOK_EVERY_S = 1.0
_LOCK_WITHIN_S = 15.0
_LOCK_AGAIN_S = 0.05


class NodeRuns(LanlineError):
    """Another process owns this home already."""


class HomeNode:
    def __init__(self, home: Path, *, linger_s: float | None, program: str = lanline.__version__) -> None:
        """`linger_s`: how long it stays after the last face; None for good."""
        self.program = program
        self._home = home
        self._linger_s = linger_s
        self._faces: set[FaceEnd] = set()
        self._stop = asyncio.Event()
        self._is_ending = False
        self._begins_anew = False
        self._passphrase: str | None = None
        """Of the keys, when it begins anew; empty: there is none. None: the same as before."""
        self._service: Service | None = None
        self._client: ChatClient | None = None
        self._watching: asyncio.Task[None] | None = None

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Until it is told to end, or nobody needs it any more. Raises NodeRuns, and what opening a home raises."""
        lock = await self._locked()
        try:
            await self._own(lock, on_ready)
            while self._begins_anew:
                self._begins_anew = self._is_ending = False
                self._stop.clear()
                await asyncio.to_thread(self._wait_unpaused)
                await self._own(lock, lambda: None)
        finally:
            os.close(lock)

    def _wait_unpaused(self) -> None:
        """The change of a passphrase may have failed, or been cut off: then the one before holds on."""
        wait_unpaused(self._home)
        passphrase, self._passphrase = self._passphrase, None
        if passphrase is not None and lies_under(self._home, passphrase, os.urandom):
            os.environ[PASSPHRASE_VARIABLE] = passphrase

    async def _own(self, lock: int, on_ready: Callable[[], None]) -> None:
        async with ChatClient.at_home(self._home) as client:
            client.node.reader.set_audience(is_there=False)
            client.node.set_away(is_away=self._linger_s is not None)
            self._client, self._service = client, Service(client)
            client.node.subscribe(self._on_event)
            await self._serve(lock, on_ready)

    async def _locked(self) -> int:
        """One that is about to end still holds the lock for the moment that it takes to say goodbye."""
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._home / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        limit = asyncio.get_running_loop().time() + _LOCK_WITHIN_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if (other := connected(self._home)) is not None:
                    other.close()
                    os.close(handle)
                    raise NodeRuns(f"Another process has {self._home} open.") from None
                if asyncio.get_running_loop().time() > limit and not is_paused(self._home):
                    os.close(handle)
                    raise HistoryProblem(f"Another program has held {self._home} for too long. Try again.") from None
                await asyncio.sleep(_LOCK_AGAIN_S)
            else:
                if not is_paused(self._home):
                    return handle
                fcntl.flock(handle, fcntl.LOCK_UN)
                await asyncio.sleep(_LOCK_AGAIN_S)

    async def _serve(self, lock: int, on_ready: Callable[[], None]) -> None:
        listener, path = listen(self._home)
        server = await asyncio.get_running_loop().create_unix_server(lambda: FaceEnd(self), sock=listener)
        self._watching = asyncio.create_task(self._watch_calling())
        try:
            on_ready()
            await self._wait_needless(lock)
        finally:
            self._is_ending = True
            server.close()
            self._watching.cancel()
            if self._is_ours(lock):
                forget_place(self._home, path)
            for face in list(self._faces):
                face.close()

    async def _wait_needless(self, lock: int) -> None:
        loop = asyncio.get_running_loop()
        needed_at = loop.time()
        while self._is_ours(lock):
            if self._faces or self._linger_s is None:
                needed_at = loop.time()
            elif loop.time() - needed_at >= self._linger_s:
                return
            wait_s = _LOOK_EVERY_S if self._linger_s is None else min(_LOOK_EVERY_S, max(self._linger_s, 0.02))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stop.wait()
                    return

    def _is_ours(self, lock: int) -> bool:
        """False when the home was removed, or replaced by another one."""
        try:
            there = (self._home / LOCK_FILE).stat()
        except OSError:
            return False
        return there.st_ino == os.fstat(lock).st_ino

    async def _watch_calling(self) -> None:
        assert self._client is not None
        assert self._service is not None
        try:
            await self._client.wait_ended()
        except LanlineError as problem:
            self._service.ended = problem_of(problem)
            self._broadcast(encode(Changed(CallingEnded(self._service.ended))))

    # Faces (`faceend.FaceOwner`).

    def is_allowed(self, transport: asyncio.BaseTransport) -> bool:
        """One that comes while it ends is sent to the next node, which it starts."""
        return not self._is_ending and is_same_user(transport.get_extra_info("socket"))

    def on_face_came(self, face: FaceEnd) -> None:
        """Who comes new is the reason to try again what had ended for good."""
        assert self._client is not None
        assert self._service is not None
        self._faces.add(face)
        if self._service.ended is not None:
            self._service.ended = None
            self._client.call_again()
            self._watching = asyncio.create_task(self._watch_calling())

    def on_face_left(self, face: FaceEnd) -> None:
        self._faces.discard(face)
        self._set_audience()

    def on_follows(self) -> None:
        assert self._client is not None
        self._client.hurry()
        self._set_audience()

    def _set_audience(self) -> None:
        assert self._client is not None
        self._client.node.reader.set_audience(is_there=any(face.follows for face in self._faces))
        is_there = self._linger_s is None or any(face.is_there for face in self._faces)
        self._client.node.set_away(is_away=not is_there)

    def take_notice(self) -> str:
        assert self._client is not None
        return self._client.node.seals.take_keys_notice()

    async def result_of(self, command: AnyCommand) -> Result:
        assert self._service is not None
        if isinstance(command, Stop):
            stays = self._linger_s is None or any(face.follows for face in self._faces)
            self._begins_anew = command.begins_anew and stays
            self._passphrase = command.passphrase
            self._stop.set()
            return Done()
        return await self._service.result_of(command)

    def snapshot(self) -> Snapshot:
        assert self._service is not None
        return self._service.snapshot()

    def _on_event(self, event: NodeEvent) -> None:
        if any(face.follows for face in self._faces):
            self._broadcast(encode(Changed(event)))

    def _broadcast(self, data: bytes) -> None:
        for face in list(self._faces):
            face.send_change(data)


async def run_for_good(home: Path, on_ready: Callable[[], None]) -> None:
    """In place of the node that runs, and of those that other programs start before this one has the home."""
    while True:
        await asyncio.to_thread(stop_node, home)
        with contextlib.suppress(NodeRuns):
            return await HomeNode(home, linger_s=None).run(on_ready)


def linger_s() -> float:
    """As the environment has it."""
    text = os.environ.get(LINGER_VARIABLE, "")
    try:
        return max(0.0, float(text))
    except ValueError:
        return LINGER_S
