"""Owns one connection to a mail server, from the first address tried to QUIT: turns `proto.smtp` over on a socket.

It blocks the thread it runs in, and an `Interrupt` wakes it. What counts as progress is what the other side has
acknowledged, as far as the system tells.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import ssl
import sys
import termios
import time
from collections.abc import Callable

import msgspec

from lanline.errors import MailInterrupted, MailProblem
from lanline.model.mail.message import Parcel
from lanline.model.mail.server import Credentials, Security, Server, SignIn
from lanline.proto.smtp import events
from lanline.proto.smtp.client import SmtpClient
from lanline.proto.smtp.events import Offer
from lanline.proto.smtp.wire import SmtpTranscript
from lanline.transport.smtp.connecting import Interrupt, connected
from lanline.transport.smtp.tls import ANY_FINGERPRINT, shake_hands, tls_problem, wrong_start

_SILENCE_S = 3.0
"""A server that has not spoken by then is asked whether it waits for TLS. Slow ones are still waited for."""
_PROBE_S = 5.0
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_LOOK_S = 0.5
"""How often the system is asked what was acknowledged."""
_SENT_AHEAD_BYTES = 256_000
_LARGE_BYTES = 100_000
"""From this size on the final dot waits until all else was acknowledged: till then nothing was sent, for certain."""


class Watch(msgspec.Struct, frozen=True):
    """What the caller wants to hear of: bytes as they go, and the last moment in which nothing is sent yet."""

    progress: Callable[[int], None] = lambda _: None
    before_last_dot: Callable[[], None] = lambda: None


class Passage(msgspec.Struct, frozen=True):
    """All that a connection takes. The password is in here, so this is never written anywhere."""

    server: Server
    credentials: Credentials | None = None
    auth: SignIn = SignIn.AUTO
    timeouts: events.Timeouts = events.Timeouts()


class MailSession:
    """Callers see what the server offers, `sign_in`, `deliver` and `close`. All of them raise MailProblem."""

    def __init__(self, passage: Passage, interrupt: Interrupt, sink: Callable[[str], None] = lambda _: None) -> None:
        self._passage, self._interrupt, self._server = passage, interrupt, passage.server
        self._limit_s, transcript = passage.timeouts.reply_s, SmtpTranscript(sink)
        transcript.note(f"connecting to {self._server}")
        self._machine = SmtpClient(self._server, passage.timeouts, transcript, os.urandom)
        self._out = bytearray()
        self._written = self._acknowledged = 0
        self._is_cut = False
        self._socket = connected(self._server, interrupt, self._limit_s)
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
        try:
            event = self._first_event()
        except events.ConnectionBroke as broke:
            if not self._waits_for_tls():
                raise
            raise wrong_start(self._server) from broke
        if isinstance(event, events.TlsRequested):
            self._machine.confirm_tls(self._start_tls(), time.monotonic())
            self._next_event()

    def _start_tls(self) -> str:
        """The version that is spoken from here on."""
        self._socket = secure = shake_hands(self._socket, self._server, self._interrupt, self._limit_s)
        return secure.version() or "TLS"

    def _own_name(self) -> str:
        """RFC 5321, 4.1.3: the address in brackets, for a machine whose name nobody can look up."""
        host = "127.0.0.1"
        with contextlib.suppress(OSError):  # it greeted and left
            host = str(self._socket.getsockname()[0]).partition("%")[0]
        return self._server.ehlo_name or (f"[IPv6:{host}]" if ":" in host else f"[{host}]")

    def _first_event(self) -> events.Event:
        silent_until = time.monotonic() + _SILENCE_S
        while not self._written and (left_s := silent_until - time.monotonic()) > 0:
            if (event := self._turn(left_s)) is not None:
                return event
        if not self._written and self._waits_for_tls():  # nor were we greeted, to say EHLO
            raise wrong_start(self._server)
        return self._next_event()

    def _waits_for_tls(self) -> bool:
        """A second connection that offers a handshake. The answer is all that is wanted, so nothing is verified."""
        if self._server.security is Security.SMTPS:
            return False
        try:
            probe = connected(self._server, self._interrupt, _PROBE_S)
            any_server = msgspec.structs.replace(
                self._server, security=Security.SMTPS, ca_file=None, fingerprint=ANY_FINGERPRINT
            )
            shake_hands(probe, any_server, self._interrupt, _PROBE_S).close()
        except MailInterrupted:
            raise
        except MailProblem:
            return False
        return True

    def sign_in(self) -> None:
        """Where the passage says as whom."""
        if self._passage.credentials is not None:
            self._machine.sign_in(self._passage.credentials, self._passage.auth, time.monotonic())
            self._next_event()

    def deliver(self, parcel: Parcel, watch: Watch) -> events.Delivered:
        """MailRefused, MailDeferred or MailInterrupted mean: not sent. DeliveryUncertain means that nobody knows."""
        self._machine.send_message(parcel.envelope, parcel.size_bytes, time.monotonic())
        event = self._next_event()
        if isinstance(event, events.ContentRequested):
            try:
                self._send_content(parcel, watch)
            except BaseException:
                self.abort()
                raise
            event = self._next_event()
        assert isinstance(event, events.Delivered), event
        return event

    def _send_content(self, parcel: Parcel, watch: Watch) -> None:
        for chunk in parcel.chunks():
            self._machine.send_content(chunk, time.monotonic())
            self._out += self._machine.bytes_to_send()
            while len(self._out) > _SENT_AHEAD_BYTES and self._wants_content:
                self._exchange(_LOOK_S, until_room=True)
            if not self._wants_content:
                return
            watch.progress(len(chunk))
        wait_s = 0.001
        while parcel.size_bytes > _LARGE_BYTES and self._unacknowledged() and self._wants_content:
            self._exchange(wait_s)
            wait_s = min(1.2 * wait_s, 0.1)
        self._heed_interrupt()
        if self._wants_content:
            watch.before_last_dot()
            self._machine.finish_content(time.monotonic())

    @property
    def _wants_content(self) -> bool:
        return self._machine.state is events.State.CONTENT

    def close(self) -> None:
        """QUIT, politely but not for long. Not even Ctrl+C makes an error of it: what was sent is sent."""
        with contextlib.suppress(MailProblem):
            if self.is_open and not self._interrupt.is_set:
                self._machine.quit(time.monotonic())
                self._next_event()
        self.abort()

    def abort(self) -> None:
        """At once: what mattered has been heard, and a TLS goodbye waits for the other side, which may be gone."""
        self._machine.abandon()
        self._socket.close()

    # The socket

    def _next_event(self) -> events.Event:
        while (event := self._turn(_LOOK_S)) is None:
            pass
        return event

    def _turn(self, limit_s: float) -> events.Event | None:
        event = self._machine.next_event()
        if event is None:
            self._exchange(limit_s)
            event = self._machine.next_event()
        if isinstance(event, events.Failed):
            raise event.problem
        return event

    def _exchange(self, limit_s: float, *, until_room: bool = False) -> None:
        """One wait, and all that came of it."""
        self._out += self._machine.bytes_to_send()
        self._send()
        if until_room and len(self._out) <= _SENT_AHEAD_BYTES:
            limit_s = 0.0
        deadline = self._machine.next_deadline()
        if deadline is not None:
            limit_s = min(limit_s, deadline - time.monotonic())
        events = select.POLLIN | (select.POLLOUT if self._out else 0)
        ready = self._interrupt.wait({self._socket: events}, min(limit_s, _LOOK_S))
        self._heed_interrupt()
        if (ready or self._is_cut) and self.is_open:
            self._receive()
        now, acknowledged = time.monotonic(), self._written - self._unacknowledged()
        if acknowledged > self._acknowledged:
            self._acknowledged = acknowledged
            self._machine.note_progress(now)
        self._machine.handle_timer(now)

    def _heed_interrupt(self) -> None:
        if self._interrupt.is_set and self.is_open:
            self._machine.interrupt(time.monotonic())

    def _send(self) -> None:
        try:
            while self._out:
                sent = self._socket.send(self._out)
                self._written += sent
                del self._out[:sent]
        except _NOT_NOW:
            pass
        except OSError:  # but what the server said before it left may still be there
            self._is_cut = True
            self._out.clear()

    def _unacknowledged(self) -> int:
        """Of what was given to the system; where it cannot tell, what it took counts as arrived."""
        with contextlib.suppress(OSError):
            if sys.platform == "darwin":
                return self._socket.getsockopt(socket.SOL_SOCKET, 0x1024)  # SO_NWRITE
            return int.from_bytes(fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
        return 0

    def _receive(self) -> None:
        data, problem = b"", None
        try:
            data = self._socket.recv(65_536)
        except _NOT_NOW:
            if not self._is_cut:
                return
        except ssl.SSLError as cause:  # as where it does not like our certificate
            problem = tls_problem(self._server, cause)
        except OSError:
            pass
        if data:
            self._machine.receive_bytes(data, time.monotonic())
        else:
            self._machine.receive_eof(time.monotonic(), problem)
