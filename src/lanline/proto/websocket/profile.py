"""Every setting of a WebSocket link."""

from __future__ import annotations

import msgspec

from lanline.proto.websocket.units import INITIAL_CREDIT_BYTES


class WebSocketProfile(msgspec.Struct, frozen=True, kw_only=True):
    max_message_bytes: int = 16 * 1024 * 1024
    receive_window_bytes: int = 1024 * 1024
    """What a channel's peer may have sent that has not been released yet."""
    stranger_window_bytes: int | None = None
    """Until `trust`, the window of CHAT and its largest message; nothing is taken on the other reliable channels.
    None: everybody is trusted."""

    send_buffer_bytes: int = 1024 * 1024
    """Of each reliable channel. A message may begin below it and end above."""

    unreliable_buffer_bytes: int = 256 * 1024
    """Beyond it the oldest is dropped: late media is worth nothing."""

    max_ahead_bytes: int = 64 * 1024
    """What may wait in the transport, where nothing can overtake any more."""

    handshake_timeout_s: float = 10.0
    keepalive_s: float = 10.0
    dead_after_s: float = 30.0
    close_timeout_s: float = 2.0

    def __post_init__(self) -> None:
        if self.receive_window_bytes < INITIAL_CREDIT_BYTES:
            raise ValueError(f"receive_window_bytes is at least {INITIAL_CREDIT_BYTES}: the peer starts with that much")
        if self.dead_after_s <= self.keepalive_s:
            raise ValueError("dead_after_s is longer than keepalive_s: a ping needs time to be answered")
