"""Host names to numeric addresses, and the sentences for ports that cannot be had. The same for UDP and TCP."""

from __future__ import annotations

import asyncio
import errno
import socket

from lanline.errors import AddressUnavailable
from lanline.transport.datagrams import Address

_MAX_PORT = 65_535


async def resolve(host: str, port: int, family: int = socket.AF_UNSPEC) -> tuple[int, Address]:
    """The family and the numeric address of a host."""
    if not 0 <= port <= _MAX_PORT:
        raise AddressUnavailable(f"There is no port {port}. Ports go from 1 to {_MAX_PORT}; 0 takes any that is free.")
    loop = asyncio.get_running_loop()
    try:
        # One kind of socket is asked for, so that each address comes once; it is the same address for UDP and TCP.
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as cause:
        raise AddressUnavailable(
            f"The host '{host}' is not known here. Check the name, or give its address."
        ) from cause
    found_family, _, _, _, address = found[0]
    return found_family, (str(address[0]), int(address[1]))


def port_unavailable(protocol: str, host: str, port: int, cause: OSError) -> AddressUnavailable:
    """`protocol` is UDP or TCP: the same number may be free in one and taken in the other."""
    name = f"{protocol} port {port}"
    match cause.errno:
        case errno.EADDRINUSE:
            sentence = f"{name} on {host} is taken by another program. Stop it, or choose another port."
        case errno.EACCES:
            sentence = f"{name} may not be opened by this user. Choose one above 1023."
        case errno.EADDRNOTAVAIL:
            sentence = f"{host} is not an address of this machine. Use one of its own, or 0.0.0.0 for all."
        case _:
            sentence = f"{name} on {host} cannot be opened: {cause.strerror or cause}."
    return AddressUnavailable(sentence)
