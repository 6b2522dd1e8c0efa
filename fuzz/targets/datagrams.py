"""Datagrams of any kind, from anybody without keys, into an endpoint with a live link: it answers with no more bytes
than it got, and the link goes on.
"""

from __future__ import annotations

from lanline.proto.channels import Channel
from lanline.proto.link.link import LinkState
from lanline.proto.link.preamble import ClientRecords, Hello, OtherVersion, Reset, encode_preamble
from targets._peers import CLIENT, SERVER, STRANGER, Peers, join, pieces

_SOURCES = (CLIENT, STRANGER, SERVER, ("10.0.0.9", 9))


def fuzz_one(data: bytes) -> None:
    peers = Peers()
    for what, content in pieces(data):
        action, amount = what >> 5, what & 31
        if action == 0:
            peers.pass_time(amount / 1000)
            peers.exchange_all()
        elif action == 1:
            peers.link.send_message(Channel.CHAT, content)
            peers.server_link.send_message(Channel.CHAT, content)
            peers.exchange_all()
        else:
            datagram = _datagram(peers, action, amount, content)
            for endpoint in (peers.server, peers.client):
                endpoint.receive_datagram(datagram, _SOURCES[amount % 4], peers.now)
                assert sum(map(len, peers.drain(endpoint))) <= len(datagram)
    _assert_alive(peers)


def _datagram(peers: Peers, action: int, amount: int, content: bytes) -> bytes:
    if action == 2:
        return peers.server_link.local_id + content
    if action == 3:
        return peers.link.local_id + content
    if action == 4:
        # One that was seen before, with bytes changed.
        changed = bytearray(peers.recorded[amount % len(peers.recorded)])
        for position in range(0, len(content) - 2, 3):
            changed[int.from_bytes(content[position : position + 2], "big") % len(changed)] ^= content[position + 2]
        return bytes(changed)
    return content


def _assert_alive(peers: Peers) -> None:
    assert peers.link.state is peers.server_link.state is LinkState.ESTABLISHED
    assert peers.server_link.address == CLIENT
    peers.received.clear()
    peers.link.send_message(Channel.CHAT, b"to the server")
    peers.server_link.send_message(Channel.CHAT, b"to the client")
    for _ in range(200):
        peers.exchange_all()
        if len(peers.received) >= 2:
            break
        peers.pass_time(0.1)
    assert set(peers.received) == {b"to the server", b"to the client"}


def seeds() -> list[bytes]:
    hello = encode_preamble(Hello(b"\x90" + bytes(7)))
    records = encode_preamble(ClientRecords(b"\x90" + bytes(7), bytes(20), b"\x16" * 30))
    other, reset = (
        encode_preamble(OtherVersion(bytes(8), 7, is_hello=True)),
        encode_preamble(Reset(bytes(8), bytes(16))),
    )
    return [
        join((0xE1, hello), (0xE1, records), (0xE0, other), (0xE2, reset), (0x05, b""), (0x21, b"text")),
        join(
            (0x21, b"text"),
            (0x40, b"\0" * 40),
            (0x60, b"\0" * 40),
            (0x83, b"\0\3\1"),
            (0x80, b""),
            (0xE0, b"\x80" * 60),
        ),
    ]
