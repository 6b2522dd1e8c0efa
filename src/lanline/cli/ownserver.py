"""Owns the server of `lanline start`: it ends with that command, and runs again when something else has ended it.

Not what a server does: that is `lanline serve`, in a process of its own.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lanline.cli.nodecall import show_note
from lanline.errors import InvalidInput, LanlineError, LinkError, StorageInUse, StorageUnusable
from lanline.wholefile import make_folder, replace_whole

if TYPE_CHECKING:
    from lanline.server.datafolder import DataFolder

_READY_WITHIN_S = 30.0
_ENDS_WITHIN_S = 25.0
_LOOK_EVERY_S = 0.02
_LOG_FILE = "server.log"
_WATCHED_EVERY_S = 0.25
_PAUSES_S = (0.0, 1.0, 5.0)
"""Before each new start of one that was killed or has failed; after the last it stays away."""
_IS_WELL_AFTER_S = 60.0
"""What ends it then is no failure of its start: the pauses begin anew."""


@contextlib.contextmanager
def own_server(folder: DataFolder, port: int | None, meanwhile: Callable[[], None]) -> Iterator[OwnServer]:
    """Ends with us, however we end. `meanwhile` is what can be done until it is ready.

    Raises StorageInUse where another one has the folder; LanlineError where it cannot begin.
    """
    log = _log_of(folder.path)
    if port is not None:
        _keep_port(folder.path, port)
    log.write_bytes(b"")
    server = OwnServer(folder, log)
    try:
        meanwhile()
        server.wait_ready()
        server.watch()
        yield server
    finally:
        server.end()


class OwnServer:
    """Its process; and the next one, where something has ended that."""

    def __init__(self, folder: DataFolder, log: Path) -> None:
        self._folder = folder
        self._log = log
        self._process = _launched(folder.path, log)
        self._began = time.monotonic()
        self._watcher = threading.Thread(target=self._keep_up, daemon=True)
        self._is_left = threading.Event()
        self._tell: Callable[[str], object] = show_note
        self._tells = threading.Lock()

    def wait_ready(self) -> None:
        limit = time.monotonic() + _READY_WITHIN_S
        while (running := self._folder.read_running()) is None or running.pid != self._process.pid:
            if self._process.poll() is not None:
                reason = self._log.read_text(errors="replace").rpartition("lanline: ")[2].strip()
                kind = StorageInUse if self._process.returncode == StorageInUse.exit_status else LinkError
                raise kind(reason or f"The server ended at once; {self._log} may say why.")
            if time.monotonic() > limit:
                raise LinkError(
                    f"The server is not ready after {_READY_WITHIN_S:.0f} seconds; {self._log} may say why."
                )
            if self._is_left.wait(_LOOK_EVERY_S):
                return

    def watch(self) -> None:
        """From now on it is started again where it was killed or has failed."""
        self._watcher.start()

    @contextlib.contextmanager
    def telling(self, tell: Callable[[str], object]) -> Iterator[None]:
        """Meanwhile what becomes of it is told by `tell`, from a thread of its own."""
        with self._tells:
            self._tell = tell
        try:
            yield
        finally:
            with self._tells:
                self._tell = show_note

    def end(self) -> None:
        self._is_left.set()
        if self._watcher.ident is not None:
            self._watcher.join()
            if self._process.poll() is not None:
                show_note(f"The server had ended before, and not by you; {self._log} may say why.")
        self._end_input()
        try:
            self._process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _keep_up(self) -> None:
        pauses = iter(_PAUSES_S)
        while self._wait_failed():
            if time.monotonic() - self._began > _IS_WELL_AFTER_S:
                pauses = iter(_PAUSES_S)
            pause_s = next(pauses, None)
            if pause_s is None:
                self._say(f"The server ends again and again, and is not started any more; {self._log} may say why.")
                return
            if self._is_left.wait(pause_s):
                return
            self._start_again()

    def _wait_failed(self) -> bool:
        """False: we are to end; or it was stopped, or gave way to another one, and stays away."""
        while not self._is_left.wait(_WATCHED_EVERY_S):
            status = self._process.poll()
            if status == 0:
                self._say("The server was stopped, and not by you. To have it back, leave and type: lanline start")
            if status is not None:
                return status not in (0, StorageInUse.exit_status)
        return False

    def _start_again(self) -> None:
        self._began = time.monotonic()
        self._end_input()
        with contextlib.suppress(LanlineError, OSError):  # it has ended again, or still begins: both are seen next
            self._process = _launched(self._folder.path, self._log)
            self.wait_ready()
            if not self._is_left.is_set():
                self._say("The server had ended, and not by you. It runs again.")

    def _end_input(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _say(self, text: str) -> None:
        with self._tells:
            self._tell(text)


def _launched(data: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as told:  # of two at once, each writes behind the other
        # Its input is a pipe that nobody writes to: however we end, it ends, and the server with it. In a session of
        # its own: Ctrl+C at this terminal ends the chat first.
        return subprocess.Popen(  # noqa: S603 -- this very program
            [sys.executable, "-m", "lanline", "serve", "--until-input-ends", "--data", str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=told,
            start_new_session=True,
        )


def _log_of(data: Path) -> Path:
    try:
        make_folder(data)
        (data / _LOG_FILE).touch(mode=0o600)
    except OSError as cause:
        raise StorageUnusable(
            f"The folder {data} cannot be used: {cause.strerror}. Choose another one with --data."
        ) from cause
    return data / _LOG_FILE


def _keep_port(data: Path, port: int) -> None:
    """Or the next start would be where nobody looks for it."""
    from lanline.config import FILE_NAME, read_config

    settings = data / FILE_NAME
    if not settings.exists():
        replace_whole(settings, f"port = {port}\n".encode())
    elif read_config(settings, {}).port != port:
        raise InvalidInput(f"The port of this server stands in {settings}: change it there.")
