"""The opening over HTTP: who asks for what, who answers how, and what a stranger is told."""

from __future__ import annotations

import logging
from http import HTTPStatus

import msgspec
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, InvalidUpgrade, NegotiationError
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from lanline.errors import CloseCode
from lanline.proto.websocket.goodbye import cut_reason, printable
from lanline.proto.websocket.units import MAX_UNIT_BYTES

SUBPROTOCOL = Subprotocol("lanline.1")
MAX_UPGRADE_BYTES = 16_384
"""Of a request or an answer, headers and body: nobody is known yet, so nobody gets much room."""

_PATH = "/"
_ABOUT = "This is a Lanline server. It talks to Lanline clients only: open this address with one.\n"
_NO_CERTIFICATE = "This is a Lanline server. It talks only to clients that show a certificate.\n"
_OTHER_VERSION = f"This is a Lanline server that speaks {SUBPROTOCOL}, and this client does not.\n"

PLAIN_HTTP_ANSWER = (
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
    f"Content-Length: {len(_ABOUT)}\r\n\r\n{_ABOUT}"
).encode()
"""For who types the address into a browser, which speaks without TLS then."""

_LOGGER = logging.getLogger("lanline.proto.websocket")
_LOGGER.setLevel(logging.WARNING)  # the library reports every connection at INFO; links are reported by events


class Refusal(msgspec.Struct, frozen=True):
    code: CloseCode
    reason: str


def client_protocol(host: str, port: int) -> ClientProtocol:
    uri = WebSocketURI(secure=True, host=host, port=port, path=_PATH, query="")
    return ClientProtocol(uri, subprotocols=[SUBPROTOCOL], max_size=MAX_UNIT_BYTES, logger=_LOGGER)


def server_protocol() -> ServerProtocol:
    # No origin is acceptable: a request that has one comes from a web page, which has no business here.
    return ServerProtocol(origins=[None], subprotocols=[SUBPROTOCOL], max_size=MAX_UNIT_BYTES, logger=_LOGGER)


def answer_request(protocol: ServerProtocol, request: Request, *, has_certificate: bool) -> Refusal | None:
    response = protocol.accept(request)
    problem = protocol.handshake_exc
    refusal: Refusal | None = None
    if isinstance(problem, NegotiationError):
        response = protocol.reject(HTTPStatus.UPGRADE_REQUIRED, _OTHER_VERSION)
        response.headers["Upgrade"] = "websocket"
        response.headers["Sec-WebSocket-Protocol"] = SUBPROTOCOL
        refusal = Refusal(CloseCode.INCOMPATIBLE_VERSION, f"The client does not speak {SUBPROTOCOL}.")
    elif problem is not None:
        response = protocol.reject(response.status_code, _ABOUT)
        if isinstance(problem, InvalidUpgrade):
            response.headers["Upgrade"] = "websocket"
        refusal = Refusal(CloseCode.HANDSHAKE_FAILED, "The caller is no Lanline client.")
    elif not has_certificate:
        response = protocol.reject(HTTPStatus.FORBIDDEN, _NO_CERTIFICATE)
        refusal = Refusal(CloseCode.HANDSHAKE_FAILED, "The client showed no certificate.")
    protocol.send_response(response)
    return refusal


def check_answer(protocol: ClientProtocol) -> Refusal | None:
    problem = protocol.handshake_exc
    if problem is None and protocol.subprotocol == SUBPROTOCOL:
        return None
    if isinstance(problem, InvalidStatus) and problem.response.status_code == HTTPStatus.UPGRADE_REQUIRED:
        spoken = ", ".join(problem.response.headers.get_all("Sec-WebSocket-Protocol")) or "another version of Lanline"
        return _other_version(f"The server speaks {cut_reason(printable(spoken))}")
    if problem is None or isinstance(problem, NegotiationError):
        return _other_version("The server did not agree to it")
    if isinstance(problem, InvalidStatus):
        status = problem.response.status_code
        return Refusal(CloseCode.HANDSHAKE_FAILED, f"The other side refused the link (HTTP status {status}).")
    return Refusal(CloseCode.HANDSHAKE_FAILED, "The other side is no Lanline server.")


def _other_version(what: str) -> Refusal:
    text = f"{what}, and this client speaks {SUBPROTOCOL}: upgrade the older of the two."
    return Refusal(CloseCode.INCOMPATIBLE_VERSION, text)
