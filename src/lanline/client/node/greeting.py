"""Owns the first exchange between a face and the node of its home: which version each has, and how a node is asked to
stop.
"""

from __future__ import annotations

import contextlib
import socket

import msgspec

import lanline
from lanline.client.node.protocol import PROTOCOL, Frames, FromNode, Hello, Request, Stop, Welcome, encode, error_of
from lanline.client.view.view import Problem
from lanline.errors import LanlineError, LinkNotOpen, ProtocolViolation, VersionMismatch

_LIMIT_S = 30.0

decoder: msgspec.json.Decoder[FromNode] = msgspec.json.Decoder(FromNode)


def greeted(end: socket.socket, program: str) -> Welcome | None:
    """None when it ends just now. Raises ProtocolViolation, VersionMismatch."""
    end.settimeout(_LIMIT_S)
    try:
        end.sendall(encode(Hello(PROTOCOL, program, hears=True)))
        value = _next_value(end)
    except (OSError, LinkNotOpen):
        return None
    finally:
        end.settimeout(None)
    if not isinstance(value, Welcome):
        raise ProtocolViolation("The process that owns this home speaks another language.")
    if value.protocol > PROTOCOL:
        raise VersionMismatch("A newer Lanline has this home open. Start this program again with that version.")
    return value


def is_older(node: Welcome, program: str) -> bool:
    return node.protocol < PROTOCOL or _numbers(node.program) < _numbers(program)


def ask_to_stop(end: socket.socket, stop: Stop) -> None:
    """And wait until it hangs up."""
    with contextlib.suppress(OSError, LinkNotOpen):
        end.settimeout(_LIMIT_S)
        end.sendall(encode(Request(0, stop)))
        while end.recv(65_536):
            pass


def say_stop(end: socket.socket, stop: Stop) -> None:
    """By a program that has not greeted yet."""
    with contextlib.suppress(OSError):
        end.sendall(encode(Hello(PROTOCOL, lanline.__version__)))
        ask_to_stop(end, stop)


def told_problem(told: bytes) -> LanlineError | None:
    """By a node that was made, of how its start went; nothing when it was killed."""
    problem = msgspec.json.decode(told, type=Problem | None) if told else None
    return None if problem is None else error_of(problem)


def _next_value(end: socket.socket) -> FromNode:
    frames = Frames()
    while True:
        piece = end.recv(65_536)
        if not piece:
            raise LinkNotOpen("The process that owns this home has ended.")
        for value in frames.receive_bytes(piece):
            return decoder.decode(value)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
