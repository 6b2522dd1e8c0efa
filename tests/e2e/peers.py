"""`lanline peer` as a person or a script runs it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from e2e.program import Program
from serverhouse.ports import free_port


class Peer(Program):
    def __init__(self, home: Path, *options: str, **settings: Any) -> None:
        super().__init__(
            "peer", "--home", str(home), "--listen-host", "127.0.0.1", "--name", home.name, *options, **settings
        )


class Table:
    """Where peers meet: each in a folder of its own, at a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports: dict[str, int] = {}
        self._peers: list[Peer] = []

    def port(self, name: str) -> int:
        return self.ports.setdefault(name, free_port())

    def seat(self, name: str, *options: str, calls: str | int | None = None, **settings: Any) -> Peer:
        if calls is not None:
            port = calls if isinstance(calls, int) else self.port(calls)
            options = ("--peer-host", "127.0.0.1", "--peer-port", str(port), *options)
        peer = Peer(self.folder / name, "--listen-port", str(self.port(name)), *options, **settings)
        self._peers.append(peer)
        return peer

    def dispose(self) -> None:
        for peer in self._peers:
            peer.dispose()


@contextlib.contextmanager
def table(folder: Path) -> Iterator[Table]:
    made = Table(folder)
    try:
        yield made
    finally:
        made.dispose()


def lines_of(name: str, texts: Sequence[str]) -> str:
    return "".join(f"{name}: {text}\n" for text in texts)


INTERRUPT, TERMINATE = signal.SIGINT, signal.SIGTERM


@pytest.fixture(name="seats")
def seats_of_two(tmp_path: Path) -> Iterator[Table]:
    with table(tmp_path) as made:
        yield made
