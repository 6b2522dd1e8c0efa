"""Ports for servers that a test starts, stops and starts again."""

from __future__ import annotations

import os
import random
import re
import socket
from contextlib import suppress

_FIRST, _END = 10_000, 30_000
"""None that a system gives to those who call: one of them could take it while its server is away."""
_MAX_WORKERS = 16


def _own_ports() -> list[int]:
    """Tests run side by side: each worker has ports of its own, each of which it gives out once before any twice."""
    worker = re.fullmatch(r"gw(\d+)", os.environ.get("PYTEST_XDIST_WORKER", ""))
    step = _MAX_WORKERS if worker else 1
    first = _FIRST + int(worker[1]) % _MAX_WORKERS if worker else _FIRST
    ports = list(range(first, _END, step))
    random.SystemRandom().shuffle(ports)
    return ports


_unused: list[int] = []


def free_port() -> int:
    """On loopback, in UDP and in TCP."""
    while True:
        if not _unused:
            _unused.extend(_own_ports())
        port = _unused.pop()
        with (
            suppress(OSError),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            socket.create_server(("127.0.0.1", port)),
        ):
            datagrams.bind(("127.0.0.1", port))
            return port
