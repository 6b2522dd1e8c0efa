"""What a start loads, counted in modules: what one of these needs later, or never, it does not load at the top."""

from __future__ import annotations

import subprocess
import sys

import pytest

WIRES = {"asyncio", "ssl", "OpenSSL", "cryptography", "websockets", "sqlite3"}
OPTIONS = {"typer", "click", "rich"}
SERVERS_ONLY = {"prometheus_client", "argon2", "segno"}
CERTIFICATES = {"cryptography.x509.name", "cryptography.x509.base"}
"""They take 40 ms to load, which nobody sees who adds the line that does it."""

STARTS = {
    "before a node is made": (
        "import lanline.__main__, lanline.cli.main, lanline.cli.nodecall, lanline.client.node.start",
        65,
        WIRES | OPTIONS | {"msgspec", "inspect"},
    ),
    "send": ("import lanline.cli.sending", 122, WIRES | OPTIONS | {"lanline.client.chat"}),
    "node": (
        "import lanline.cli.background",
        445,
        OPTIONS | SERVERS_ONLY | CERTIFICATES | {"websockets", "lanline.core", "lanline.client.films.fetching"},
    ),
    "server": ("import lanline.server.app, lanline.server.logs", 515, OPTIONS | SERVERS_ONLY | CERTIFICATES),
    "chat": (
        "import lanline.client.node.face, lanline.faces.chat.terminalchat",
        400,
        OPTIONS | {"cryptography", "OpenSSL", "websockets", "lanline.client.chat"},
    ),
}


@pytest.mark.parametrize("name", STARTS)
def test_a_start_loads_few_modules(name: str) -> None:
    program, most, never = STARTS[name]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; before = set(sys.modules); {program}; print(*set(sys.modules) - before)"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = done.stdout.split()
    assert not never & set(loaded)
    assert len(loaded) <= most
