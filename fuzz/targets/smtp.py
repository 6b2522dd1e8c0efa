"""A mail server that says anything, in any pieces, at any step: only documented errors may come of it."""

from __future__ import annotations

from collections.abc import Iterator

from lanline.errors import MailProblem
from lanline.model.mail.message import Envelope
from lanline.model.mail.server import Credentials, Security, Server, SignIn
from lanline.proto.smtp.client import SmtpClient
from lanline.proto.smtp.events import Failed, State, Timeouts, TlsRequested
from lanline.proto.smtp.wire import SmtpTranscript
from targets._peers import join, pieces

_ENVELOPE = Envelope("ann@x.org", ("bob@x.org", "eve@x.org"), smtputf8=False)
_WAYS = list(SignIn)
_GOOD = (
    b"220 m\r\n", b"250-m\r\n250-SIZE 9\r\n250 AUTH PLAIN LOGIN SCRAM-SHA-256\r\n", b"334 \r\n", b"235 ok\r\n",
    b"250 ok\r\n",    b"354 go\r\n", b"421 4.7.0 slow down\r\n", b"452 4.5.3 too many\r\n",
)  # fmt: skip


def seeds() -> Iterator[bytes]:
    yield join(*[(kind, reply) for kind in (0, 1, 40) for reply in _GOOD])


def fuzz_one(data: bytes) -> None:
    client = SmtpClient(Server("x", 465, list(Security)[len(data) % 3]), Timeouts(), SmtpTranscript(), bytes)
    client.open("me", 0.0)
    for now, (kind, said) in enumerate(pieces(data)):
        client.receive_bytes(said, float(now))
        client.bytes_to_send()
        event = client.next_event()
        assert not isinstance(event, Failed) or isinstance(event.problem, MailProblem), event
        if isinstance(event, TlsRequested):
            client.confirm_tls("TLS", float(now))
        _go_on(client, kind, float(now))


def _go_on(client: SmtpClient, kind: int, now: float) -> None:
    if client.state is State.READY and kind % 2:
        client.sign_in(Credentials("ann", "secret"), _WAYS[kind % len(_WAYS)], now)
    elif client.state is State.READY:
        client.send_message(_ENVELOPE, kind, now)
    elif client.state is State.CONTENT and kind % 2:
        client.send_content(b"hi\r\n", now)
        client.finish_content(now)
    elif kind > 250:
        client.receive_eof(now)
