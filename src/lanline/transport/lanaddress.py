"""The address under which others on the network reach this machine, as well as it can be known from here."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from collections.abc import Iterator

_FAR_AWAY = ("192.0.2.1", 9)
"""RFC 5737: belongs to nobody. Nothing is sent; the kernel only says which way it would go."""
_SIOCGIFADDR = 0x8915 if sys.platform.startswith("linux") else 0xC0206921
_INTERFACE_NAME_BYTES = 15
LOOPBACK = "127.0.0.1"


def lan_address() -> str:
    """On a machine with no network at all, the loopback address."""
    return next(_candidates(), LOOPBACK)


def _candidates() -> Iterator[str]:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(_FAR_AWAY)
        yield str(probe.getsockname()[0])
    # A wire of its own has no way to far away.
    for address in _interface_addresses():
        if not address.startswith("127."):
            yield address


def _interface_addresses() -> Iterator[str]:
    try:
        import fcntl  # noqa: PLC0415 -- not on Windows
    except ImportError:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:_INTERFACE_NAME_BYTES])
            with contextlib.suppress(OSError):  # a card without an address
                yield socket.inet_ntoa(fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)[20:24])
