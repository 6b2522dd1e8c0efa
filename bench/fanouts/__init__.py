"""Ways to hand the same messages to many peers. One is a module here, named in `FAN_OUTS`, with two names in it:

    TITLE = "…"                          its row in the table
    def open_fan_out(peers) -> FanOut    with that many peers on loopback, ready to be sent to

It runs alone in a process of its own, without an event loop, so it may have one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Protocol

FAN_OUTS = ("sendto", "sendto_packed")
"""In the order of the table."""


class FanOut(Protocol):
    def send_batch(self, messages: Sequence[bytes]) -> None:
        """Everything the sender does to hand these to every peer, its acknowledgement work included. Its CPU counts."""

    def settle(self) -> None:
        """What the peers do, and tidying up between batches. Its CPU does not count."""


class FanOutModule(Protocol):
    TITLE: str
    open_fan_out: Callable[[int], FanOut]


def load_fan_out(name: str) -> FanOutModule:
    module: FanOutModule = importlib.import_module(f"fanouts.{name}")
    return module
