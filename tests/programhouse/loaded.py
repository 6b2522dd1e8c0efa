"""The process that has loaded all of Lanline and forks for whoever asks: `python loaded.py DESCRIPTOR`.

A fork that somebody asked for on the descriptor is a child of who has started this process. Nodes, which programs start
for their homes, are asked for at an address of their own. Each fork goes on at the end of this file, and ends as a
program does. Owns how a fork becomes a fresh program. Not: which starts come here, which is `starting`'s.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib
import io
import os
import pkgutil
import platform
import runpy
import select
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

sys.path.append(str(Path(__file__).parents[1]))

import lanline
from programhouse.starting import COMMAND, Request, ask, take_terminal

_CLONE = {"x86_64": 56, "aarch64": 220}[platform.machine()]
_CLONE_PARENT = 0x8000
_MAX_REQUEST_BYTES = 200_000
_MAX_DESCRIPTORS = 16
_SET_ASIDE = 500
"""No program has as many open."""
_LOADED_LATER = (
    "argon2.low_level",
    "cryptography.hazmat.backends.openssl",
    "encodings.idna",
    "uvloop",
)
"""What most programs load when they have begun."""
_ADDRESS = f"\0lanline-tests-{os.getpid()}"


def load() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # else NumPy brings threads, which a fork would not have
    for module in pkgutil.walk_packages(lanline.__path__, "lanline."):
        if not module.name.startswith("lanline.testing") and not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # of what is not installed
                importlib.import_module(module.name)
    for name in _LOADED_LATER:
        importlib.import_module(name)
    assert len(os.listdir("/proc/self/task")) == 1, "threads were begun that no fork would have"  # noqa: PTH208
    gc.collect()
    gc.freeze()


def fork_beside() -> int:
    """A child of the own parent, which the C library has no call for."""
    python, nothing = ctypes.pythonapi, ctypes.c_long(0)
    # It notes the number of each thread where that has its own values, and writes it anew in what it forks itself.
    library = ctypes.PyDLL(None)
    library.pthread_self.restype = ctypes.c_ulong
    own_values = (ctypes.c_int * 256).from_address(library.pthread_self())
    noted = [place for place, value in enumerate(own_values) if value == os.getpid()]
    python.PyOS_BeforeFork()
    flags = ctypes.c_long(_CLONE_PARENT | signal.SIGCHLD)
    number = int(library.syscall(ctypes.c_long(_CLONE), flags, nothing, nothing, nothing, nothing))
    if number == 0:
        for place in noted:
            own_values[place] = os.getpid()
        python.PyOS_AfterFork_Child()
    else:
        python.PyOS_AfterFork_Parent()
    assert number >= 0, "the system lets nobody fork so"
    return number


def wait_for_request(control: socket.socket, nodes: socket.socket) -> tuple[Request, socket.socket, list[int]] | None:
    """Returns in each fork, with what it was asked for; in this process itself only when nobody asks any more: None."""
    while True:
        ready = select.select([control, nodes], [], [])[0]
        end = control if control in ready else nodes.accept()[0]
        data, descriptors, _, _ = socket.recv_fds(end, _MAX_REQUEST_BYTES, _MAX_DESCRIPTORS)
        if data:
            number = fork_beside() if end is control else os.fork()
            if number == 0:
                return msgspec.msgpack.decode(data, type=Request), end, descriptors
        elif end is control:
            return None
        for descriptor in descriptors:
            os.close(descriptor)
        if end is not control:
            end.close()


def become(request: Request, answer: socket.socket, given: list[int]) -> None:
    """What the system and the interpreter do for a new program."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if request.new_session:
            os.setsid()
        if request.new_group:
            os.setpgid(0, 0)
        place_descriptors(dict(zip(request.descriptors, given, strict=True)))
        if request.takes_terminal:
            take_terminal()
        os.chdir(request.folder)
        os.environ.clear()
        os.environb.update(request.environment)
        for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
            open_stream(name, mode)
        sys.argv[1:] = map(os.fsdecode, request.arguments)
        sys.path[0] = os.fsdecode(request.folder)
        os.posix_spawn = spawn
        gc.enable()
    except BaseException as problem:
        answer.send(repr(problem).encode())
        raise
    answer.send(str(os.getpid()).encode())
    answer.close()


def place_descriptors(wanted: dict[int, int]) -> None:
    """Under their numbers, and none is open beside them."""
    apart = {number: fcntl.fcntl(given, fcntl.F_DUPFD, _SET_ASIDE) for number, given in wanted.items()}
    os.closerange(0, _SET_ASIDE)
    for number, given in apart.items():
        os.dup2(given, number)
        os.close(given)


def set_aside(end: socket.socket) -> socket.socket:
    return socket.socket(fileno=fcntl.fcntl(end.detach(), fcntl.F_DUPFD_CLOEXEC, _SET_ASIDE))


def open_stream(name: str, mode: str) -> None:
    """As the interpreter does at its start."""
    before = getattr(sys, f"__{name}__")
    is_direct = before.write_through
    binary: Any = open(before.fileno(), f"{mode}b", 0 if is_direct else -1, closefd=False)  # noqa: SIM115
    by_lines = name == "stderr" or binary.isatty()
    stream = io.TextIOWrapper(
        binary, before.encoding, before.errors, newline="\n", line_buffering=by_lines, write_through=is_direct
    )
    stream.mode = mode
    setattr(sys, f"__{name}__", stream)
    setattr(sys, name, stream)


def spawn(path: str, words: Sequence[str], environment: Mapping[str, str], **settings: Any) -> int:
    """In place of `os.posix_spawn`: a program of this kind is forked from the loaded process too."""
    actions, group = settings.pop("file_actions", ()), settings.pop("setpgroup", None)
    if [*words][:3] != COMMAND or environment is not os.environ or settings or group not in {None, 0}:
        settings |= {} if group is None else {"setpgroup": group}
        return spawn_as_ever(path, words, environment, file_actions=actions, **settings)
    with contextlib.ExitStack() as opened, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asked:
        wanted = {number: number for number in map(int, os.listdir("/proc/self/fd")) if is_inheritable(number)}  # noqa: PTH208
        for action, number, *more in actions:
            if action == os.POSIX_SPAWN_OPEN:
                wanted[number] = os.open(*more)
                opened.callback(os.close, wanted[number])
            elif action == os.POSIX_SPAWN_DUP2:
                wanted[more[0]] = number
            else:
                del wanted[number]
        words, here = [os.fsencode(word) for word in words[3:]], os.fsencode(Path.cwd())
        request = Request(words, {**os.environb}, here, [*wanted], new_group=group == 0)
        asked.connect(_ADDRESS)
        return ask(asked, request, [*wanted.values()])


def is_inheritable(number: int) -> bool:
    try:
        return os.get_inheritable(number)
    except OSError:  # it was open to list the others only
        return False


def main() -> bool:
    """False when nobody asks any more; true in each fork."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.disable()
    load()
    control = socket.socket(fileno=int(sys.argv[1]))
    nodes = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    nodes.bind(_ADDRESS)
    nodes.listen()
    asked = wait_for_request(control, nodes)
    if asked is not None:
        request, end, given = asked
        answer = set_aside(end)
        for each in (control, nodes):
            each.detach()  # or its end would close what has its number then
        become(request, answer, given)
    return asked is not None


def run_program() -> None:
    """To its end, without what an interpreter then does last, which is to take all modules apart."""
    status: Any = 0
    try:
        runpy.run_module("lanline", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = 0 if end.code is None else end.code
        if not isinstance(status, int):
            raise
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)  # which tells of what could not be written


spawn_as_ever = os.posix_spawn
if main():
    run_program()
