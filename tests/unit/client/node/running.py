"""Nodes of homes, each in a thread of the test."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

from lanline.client.node.process import HomeNode
from lanline.client.node.protocol import Say
from lanline.client.node.start import NodeStart, stop_node
from lanline.errors import LanlineError
from lanline.model.content import Text

LIMIT_S = 60.0


class Running:
    """A node in a thread of its own."""

    def __init__(self, home: Path, linger_s: float | None = None, program: str = "0.1.0") -> None:
        self.home = home
        self.node = HomeNode(home, linger_s=linger_s, program=program)
        self.problem: LanlineError | None = None
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._is_ready.wait(LIMIT_S)

    def _run(self) -> None:
        try:
            asyncio.run(self.node.run(self._is_ready.set))
        except LanlineError as problem:
            self.problem = problem
        self._is_ready.set()

    def wait_end(self) -> None:
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()

    def stop(self) -> None:
        stop_node(self.home)
        self.wait_end()


def eventually(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.01)


def start_of(home: Path, program: str = "0.1.0") -> NodeStart:
    return NodeStart(home, ["/nothing/that/starts"], program)


def said(number: int, text: str = "x") -> Say:
    return Say("#lobby", Text(f"{text} {number}"), number.to_bytes(16, "big"))
