"""The few calls that both links offer upwards. Who is written to this cannot tell UDP from WebSocket."""

from __future__ import annotations

from typing import Protocol

from lanline.errors import CloseCode
from lanline.proto.channels import Channel


class MessageLink(Protocol):
    def send_message(self, channel: Channel, payload: bytes) -> int:
        """Queue a message; return its number, counted from 1 in its channel. On an unreliable channel all are 0.

        Raises LinkNotOpen, SendBufferFull or MessageTooLarge, and then nothing was queued.
        """

    def send_framed(self, channel: Channel, framed: bytes, count: int) -> int:
        """Queue `count` messages already framed by `frame_messages`; return the number of the last."""

    def is_writable(self, channel: Channel) -> bool:
        """After a False, `SendBufferDrained` or `LinkClosed` will come."""

    @property
    def largest_datagram_bytes(self) -> int:
        """What a message on an unreliable channel may hold, on this path and now."""

    @property
    def queueing_s(self) -> float | None:
        """How much longer than the shortest the round trips of late were; None where the link does not see that."""

    def trust(self) -> None:
        """Take as much as the profile says; until now it was what it grants to strangers."""

    def release(self, channel: Channel, size_bytes: int) -> None:
        """One received message has been dealt with; its room is the peer's again."""

    def close(self, code: CloseCode, reason: str, now: float) -> None:
        """Say goodbye. What is queued and not yet delivered is given up."""
