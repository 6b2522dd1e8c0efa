"""The server that a home has joined: where it is, and the key it must show. Kept as `server.json` in the home."""

from __future__ import annotations

import msgspec


class KnownServer(msgspec.Struct, frozen=True):
    host: str
    port: int
    fingerprint: bytes | None
    """None: not met yet; the first key it shows is trusted and kept."""
    name: str = ""
    account: int = 0
    nick: str = ""
