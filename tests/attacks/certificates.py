"""Attackers who show what no client of Lanline has: long chains of certificates, and keys of other kinds.

Each signature of a chain on a slow curve costs whoever checks it a millisecond, before anybody is known.
"""

from __future__ import annotations

import datetime as dt
import os
import select
import socket
import time
from collections import Counter
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL

from lanline.crypto.dtls import DtlsKeys
from lanline.crypto.identity import Identity
from lanline.errors import LinkError
from lanline.proto.link.endpoint import Endpoint
from lanline.proto.link.link import LinkState

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_FROM, _UNTIL = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
_CIPHERS = b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0"
_REQUEST = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: lanline.1\r\n\r\n"
)
_ANSWER_S = 0.3
_READ_BYTES = 65_536
CHAINS = (2, 3, 12, 90)


def attack(address: tuple[str, int], stop_after_s: float, bits_per_s: float) -> Counter[str]:
    """Handshake after handshake with a chain on brainpoolP512, over UDP and over TCP in turn.

    `handshakes` were begun, `taken` were finished by the server; `sent_bytes` are payloads.
    """
    counts: Counter[str] = Counter()
    began_at = time.monotonic()
    number = 0
    while (elapsed_s := time.monotonic() - began_at) < stop_after_s:
        if counts["sent_bytes"] * 8 > elapsed_s * bits_per_s:
            time.sleep(0.005)
            continue
        length = CHAINS[number // 2 % len(CHAINS)]
        if number % 2:
            counts["taken"] += handshake_tcp(address, _slow_chain(SSL.TLS_METHOD, length), counts)
        else:
            counts["taken"] += handshake_udp(address, _slow_chain(SSL.DTLS_METHOD, length), counts)
        counts["handshakes"] += 1
        number += 1
    return counts


def self_signed_context(method: int, key: Key) -> SSL.Context:
    return _context(method, key, [_certificate("lanline", "lanline", key, key)])


def chain_context(method: int, length: int, curve: ec.EllipticCurve, *, is_linked: bool = True) -> SSL.Context:
    """A leaf with a P-256 key before so many others that each is signed by the next, or by itself."""
    keys = [ec.generate_private_key(ec.SECP256R1()), *(ec.generate_private_key(curve) for _ in range(length - 1))]
    names = [f"link {number}" for number in range(length)]
    certificates = []
    for number, key in enumerate(keys):
        signer = min(number + 1, length - 1) if is_linked else number
        certificates.append(_certificate(names[number], names[signer], key, keys[signer]))
    return _context(method, keys[0], certificates)


@cache
def _slow_chain(method: int, length: int) -> SSL.Context:
    return chain_context(method, length, ec.BrainpoolP512R1())


def _certificate(subject: str, issuer: str, key: Key, signer: Key) -> x509.Certificate:
    return (
        x509.CertificateBuilder(_name(issuer), _name(subject), key.public_key(), 1)
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .sign(signer, SHA256())
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _context(method: int, key: Key, certificates: list[x509.Certificate]) -> SSL.Context:
    context = SSL.Context(method)
    context.set_options(SSL.OP_NO_QUERY_MTU)
    context.set_cipher_list(_CIPHERS)
    context.use_privatekey(key)
    context.use_certificate(certificates[0])
    for certificate in certificates[1:]:
        context.add_extra_chain_cert(certificate)
    context.set_verify(SSL.VERIFY_PEER, _accept_server)
    return context


def _accept_server(connection: SSL.Connection, *_: object) -> bool:
    connection.set_app_data(b"the server's fingerprint")
    return True


def handshake_udp(address: tuple[str, int], context: SSL.Context, counts: Counter[str]) -> bool:
    """Whether the server finished it."""
    keys = DtlsKeys(_anybody())
    keys._context = context
    endpoint = Endpoint(exchanges=keys, reset_key=bytes(32), entropy=os.urandom, accepts=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        link = endpoint.connect(address, time.monotonic())
        until = time.monotonic() + _ANSWER_S
        while link.state is LinkState.HANDSHAKING and time.monotonic() < until:
            for _, datagrams in endpoint.datagrams_to_send(time.monotonic()):
                for datagram in datagrams:
                    sock.send(datagram)
                    counts["sent_bytes"] += len(datagram)
            if select.select([sock], [], [], 0.05)[0]:
                endpoint.receive_datagram(sock.recv(_READ_BYTES), address, time.monotonic())
        return link.state is LinkState.ESTABLISHED


def handshake_tcp(address: tuple[str, int], context: SSL.Context, counts: Counter[str]) -> bool:
    """Whether the server made a link of it. Who shows no certificate gets a polite refusal."""
    connection = SSL.Connection(context)
    connection.set_connect_state()
    answer = b""
    with socket.create_connection(address) as sock:
        sock.settimeout(_ANSWER_S)
        try:
            while not answer:
                try:
                    connection.do_handshake()
                    connection.send(_REQUEST)
                    _send(sock, connection, counts)
                    connection.bio_write(sock.recv(_READ_BYTES))
                    answer = connection.recv(_READ_BYTES)
                except SSL.WantReadError:
                    _send(sock, connection, counts)
                    connection.bio_write(sock.recv(_READ_BYTES) or b"\0")
        except (SSL.Error, OSError, LinkError):
            pass
    return answer.startswith(b"HTTP/1.1 101")


def _send(sock: socket.socket, connection: SSL.Connection, counts: Counter[str]) -> None:
    try:
        data = connection.bio_read(_READ_BYTES)
    except SSL.WantReadError:
        return
    sock.sendall(data)
    counts["sent_bytes"] += len(data)


@cache
def _anybody() -> Identity:
    return Identity.generate()
