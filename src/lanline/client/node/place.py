"""Owns where a home's node is reached: the socket, the file in the home that names it, and who may use it.

The socket stands in the home. Where that cannot hold one (its path is too long for a socket, or its file system knows
none) it stands in the user's runtime folder, or in a folder of the user's own beside the temporary files.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from lanline.errors import HistoryProblem

LOCK_FILE = "node.lock"
_PAUSE_FILE = "node.pause"
JOINED_FILE = "server.json"
"""Of `client.pin`; named here, where a start that loads little finds it."""
_PLACE_FILE = "node.json"
_SOCKET_FILE = "node.sock"
SHORT_FOLDER = Path("/tmp")  # noqa: S108 -- what lies there is looked at before it is used
"""Where the folder for temporary files has too long a name, too."""
_MAX_PATH_BYTES = 100
"""107 on Linux, 103 elsewhere."""
_SOL_LOCAL, _LOCAL_PEERCRED, _PEERCRED_BYTES = 0, 1, 76
"""Of macOS, whose names Python does not have."""


def listen(home: Path) -> tuple[socket.socket, Path]:
    """A listening socket for this home's node, whose lock the caller holds; and its name is in the home."""
    for path in _candidates(home):
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.parent != home:
                _check_private(path.parent)
            path.unlink(missing_ok=True)
            listener = _bound(path)
        except OSError:
            continue
        try:
            _write_place(home, path)
        except OSError as cause:
            if path.parent != home:  # in the home it is found without, where a full disk takes no more files
                listener.close()
                raise HistoryProblem(f"Nothing can be written in {home}: {cause.strerror}.") from cause
        return listener, path
    raise HistoryProblem(f"No socket can be made for {home}: neither in it, nor in a runtime or temporary folder.")


def _bound(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # for its owner alone from the first moment
    try:
        listener.bind(str(path))
        listener.listen(64)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def _candidates(home: Path) -> Iterator[Path]:
    return (path for path in _names(home) if len(os.fsencode(path)) <= _MAX_PATH_BYTES)


def _names(home: Path) -> Iterator[Path]:
    import hashlib  # noqa: PLC0415 -- a face needs neither, and is to be quick
    import tempfile  # noqa: PLC0415

    yield home / _SOCKET_FILE
    name = f"lanline-{hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:24]}.sock"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():
        yield Path(runtime) / "lanline" / name
    with contextlib.suppress(FileNotFoundError):  # none can be written, on a full disk
        for folder in (Path(tempfile.gettempdir()), SHORT_FOLDER):
            yield folder / f"lanline-{os.getuid()}" / name


def _check_private(folder: Path) -> None:
    """In a folder that others may write to, the name could stand for somebody else's."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not private")


def _write_place(home: Path, path: Path) -> None:
    temporary = home / f".{_PLACE_FILE}.{os.getpid()}"
    try:
        temporary.write_text(json.dumps({"socket": str(path), "pid": os.getpid()}))
        temporary.chmod(0o600)
        temporary.replace(home / _PLACE_FILE)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def forget_place(home: Path, path: Path) -> None:
    for each in (path, home / _PLACE_FILE):
        with contextlib.suppress(OSError):
            each.unlink()


def connected(home: Path) -> socket.socket | None:
    """To the node of this home; None when none listens."""
    try:
        place = str(json.loads((home / _PLACE_FILE).read_bytes())["socket"])
    except (OSError, ValueError, KeyError, TypeError):
        place = str(home / _SOCKET_FILE)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        found.connect(place)
    except OSError:
        found.close()
        return None
    if not is_same_user(found):
        found.close()
        return None
    return found


def is_owned(home: Path) -> bool:
    """By a node, also while it does not listen yet, or no more."""
    return _is_held(home / LOCK_FILE)


def _is_held(lock: Path) -> bool:
    import fcntl  # noqa: PLC0415 -- as above

    try:
        handle = os.open(lock, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


@contextlib.contextmanager
def paused(home: Path) -> Iterator[None]:
    """One program at a time, which changes what a node has open."""
    import fcntl  # noqa: PLC0415 -- as above

    handle = os.open(home / _PAUSE_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_paused(home: Path) -> bool:
    return _is_held(home / _PAUSE_FILE)


def wait_unpaused(home: Path) -> None:
    if is_paused(home):
        with paused(home):
            pass


def is_same_user(end: socket.socket) -> bool:
    """At the other end; true where the system does not tell, since the folder is private."""
    if hasattr(socket, "SO_PEERCRED"):
        _, user, _ = struct.unpack("3i", end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    elif sys.platform == "darwin":
        _, user = struct.unpack_from("2I", end.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _PEERCRED_BYTES))
    else:
        user = os.getuid()
    return int(user) == os.getuid()
