"""Records into both sides of the handshake, at each of its steps: a true flight with bytes changed, or anything."""

from __future__ import annotations

from lanline.crypto.dtls import DtlsHandshake, DtlsKeys
from lanline.crypto.identity import Identity
from lanline.errors import IdentityProblem, MalformedPacket

_KEYS = DtlsKeys(Identity.generate())
_STEPS = 4


def fuzz_one(data: bytes) -> None:
    if not data:
        return
    step, is_raw = data[0] % _STEPS, bool(data[0] & 0x80)
    client, server = _KEYS.start_handshake(is_client=True), _KEYS.start_handshake(is_client=False)
    flight = b"".join(client.advance(b""))
    receivers = (server, client, server, client)
    for receiver in receivers[:step]:
        flight = b"".join(receiver.advance(flight))
    spoilt = data[1:] if is_raw else _changed(flight, data[1:])
    _advance(receivers[step], spoilt)
    _advance(receivers[step], flight)
    if client.is_complete and server.is_complete:
        assert client.export(b"EXPORTER-fuzz", b"", 32) == server.export(b"EXPORTER-fuzz", b"", 32)


def _advance(handshake: DtlsHandshake, records: bytes) -> None:
    if handshake.is_complete:
        return
    try:
        handshake.advance(records)
        if handshake.is_complete:
            assert len(handshake.peer_fingerprint) == 32
    except (MalformedPacket, IdentityProblem):
        return


def _changed(flight: bytes, changes: bytes) -> bytes:
    changed = bytearray(flight)
    for position in range(0, len(changes) - 2, 3):
        changed[int.from_bytes(changes[position : position + 2], "big") % len(changed)] ^= changes[position + 2]
    return bytes(changed)


def seeds() -> list[bytes]:
    client, server = _KEYS.start_handshake(is_client=True), _KEYS.start_handshake(is_client=False)
    hello = b"".join(client.advance(b""))
    answer = b"".join(server.advance(hello))
    last = b"".join(client.advance(answer))
    raw = [bytes([0x80 + step]) + flight for step, flight in enumerate((hello, answer, last))]
    return [*raw, *(bytes([step]) + b"\0\x30\1" for step in range(_STEPS))]
