"""The port that a peer listens and speaks on, and the peer's address as that port can reach it."""

from __future__ import annotations

import socket

from lanline.errors import AddressUnavailable, InvalidInput
from lanline.model.addresses import MAPPED_PREFIX
from lanline.transport.addresses import resolve
from lanline.transport.datagrams import Address
from lanline.transport.udp import UdpSocket


async def open_port(
    listen_host: str,
    listen_port: int,
    peer_host: str | None,
    peer_port: int,
    *,
    may_fragment: bool = False,
    hears_refusals: bool = False,
) -> tuple[UdpSocket, Address | None]:
    sock = await UdpSocket.bind(listen_host, listen_port, may_fragment=may_fragment, hears_refusals=hears_refusals)
    try:
        peer = None if peer_host is None else await _reachable(peer_host, peer_port, sock.family)
    except BaseException:
        sock.close()
        raise
    return sock, peer


async def _reachable(host: str, port: int, family: socket.AddressFamily) -> Address:
    try:
        return (await resolve(host, port, family))[1]
    except AddressUnavailable:
        found_family, address = await resolve(host, port)
    if found_family == socket.AF_INET:
        return MAPPED_PREFIX + address[0], address[1]
    raise InvalidInput(f"{host} has an IPv6 address only, and the listening address is IPv4. Add --listen-host ::")
