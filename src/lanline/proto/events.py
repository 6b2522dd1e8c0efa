"""What happens on a link, UDP or WebSocket, as its session sees it."""

from __future__ import annotations

import msgspec

from lanline.errors import CloseCode
from lanline.proto.channels import Channel


class LinkEstablished(msgspec.Struct, frozen=True):
    """`binding` is the same secret-derived value on both ends of this link and of no other: sign it to sign in."""

    peer_fingerprint: bytes
    binding: bytes


class MessageReceived(msgspec.Struct, frozen=True, gc=False):
    """Give the credit back with `release(channel, len(payload))` once it is dealt with: the peer may then send more."""

    channel: Channel
    payload: bytes


class MessagesDelivered(msgspec.Struct, frozen=True, gc=False):
    """The peer's link holds every message of the channel up to and with this number."""

    channel: Channel
    through: int


class SendBufferDrained(msgspec.Struct, frozen=True, gc=False):
    """Follows a `SendBufferFull`: there is room again."""

    channel: Channel


class PeerMoved(msgspec.Struct, frozen=True):
    """The peer has shown that it receives at another address, and no longer at the old one. UDP only."""

    address: tuple[str, int]


class LinkClosed(msgspec.Struct, frozen=True):
    """The last event of a link. What was not reported as delivered by now may or may not have arrived."""

    code: CloseCode
    reason: str
    by_peer: bool


LinkEvent = LinkEstablished | MessageReceived | MessagesDelivered | SendBufferDrained | PeerMoved | LinkClosed
