"""Ways to hand the same messages to many peers. One is a module here, named in `FAN_OUTS`, with two names in it:

    TITLE = "…"                          its row in the table
    def open_fan_out(peers)              an async context manager: a FanOut with that many peers on loopback

It runs alone in a process of its own, on uvloop as Lanline itself does, so it may have one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

FAN_OUTS = ("sendto", "sendto_packed", "lanline_2", "lanline_8", "lanline_8_1200")
"""In the order of the table."""


class FanOut(Protocol):
    async def cpu_s(self, messages: Sequence[bytes], batches: int) -> float:
        """Hand these to every peer, so many times over, and tell the CPU time that this took the sender.

        Acknowledgement work counts, down to the last one; what the peers do does not.
        """


class FanOutModule(Protocol):
    TITLE: str
    open_fan_out: Callable[[int], AbstractAsyncContextManager[FanOut]]


def load_fan_out(name: str) -> FanOutModule:
    module: FanOutModule = importlib.import_module(f"fanouts.{name}")
    return module
