"""A UDP relay between two ports that loses, doubles and reorders, and can change the address it speaks from: for real
programs. In virtual time: `lanline.testing.network`.
"""

from __future__ import annotations

import random
import selectors
import socket
import threading

HERE = "127.0.0.1"


class LossyRelay:
    def __init__(self, target_port: int, *, loss: float = 0.0, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._loss = loss
        self._target = (HERE, target_port)
        self._client: tuple[str, int] | None = None
        self._near = _socket()
        self._far = _socket()
        self._held: dict[socket.socket, bytes] = {}
        self._moves = threading.Event()
        self._is_over = threading.Event()
        self.is_cut = threading.Event()
        """While it is set, nothing passes."""
        self.port = int(self._near.getsockname()[1])
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def move(self) -> None:
        """As when a router forgets: what goes out from now on comes from another port, and the old one is dead."""
        self._moves.set()

    def close(self) -> None:
        self._is_over.set()
        self._thread.join()
        for each in (self._near, self._far):
            each.close()

    def _run(self) -> None:
        while not self._is_over.is_set():
            if self._moves.is_set():
                self._moves.clear()
                self._far.close()
                self._far = _socket()
            with selectors.DefaultSelector() as selector:
                for each in (self._near, self._far):
                    selector.register(each, selectors.EVENT_READ)
                for key, _ in selector.select(0.02):
                    assert isinstance(key.fileobj, socket.socket)
                    self._pass_on(key.fileobj)

    def _pass_on(self, source: socket.socket) -> None:
        try:
            packet, address = source.recvfrom(65_536)
        except OSError:
            return
        if source is self._near:
            self._client = address
        chance = self._random.random()
        if chance < self._loss or self.is_cut.is_set():
            return
        packets = [packet]
        if self._loss and chance < self._loss + 0.1:
            packets = [packet, packet]
        elif self._loss and chance < self._loss + 0.2 and source not in self._held:
            self._held[source] = packet
            return
        if source in self._held:
            packets.append(self._held.pop(source))
        for each in packets:
            if source is self._near:
                self._far.sendto(each, self._target)
            elif self._client is not None:
                self._near.sendto(each, self._client)


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_000_000)
    made.bind((HERE, 0))
    return made
