"""Who answers that nothing listens there, where the system tells (Linux, `man 7 ip`, IP_RECVERR)."""

from __future__ import annotations

import errno
import socket
import struct
import sys

import msgspec

from lanline.transport.datagrams import Address

_IP_RECVERR = 11
_IPV6_RECVERR = 25
_EXTENDED_ERROR = struct.Struct("=IBBBBII")
_ANCILLARY_BYTES = 512
_MAX_READS = 256
_HOST_GONE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN}


class Refusal(msgspec.Struct, frozen=True):
    address: Address
    is_certain: bool
    """The port is closed; otherwise only the way there is, which may be for a moment."""


def hear_refusals(sock: socket.socket) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    except OSError:
        return False
    return True


def refusals_of(sock: socket.socket) -> list[Refusal]:
    found = []
    for _ in range(_MAX_READS):
        try:
            _, ancillary, _, address = sock.recvmsg(0, _ANCILLARY_BYTES, socket.MSG_ERRQUEUE)
        except OSError:
            break
        number = next((_EXTENDED_ERROR.unpack_from(data)[0] for _, kind, data in ancillary if _is_error(kind)), 0)
        if address and (number == errno.ECONNREFUSED or number in _HOST_GONE):
            found.append(Refusal((address[0], address[1]), number == errno.ECONNREFUSED))
    return found


def _is_error(kind: int) -> bool:
    return kind in {_IP_RECVERR, _IPV6_RECVERR}
