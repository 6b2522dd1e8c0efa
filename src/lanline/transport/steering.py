"""A second socket of one port, and the program by which the kernel picks one of the two for each datagram (Linux).

Each socket has a buffer of its own, so what fills the one leaves room in the other.
"""

from __future__ import annotations

import ctypes
import socket
import sys
from struct import Struct

_ATTACH_REUSEPORT_CBPF = 51
_FIRST_SOCKET, _SECOND_SOCKET = 0, 1
_INSTRUCTION = Struct("=HBBI")
_PROGRAM = Struct("@HP")
_LOAD_WORD, _SKIP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06

PREFIX_BYTES = 4
"""What one load of the program takes. A datagram that is shorter goes to the first socket."""


def open_twin(sock: socket.socket, prefix: bytes) -> socket.socket | None:
    """Another socket of this one's port, which gets the datagrams that begin with `prefix`, and no others.

    None where the system has no such thing; then nothing has changed. The first one was bound alone, and whoever
    binds that way after it is refused: two programs never share a port by mistake. One of the same user that asks to
    share (SO_REUSEPORT) gets a socket to which the program steers nothing.
    """
    if not sys.platform.startswith("linux"):
        return None
    twin = socket.socket(sock.family, socket.SOCK_DGRAM)
    try:
        twin.setblocking(False)
        for each in (sock, twin):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        twin.bind(sock.getsockname())
        _attach(sock, prefix)
    except OSError:
        twin.close()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
        return None
    return twin


def _attach(sock: socket.socket, prefix: bytes) -> None:
    instructions = (
        (_LOAD_WORD, 0, 0, 0),
        (_SKIP_IF_EQUAL, 1, 0, int.from_bytes(prefix, "big")),
        (_RETURN, 0, 0, _FIRST_SOCKET),
        (_RETURN, 0, 0, _SECOND_SOCKET),
    )
    code = ctypes.create_string_buffer(b"".join(_INSTRUCTION.pack(*each) for each in instructions))
    program = _PROGRAM.pack(len(instructions), ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, _ATTACH_REUSEPORT_CBPF, program)
