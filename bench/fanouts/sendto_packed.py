"""The floor under every design that packs: a batch joined once into full datagrams, then a bare `sendto` for each."""

from __future__ import annotations

from collections.abc import Sequence

from fanouts.sendto import Sendto

TITLE = "bare `sendto`, packed to 1200 B"
DATAGRAM_BYTES = 1200


class PackedSendto(Sendto):
    def send_batch(self, messages: Sequence[bytes]) -> None:
        joined = b"".join(messages)
        super().send_batch([joined[start : start + DATAGRAM_BYTES] for start in range(0, len(joined), DATAGRAM_BYTES)])


def open_fan_out(peers: int) -> PackedSendto:
    return PackedSendto(peers)
