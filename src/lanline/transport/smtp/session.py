"""Owns one connection to a mail server, from the first address tried to QUIT: turns `proto.smtp` over on a socket.

It blocks the thread it runs in, and an `Interrupt` wakes it. What counts as progress is what the other side has
acknowledged, as far as the system tells.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import socket
import ssl
import sys
import termios
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from lanline.errors import MailDeferred, MailInterrupted, MailProblem, MailRefused
from lanline.model.mail.message import Parcel
from lanline.model.mail.server import Credentials, Security, Server, SignIn
from lanline.proto.smtp.client import (
    Closed,
    ConnectionBroke,
    ContentRequested,
    Delivered,
    Event,
    Failed,
    Offer,
    Opened,
    Patience,
    SignedIn,
    SmtpClient,
    State,
    TlsRequested,
)
from lanline.proto.smtp.transcript import Transcript
from lanline.transport.smtp.connecting import Interrupt, connected
from lanline.transport.smtp.tls import TlsStream, unverifying_context

_SILENCE_S = 3.0
"""A server that has not spoken by then is asked whether it waits for TLS. Slow ones are still waited for."""
_PROBE_S = 5.0
_LOOK_S = 0.5
"""How often the system is asked what was acknowledged, while something is on its way."""
_SENT_AHEAD_BYTES = 256_000
_LARGE_BYTES = 100_000
"""From this size on the final dot waits until all else was acknowledged: till then nothing was sent, for certain."""

_Event = TypeVar("_Event", bound=Event)


class Watch(msgspec.Struct, frozen=True):
    """What the caller wants to hear of: bytes as they go, and the last moment in which nothing is sent yet."""

    progress: Callable[[int], None] = lambda _: None
    before_last_dot: Callable[[], None] = lambda: None


class Session:
    """Callers see what the server offers, `sign_in`, `deliver` and `close`. All of them raise MailProblem."""

    __slots__ = ("_acknowledged", "_context", "_interrupt", "_is_cut", "_machine", "_patience", "_sealed", "_server",
                 "_socket", "_tls", "_written")  # fmt: skip

    def __init__(
        self,
        server: Server,
        context: ssl.SSLContext,
        patience: Patience,
        interrupt: Interrupt,
        transcript: Transcript | None = None,
    ) -> None:
        shown = transcript or Transcript()
        shown.note(f"connecting to {server}")
        self._machine = SmtpClient(server, patience, shown, os.urandom)
        self._server, self._context, self._patience, self._interrupt = server, context, patience, interrupt
        self._sealed = bytearray()
        self._tls: TlsStream | None = None
        self._written = self._acknowledged = 0
        self._is_cut = False
        self._socket = connected(server, interrupt, patience.reply_s)
        try:
            self._open()
        except BaseException:
            self.abort()
            raise

    @property
    def offer(self) -> Offer:
        return self._machine.offer

    @property
    def is_open(self) -> bool:
        return self._machine.is_open

    def _open(self) -> None:
        if self._server.security is Security.SMTPS:
            self._start_tls()
        self._machine.open(self._own_name(), time.monotonic())
        self._take_clear()
        try:
            event = self._first_event()
        except ConnectionBroke as broke:
            if self._server.security is Security.SMTPS or not _waits_for_tls(self._server, self._interrupt):
                raise
            raise _wrong_start(self._server) from broke
        if isinstance(event, TlsRequested):
            self._start_tls()
            assert self._tls is not None
            self._machine.confirm_tls(self._tls.version, time.monotonic())
            self._take_clear()
            event = self._next_event()
        _expected(event, Opened)

    def _own_name(self) -> str:
        """RFC 5321, 4.1.3: the address in brackets, for a machine whose name nobody can look up."""
        if self._server.ehlo_name is not None:
            return self._server.ehlo_name
        try:
            host = str(self._socket.getsockname()[0]).partition("%")[0]
        except OSError:  # it greeted and left
            host = "127.0.0.1"
        return f"[IPv6:{host}]" if ":" in host else f"[{host}]"

    def _first_event(self) -> Event:
        silent_until = time.monotonic() + _SILENCE_S
        while self._machine.next_deadline() is not None and time.monotonic() < silent_until:
            event = self._turn(silent_until - time.monotonic())
            if event is not None:
                return _sound(event)
            if self._written:  # we have been greeted, and have said EHLO
                return self._next_event()
        if self._server.security is not Security.SMTPS and _waits_for_tls(self._server, self._interrupt):
            raise _wrong_start(self._server)
        return self._next_event()

    def sign_in(self, credentials: Credentials, way: SignIn) -> None:
        self._machine.sign_in(credentials, way, time.monotonic())
        _expected(self._next_event(), SignedIn)

    def deliver(self, parcel: Parcel, watch: Watch) -> Delivered:
        """MailRefused, MailDeferred or MailInterrupted mean: not sent. DeliveryUncertain means that nobody knows."""
        self._machine.send_message(parcel.envelope, parcel.size_bytes, time.monotonic())
        event = self._next_event()
        if isinstance(event, ContentRequested):
            try:
                self._send_content(parcel, watch)
            except BaseException:
                self.abort()
                raise
            event = self._next_event()
        return _expected(event, Delivered)

    def _send_content(self, parcel: Parcel, watch: Watch) -> None:
        for chunk in parcel.chunks():
            self._machine.send_content(chunk, time.monotonic())
            self._collect()
            while len(self._sealed) > _SENT_AHEAD_BYTES and self._machine.state is State.CONTENT:
                self._exchange(_LOOK_S, until_room=True)
            if self._machine.state is not State.CONTENT:
                return
            watch.progress(len(chunk))
        wait_s = 0.001
        while parcel.size_bytes > _LARGE_BYTES and self._unacknowledged() and self._machine.state is State.CONTENT:
            self._exchange(wait_s)
            wait_s = min(2 * wait_s, 0.1)
        self._heed_interrupt()
        if self._machine.state is State.CONTENT:
            watch.before_last_dot()
            self._machine.finish_content(time.monotonic())

    def close(self) -> None:
        """QUIT, politely but not for long. Not even Ctrl+C makes an error of it: what was sent is sent."""
        with contextlib.suppress(MailProblem):
            if self.is_open and not self._interrupt.is_set:
                self._machine.quit(time.monotonic())
                _expected(self._next_event(), Closed)
        self.abort()

    def abort(self) -> None:
        """At once: what mattered has been heard, and a TLS goodbye waits for the other side, which may be gone."""
        if self._machine.is_open:
            self._machine.state = State.CLOSED
        self._socket.close()

    # The socket

    def _next_event(self) -> Event:
        while (event := self._turn(None)) is None:
            pass
        return _sound(event)

    def _turn(self, limit_s: float | None) -> Event | None:
        event = self._machine.next_event()
        if event is None:
            self._exchange(limit_s)
            event = self._machine.next_event()
        return event

    def _exchange(self, limit_s: float | None, *, until_room: bool = False) -> None:
        """One wait, and all that came of it."""
        self._collect()
        if self._sealed:
            self._send()
        if until_room and len(self._sealed) <= _SENT_AHEAD_BYTES:
            limit_s = 0.0
        now, deadline = time.monotonic(), self._machine.next_deadline()
        waits = [limit for limit in (limit_s, None if deadline is None else deadline - now) if limit is not None]
        waits += [_LOOK_S] if self._unacknowledged() or not waits else []
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._sealed else 0)
        ready = self._interrupt.wait({self._socket: events}, min(waits))
        self._heed_interrupt()
        if (ready or self._is_cut) and self.is_open:
            self._receive()
        now = time.monotonic()
        acknowledged = self._written - self._unacknowledged()
        if acknowledged > self._acknowledged:
            self._acknowledged = acknowledged
            self._machine.note_progress(now)
        self._machine.handle_timer(now)

    def _heed_interrupt(self) -> None:
        if self._interrupt.is_set and self.is_open:
            self._machine.interrupt(time.monotonic())

    def _collect(self) -> None:
        data = self._machine.bytes_to_send()
        if data and self._tls is not None:
            self._tls.write(data)
            data = self._tls.sealed_bytes()
        self._sealed += data

    def _send(self) -> None:
        try:
            sent = self._socket.send(self._sealed)
        except BlockingIOError:
            return
        except OSError:  # but what the server said before it left may still be there
            self._is_cut = True
            self._sealed.clear()
            return
        self._written += sent
        del self._sealed[:sent]

    def _unacknowledged(self) -> int:
        """Of what was given to the system; where it cannot tell, what it took counts as arrived."""
        with contextlib.suppress(OSError):
            if sys.platform == "darwin":
                return self._socket.getsockopt(socket.SOL_SOCKET, 0x1024)  # SO_NWRITE
            return int.from_bytes(fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
        return 0

    def _receive(self) -> None:
        data: bytes | None = b""
        try:
            data = self._socket.recv(65_536)
        except BlockingIOError:
            if not self._is_cut:
                return
        except OSError:
            data = b""
        if self._tls is not None:
            self._tls.feed(data or b"")
            data = self._tls.clear_bytes()
            if data == b"":
                return
        now = time.monotonic()
        if data:
            self._machine.receive_bytes(data, now)
        else:
            self._machine.receive_eof(now)

    def _take_clear(self) -> None:
        """What came together with the end of the handshake."""
        if self._tls is not None and (data := self._tls.clear_bytes()):
            self._machine.receive_bytes(data, time.monotonic())

    def _start_tls(self) -> None:
        self._tls = TlsStream(self._context, self._server)
        _shake_hands(self._socket, self._tls, self._server, self._interrupt, self._patience.reply_s)


def _shake_hands(found: socket.socket, tls: TlsStream, server: Server, interrupt: Interrupt, limit_s: float) -> None:
    deadline, heard = time.monotonic() + limit_s, b""
    where = "the TLS handshake"
    while True:
        try:
            tls.advance()
        finally:  # an alert, too
            said = tls.sealed_bytes()
            with contextlib.suppress(OSError):
                found.sendall(said)  # of a size that the system takes at once
        if tls.is_ready:
            return
        left_s = deadline - time.monotonic()
        if not interrupt.wait_or_stop({found: selectors.EVENT_READ}, left_s):
            if left_s > 0:
                continue
            raise MailDeferred(f"{server} did not answer in time at {where}. Nothing was sent; try again later.")
        try:
            data = found.recv(65_536)
        except OSError:
            data = b""
        if not data:
            raise ConnectionBroke(f"The connection to {server} broke at {where}. Nothing was sent; try again later.")
        if not heard and data[:3] == b"220" and server.security is Security.SMTPS:
            raise _wrong_start(server)
        heard = data
        tls.feed(data)


def _waits_for_tls(server: Server, interrupt: Interrupt) -> bool:
    """A second connection that offers a handshake. The answer is all that is wanted, so nothing is verified."""
    try:
        with connected(server, interrupt, _PROBE_S) as probe:
            _shake_hands(probe, TlsStream(unverifying_context(), server), server, interrupt, _PROBE_S)
    except MailInterrupted:
        raise
    except MailProblem:
        return False
    return True


def tls_ready_socket(server: Server, interrupt: Interrupt, limit_s: float) -> socket.socket | None:
    """A connection on which the other side expects a TLS handshake; None where it does not want one."""
    found, machine = (
        connected(server, interrupt, limit_s),
        SmtpClient(server, Patience(limit_s), Transcript(), os.urandom),
    )
    try:
        if server.security is Security.STARTTLS:
            machine.open("localhost", time.monotonic())
            while (event := machine.next_event()) is None:
                found.sendall(machine.bytes_to_send())
                if not interrupt.wait_or_stop({found: selectors.EVENT_READ}, limit_s):
                    machine.handle_timer(time.monotonic() + limit_s)
                elif data := found.recv(65_536):
                    machine.receive_bytes(data, time.monotonic())
                else:
                    machine.receive_eof(time.monotonic())
            _expected(_sound(event), TlsRequested)
    except MailRefused:
        found.close()
        return None
    except OSError as cause:
        found.close()
        raise MailDeferred(f"{server} broke off while its TLS was looked at; try again later.") from cause
    except BaseException:
        found.close()
        raise
    return found


def _wrong_start(server: Server) -> MailRefused:
    if server.security is Security.SMTPS:
        return MailRefused(
            f"{server} starts in clear and goes over to TLS later (STARTTLS): leave out --smtps with this port, or use"
            " the port for TLS from the start, usually 465. Nothing was sent."
        )
    return MailRefused(
        f"{server} speaks TLS from the start: use --smtps with this port, or the port for STARTTLS, usually 587."
        " Nothing was sent."
    )


def _sound(event: Event) -> Event:
    if isinstance(event, Failed):
        raise event.problem
    return event


def _expected(event: Event, kind: type[_Event]) -> _Event:
    assert isinstance(event, kind), event
    return event
