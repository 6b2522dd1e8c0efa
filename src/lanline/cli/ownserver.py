"""Owns the server of `lanline start`: one that runs already is used and stays, one of its own ends with it.

Not what a server does: that is `lanline serve`, in a process of its own.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lanline.cli.nodecall import show_note
from lanline.errors import InvalidInput, LinkError, StorageInUse, StorageUnusable
from lanline.wholefile import make_folder, replace_whole

if TYPE_CHECKING:
    from lanline.server.datafolder import DataFolder

_READY_WITHIN_S = 30.0
_ENDS_WITHIN_S = 25.0
_LOOK_EVERY_S = 0.02
_LOG_FILE = "server.log"


@contextlib.contextmanager
def own_server(folder: DataFolder, port: int | None, meanwhile: Callable[[], None]) -> Iterator[None]:
    """Ends with us, however we end. `meanwhile` is what can be done until it is ready.

    Raises StorageInUse where another one has the folder; LanlineError where it cannot begin.
    """
    log = _log_of(folder.path)
    if port is not None:
        _keep_port(folder.path, port)
    process, is_ready = _launched(folder.path, log), False
    try:
        meanwhile()
        _wait_ready(process, folder, log)
        is_ready = True
        yield
    finally:
        assert process.stdin is not None
        if process.poll() is not None and is_ready:
            show_note(f"The server had ended before, and not by you; {log} may say why.")
        process.stdin.close()
        try:
            process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _launched(data: Path, log: Path) -> subprocess.Popen[bytes]:
    log.write_bytes(b"")
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


def _wait_ready(process: subprocess.Popen[bytes], folder: DataFolder, log: Path) -> None:
    limit = time.monotonic() + _READY_WITHIN_S
    while (running := folder.read_running()) is None or running.pid != process.pid:
        if process.poll() is not None:
            reason = log.read_text(errors="replace").rpartition("lanline: ")[2].strip()
            kind = StorageInUse if process.returncode == StorageInUse.exit_status else LinkError
            raise kind(reason or f"The server ended at once; {log} may say why.")
        if time.monotonic() > limit:
            raise LinkError(f"The server is not ready after {_READY_WITHIN_S:.0f} seconds; {log} may say why.")
        time.sleep(_LOOK_EVERY_S)
