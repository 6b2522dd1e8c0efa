"""Ports for servers that a test starts, stops and starts again."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

_OURS = range(10_000, 30_000)
"""None that a system gives to those who call: one of them could take it while its server is away."""


def free_port() -> int:
    """On loopback, in UDP and in TCP."""
    while True:
        port = random.SystemRandom().choice(_OURS)
        with (
            suppress(OSError),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            socket.create_server(("127.0.0.1", port)),
        ):
            datagrams.bind(("127.0.0.1", port))
            return port
