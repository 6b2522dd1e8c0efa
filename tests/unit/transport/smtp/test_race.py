"""Names and addresses that do not answer: the next is tried, and nothing waits longer than it was told to."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

import pytest

from lanline.errors import MailDeferred, MailInterrupted
from lanline.model.mail.server import Security, Server
from lanline.transport.smtp import connecting
from lanline.transport.smtp.connecting import Interrupt, connected, looked_up


@pytest.fixture
def interrupt() -> Any:
    with contextlib.closing(Interrupt()) as made:
        yield made


@contextlib.contextmanager
def swallowing(address: str) -> Any:
    """A port whose queue is full: whoever knocks gets no answer, as behind a firewall."""
    with contextlib.ExitStack() as open_:
        server = open_.enter_context(socket.create_server((address, 0), backlog=0))
        for _ in range(4):
            knock = open_.enter_context(socket.socket())
            knock.setblocking(False)
            knock.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def test_an_address_that_swallows_holds_up_no_other(interrupt: Interrupt, monkeypatch: pytest.MonkeyPatch) -> None:
    with swallowing("127.0.0.1") as port, socket.create_server(("127.0.0.2", port)):
        found = [(socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET, ("127.0.0.2", port))]
        monkeypatch.setattr(connecting, "_addresses", lambda *_: found)
        with connected(Server("two.example", port, Security.NONE), interrupt, 60) as reached:
            assert reached.getpeername() == ("127.0.0.2", port)


def test_the_families_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[Any] = [(socket.AF_INET6, 1, 6, "", (f"::{n}", 25, 0, 0)) for n in (1, 2, 3)]
    rows += [(socket.AF_INET, 1, 6, "", ("192.0.2.1", 25))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    assert [address[0] for _, address in connecting._addresses("x", 25, 0)] == ["::1", "192.0.2.1", "::2", "::3"]


@pytest.fixture
def silent_dns(monkeypatch: pytest.MonkeyPatch) -> Any:
    over = threading.Event()

    def wait(*_: Any, **__: Any) -> Any:
        over.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "late")

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    yield
    over.set()


@pytest.mark.usefixtures("silent_dns")
def test_a_silent_name_service_has_a_limit_and_is_the_cause(interrupt: Interrupt) -> None:
    with pytest.raises(MailDeferred, match="name service"):
        looked_up("silent.example", 25, interrupt, 0.1)


@pytest.mark.usefixtures("silent_dns")
def test_a_look_up_is_left_at_once_when_the_person_wants_to(interrupt: Interrupt) -> None:
    interrupt.set()
    with pytest.raises(MailInterrupted):
        looked_up("silent.example", 25, interrupt, 3600)


def test_a_source_address_is_the_one_that_is_seen(interrupt: Interrupt) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        way = Server("127.0.0.1", port, Security.NONE, source_address="127.0.0.9")
        with connected(way, interrupt, 60), server.accept()[0] as caller:
            assert caller.getpeername()[0] == "127.0.0.9"


@pytest.mark.parametrize(("status", "is_reached"), [(0, True), (5, False)])
def test_a_socks_proxy_gets_the_name(interrupt: Interrupt, status: int, is_reached: bool) -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def proxy() -> None:
            with listening.accept()[0] as caller:
                heard.append(caller.recv(3))
                caller.sendall(b"\5\0")
                heard.append(caller.recv(262))
                caller.sendall(bytes([5, status, 0, 1]) + bytes(6))
                with contextlib.suppress(ConnectionError):
                    caller.recv(1)

        thread = threading.Thread(target=proxy)
        thread.start()
        server = Server("mail.example", 587, Security.NONE, proxy=("127.0.0.1", listening.getsockname()[1]))
        if is_reached:
            connected(server, interrupt, 60).close()
        else:
            with pytest.raises(MailDeferred, match="nothing answers"):
                connected(server, interrupt, 60)
        thread.join(60)
    assert heard == [b"\5\1\0", b"\5\1\0\3\x0cmail.example\x02\x4b"]
