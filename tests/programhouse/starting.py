"""Starts `lanline` as a fork of a process that has loaded it: most of what a start costs is to load modules.

What comes of it is a child of whoever asks, as with any start: with its own number, signals, terminal and streams.
Owns which starts are taken over. Not: what the fork does, which is `loaded`'s. Whatever is special (other limits,
descriptors, an interpreter set up otherwise, another locale), and all where this is no Linux, starts as ever.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import inspect
import os
import platform
import resource
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

COMMAND = [sys.executable, "-m", "lanline"]
_IS_POSSIBLE = sys.platform == "linux" and platform.machine() in {"x86_64", "aarch64"}
_READ_ONCE = ("PYTHON", "LC_", "LANG", "TZ", "LD_", "OPENSSL", "MALLOC")
"""Beginnings of variables that an interpreter, or what it loads, reads at its start."""


class Request(msgspec.Struct):
    """Text as the system has it: bytes."""

    arguments: list[bytes]
    environment: dict[bytes, bytes]
    folder: bytes
    descriptors: list[int]
    """The numbers that those which come with it have in the new process."""
    new_session: bool = False
    takes_terminal: bool = False
    new_group: bool = False


def take_terminal() -> None:
    """In a new session: what its standard input is becomes its terminal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def ask(asked: socket.socket, request: Request, descriptors: list[int]) -> int:
    """The number of the new process, once it has its folder, streams and session."""
    socket.send_fds(asked, [msgspec.msgpack.encode(request)], descriptors)
    said = asked.recv(1000)
    assert said.isdigit(), f"no start: {said.decode()}"
    return int(said)


class Starter:
    """The process that has loaded everything, and how it is asked."""

    def __init__(self) -> None:
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            words = [sys.executable, str(Path(__file__).with_name("loaded.py")), str(other.fileno())]
            self._process = subprocess.Popen(words, pass_fds=[other.fileno()], stdin=subprocess.DEVNULL)
        self._one_at_a_time = threading.Lock()
        self._given = _given_at_start(os.environ)

    def start(self, settings: Mapping[str, Any]) -> int | None:
        """None when this has to be a start as ever."""
        environment = dict(os.environ if settings["env"] is None else settings["env"])
        folder = os.fsencode(settings["cwd"] or Path.cwd())
        if _given_at_start(environment) != self._given or not os.access(folder, os.X_OK):
            return None
        request = Request(
            [os.fsencode(word) for word in settings["args"][3:]],
            {os.fsencode(name): os.fsencode(value) for name, value in environment.items()},
            folder,
            [0, 1, 2],
            new_session=bool(settings["start_new_session"]),
            takes_terminal=settings["preexec_fn"] is take_terminal,
        )
        pipes = [settings[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        with self._one_at_a_time:
            return ask(self._socket, request, [number if pipe < 0 else pipe for number, pipe in enumerate(pipes)])

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


def _is_plain(settings: Mapping[str, Any]) -> bool:
    return (
        isinstance(settings["args"], list)
        and settings["args"][:3] == COMMAND
        and settings["preexec_fn"] in {None, take_terminal}
        and settings["close_fds"]
        and not settings["pass_fds"]
        and settings["executable"] is None
        and not settings["shell"]
        and settings["process_group"] == -1
    )


def _given_at_start(environment: Mapping[str, str]) -> dict[str, object]:
    """What no fork can have otherwise than the process that it is a fork of."""
    variables = {name: value for name, value in environment.items() if name.startswith(_READ_ONCE)}
    limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name[:7] == "RLIMIT_"}
    return variables | limits


@contextlib.contextmanager
def loaded_starts() -> Iterator[None]:
    """Within it every plain start of `lanline` by `subprocess` is a fork."""
    popen: Any = subprocess.Popen
    as_ever = popen._execute_child
    parameters = inspect.signature(as_ever)
    with contextlib.ExitStack() as stack:

        @functools.cache
        def starter() -> Starter:
            made = Starter()
            stack.callback(made.close)
            return made

        def execute(self: Any, *arguments: Any) -> None:
            settings = parameters.bind(self, *arguments).arguments
            number = starter().start(settings) if _is_plain(settings) else None
            if number is None:
                as_ever(self, *arguments)
                return
            self.pid, self._child_created = number, True
            ends = [f"{pipe}{end}" for pipe in ("p2c", "c2p", "err") for end in ("read", "write")]
            self._close_pipe_fds(*(settings[end] for end in ends))

        if _IS_POSSIBLE:
            popen._execute_child = execute
            stack.callback(setattr, popen, "_execute_child", as_ever)
        yield
