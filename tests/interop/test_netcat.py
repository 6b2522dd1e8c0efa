"""`lanline peer --plain` and netcat, which has known nothing of us since 1995."""

from __future__ import annotations

import select
import shutil
import subprocess

import pytest

from e2e.peers import Table
from e2e.program import LIMIT_S
from serverhouse.ports import free_port

NETCAT = shutil.which("nc.openbsd") or shutil.which("nc")
pytestmark = pytest.mark.skipif(NETCAT is None, reason="netcat is not installed (Debian: netcat-openbsd)")


def netcat(*options: str) -> subprocess.Popen[bytes]:
    assert NETCAT is not None
    return subprocess.Popen(
        [NETCAT, "-u", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    )


def test_netcat_calls_and_is_answered(seats: Table) -> None:
    ann = seats.seat("ann", "--plain")
    with netcat("127.0.0.1", str(seats.port("ann"))) as nc:
        assert nc.stdin is not None
        assert nc.stdout is not None
        try:
            ann.wait_aside("Plain datagrams")
            nc.stdin.write("Grüße\n".encode())
            ann.wait_out("Grüße\n")
            nc.stdin.write(b"\xff\x1b[2J\n")
            ann.wait_out("\ufffd\ufffd\\[2J\n")
            ann.write("zurück\n")
            assert nc.stdout.readline() == "zurück\n".encode()
        finally:
            nc.kill()


def test_netcat_is_called(seats: Table) -> None:
    port = free_port()
    with netcat("-l", "127.0.0.1", str(port)) as nc:
        assert nc.stdin is not None
        assert nc.stdout is not None
        try:
            ann = seats.seat("ann", "--plain", calls=port)
            # netcat may not listen yet.
            lines = iter(lambda: ann.write("hello\n"), 0)
            ann.pump(lambda: next(lines) or _has_data(nc), "netcat's output")
            assert nc.stdout.readline() == b"hello\n"
            nc.stdin.write(b"back\n")
            ann.wait_out("back\n")
            ann.end_input()
            assert ann.wait_end() == 0
        finally:
            nc.kill()
            nc.wait(LIMIT_S)


def _has_data(process: subprocess.Popen[bytes]) -> bool:
    return bool(select.select([process.stdout], [], [], 0.05)[0])
