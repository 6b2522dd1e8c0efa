"""The proxy as its own process, between two sockets of the test."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

import proxy as proxy_module

LIMIT_S = 60.0


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(LIMIT_S)
        yield bound


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unbound:
        unbound.settimeout(LIMIT_S)
        yield unbound


class RunningProxy:
    def __init__(self, target: socket.socket, *arguments: str) -> None:
        command = [sys.executable, str(Path(proxy_module.__file__)), "udp", *arguments]
        self.process = subprocess.Popen(
            [*command, "--target-port", str(target.getsockname()[1])], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.address = ("127.0.0.1", self.read_line()["port"])

    def read_line(self) -> dict:
        return json.loads(self.process.stdout.readline())

    def report(self) -> dict:
        self.process.stdin.write(b"report\n")
        self.process.stdin.flush()
        return self.read_line()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:
            self.process.stdin.close()
            assert self.process.wait(LIMIT_S) == 0


def test_datagrams_pass_both_ways_after_the_delay(server: socket.socket, client: socket.socket) -> None:
    with RunningProxy(server, "--delay-ms", "20") as proxy:
        started = time.monotonic()
        client.sendto(b"there", proxy.address)
        data, back = server.recvfrom(100)
        assert data == b"there"
        assert time.monotonic() - started >= 0.020
        server.sendto(b"and back", back)
        assert client.recvfrom(100) == (b"and back", proxy.address)
        assert time.monotonic() - started >= 0.040


def test_report_tells_what_was_lost(server: socket.socket, client: socket.socket) -> None:
    with RunningProxy(server, "--loss", "0.5", "--seed", "7") as proxy:
        for _ in range(100):
            client.sendto(b"x" * 72, proxy.address)
        deadline = time.monotonic() + LIMIT_S
        while (up := proxy.report()["up"])["offered_packets"] < 100:
            assert time.monotonic() < deadline
        assert 30 <= up["lost_packets"] <= 70
        assert up["offered_bytes"] == 100 * (72 + proxy_module.UDP_IP_HEADER_BYTES)
        for _ in range(100 - up["lost_packets"]):
            assert server.recv(100) == b"x" * 72
