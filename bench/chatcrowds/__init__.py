"""Crowds that fill one room of a chat server and hear what one of them says. A crowd is one module here, with

    async def gather(host, port, members, folder, on_heard) -> Crowd

in it, which returns when all are in the room. `on_heard(number)` is called for each message that a member other than
the speaker receives.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

NUMBER_BYTES = 8
MESSAGE_BYTES = 200

OnHeard = Callable[[int], None]


class Crowd(Protocol):
    def say(self, numbers: range) -> None:
        """The speaker says these, at once."""


class Gathering(Protocol):
    async def gather(self, host: str, port: int, members: int, folder: Path, on_heard: OnHeard) -> Crowd: ...


def load_gathering(name: str) -> Gathering:
    return cast("Gathering", importlib.import_module(f"chatcrowds.{name}"))


def text_of(number: int) -> bytes:
    return b"%0*d" % (NUMBER_BYTES, number) + b"x" * (MESSAGE_BYTES - NUMBER_BYTES)
