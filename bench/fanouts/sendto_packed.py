"""The floor under every design that packs: a batch joined once into full datagrams, then a bare `sendto` for each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from fanouts.sendto import Sendto, open_sendto

TITLE = "bare `sendto`, packed to 1200 B"
DATAGRAM_BYTES = 1200


def _packed(messages: Sequence[bytes]) -> Sequence[bytes]:
    joined = b"".join(messages)
    return [joined[start : start + DATAGRAM_BYTES] for start in range(0, len(joined), DATAGRAM_BYTES)]


def open_fan_out(peers: int) -> AbstractAsyncContextManager[Sendto]:
    return open_sendto(peers, _packed)
