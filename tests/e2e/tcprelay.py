"""A port that takes TCP to another one, and nothing by UDP: what a network that blocks UDP leaves."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def tcp_relay(port: int) -> Iterator[int]:
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def start(work: object, *arguments: object) -> None:
        threads.append(threading.Thread(target=work, args=arguments, daemon=True))  # type: ignore[arg-type]
        threads[-1].start()

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                sockets.append(listening.accept()[0])
                sockets.append(socket.create_connection(("127.0.0.1", port)))
                start(pass_on, *sockets[-2:])
                start(pass_on, *sockets[:-3:-1])

    start(serve)
    try:
        yield int(listening.getsockname()[1])
    finally:
        for each in (listening, *sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        for each in (listening, *sockets):
            each.close()
