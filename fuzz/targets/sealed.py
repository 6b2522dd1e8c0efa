"""Sealed packets with anything in them, from a peer that holds the keys, into an established link that is at work."""

from __future__ import annotations

from lanline.errors import LinkError
from lanline.proto.channels import Channel
from lanline.proto.link import frames
from lanline.proto.link.link import LinkState
from targets._peers import CLIENT, Peers, join, pieces

_MTU_BYTES = 65_000
_CHANNELS = tuple(Channel)


def fuzz_one(data: bytes) -> None:
    peers = Peers()
    for what, content in pieces(data):
        action, amount = what >> 5, what & 31
        if action == 0:
            peers.pass_time(amount / 10)
        elif action == 1:
            _say(peers, _CHANNELS[amount % 4], content * (1 + amount))
        elif action == 2:
            # A number is skipped: a packet that got lost.
            peers.link._outgoing._next_number += amount  # noqa: SLF001 -- as a faulty peer would
        else:
            packet = peers.link._outgoing._seal(content)  # noqa: SLF001 -- as above
            peers.server.receive_datagram(packet, CLIENT if amount else ("10.0.0.9", 9), peers.now)
        for sent in peers.drain(peers.server):
            assert len(sent) <= _MTU_BYTES
    peers.pass_time(100.0)
    peers.drain(peers.server)
    peers.pass_time(100.0)
    peers.drain(peers.server)
    assert peers.server_link.state is LinkState.CLOSED
    assert not peers.server.links


def _say(peers: Peers, channel: Channel, payload: bytes) -> None:
    try:
        peers.server_link.send_message(channel, payload)
    except LinkError:
        return


def seeds() -> list[bytes]:
    ack = frames.encode_ack([(0, 1)], 0.01)
    chat = frames.encode_stream(Channel.CHAT, 0, b"\0\0\0\4text")
    later = frames.encode_stream(Channel.BULK, 70, b"x" * 30)
    return [
        join((0xFF, ack), (0xFF, chat), (0x05, b""), (0xFF, later), (0x21, b"hello"), (0xFF, ack)),
        join((0x3F, b"large" * 50), (0x43, b""), (0xFF, ack), (0x1F, b""), (0x1F, b""), (0xE0, chat)),
        join((0xFF, frames.encode_max_data(Channel.CHAT, 10**7)), (0xFF, frames.encode_close(1, "bye")), (0xFF, chat)),
        join((0xFF, frames.encode_datagram(Channel.MEDIA, b"frame")), (0xFF, frames.encode_reset_token(bytes(16)))),
    ]
