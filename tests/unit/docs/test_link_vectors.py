"""The test vectors of docs/protocol/link.md are what the code makes, byte for byte."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from lanline.crypto.identity import Identity
from lanline.crypto.sealing import EPOCH_BITS, Opener, Sealer, Suite
from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.proto.framing import frame_message
from lanline.proto.link import frames, preamble
from lanline.proto.link.frames import AckFrame

PAGE = Path(__file__).resolve().parents[3] / "docs" / "protocol" / "link.md"
_LINE = re.compile(r"^([a-z0-9 .,-]+) = ([0-9a-f]+)(?: 00\*([0-9]+))?$", re.MULTILINE)

SECRET = bytes(range(32))
CLIENT_ID = bytes.fromhex("8001020304050607")
SERVER_ID = bytes.fromhex("9011121314151617")
TOKEN = bytes(range(0x40, 0x54))
RESET_TOKEN = bytes(range(0x60, 0x70))
CHALLENGE = bytes(range(0x70, 0x78))
RECORDS = bytes.fromhex("16fefd00010000000000000001aa")
SUITES: dict[str, Suite] = {"aes": AESGCM, "chacha": ChaCha20Poly1305}
PING = b"\x01"


def _expand(secret: bytes, label: bytes, size_bytes: int) -> bytes:
    """As the page says it, not as the code does."""
    return HKDFExpand(SHA256(), size_bytes, label).derive(secret)


def _computed() -> dict[str, bytes]:
    following = _expand(SECRET, b"lanline link next", 32)
    stream = frames.encode_stream(Channel.CHAT, 300, frame_message(b"hi"))
    vectors = {
        "fingerprint": Identity.from_private_key(ec.derive_private_key(1, ec.SECP256R1())).fingerprint,
        "hello": preamble.encode_preamble(preamble.Hello(CLIENT_ID)),
        "retry": preamble.encode_preamble(preamble.Retry(CLIENT_ID, TOKEN)),
        "client records": preamble.encode_preamble(preamble.ClientRecords(CLIENT_ID, TOKEN, RECORDS)),
        "server records": preamble.encode_preamble(preamble.ServerRecords(CLIENT_ID, SERVER_ID, RECORDS)),
        "versions": preamble.encode_preamble(preamble.Versions(CLIENT_ID, bytes([preamble.VERSION]))),
        "refused": preamble.encode_preamble(preamble.Refused(CLIENT_ID, CloseCode.BUSY)),
        "reset": preamble.encode_preamble(preamble.Reset(CLIENT_ID, RESET_TOKEN)),
        "hello of version 2": preamble.encode_preamble(preamble.OtherVersion(CLIENT_ID, 2, is_hello=True)),
        "ping": PING,
        "ack of one range": frames.encode_ack([(990, 1000)], 0.0015),
        "ack of three ranges": frames.encode_ack([(990, 1000), (985, 987), (0, 983)], 0.0),
        "stream": stream,
        "datagram": frames.encode_datagram(Channel.MEDIA, b"hi"),
        "max data": frames.encode_max_data(Channel.BULK, 4_194_304),
        "reset token": frames.encode_reset_token(RESET_TOKEN),
        "close": frames.encode_close(CloseCode.GOING_AWAY, "bye"),
        "challenge": frames.encode_challenge(CHALLENGE),
        "response": frames.encode_response(CHALLENGE),
        "key, epoch 0": _expand(SECRET, b"lanline link key", 32),
        "salt, epoch 0": _expand(SECRET, b"lanline link salt", 4),
        "secret, epoch 1": following,
        "key, epoch 1": _expand(following, b"lanline link key", 32),
        "salt, epoch 1": _expand(following, b"lanline link salt", 4),
    }
    for name, suite in SUITES.items():
        vectors[f"{name}, packet 0, ping"] = Sealer(suite, SECRET).seal(CLIENT_ID, 0, PING)
        vectors[f"{name}, packet 5, stream"] = Sealer(suite, SECRET).seal(CLIENT_ID, 5, stream)
        vectors[f"{name}, packet 4194304, ping"] = Sealer(suite, SECRET).seal(CLIENT_ID, 1 << EPOCH_BITS, PING)
    return vectors


def _stated() -> dict[str, bytes]:
    text = PAGE.read_text(encoding="utf-8").partition("## 14. Test vectors")[2]
    return {name: bytes.fromhex(data) + bytes(int(zeros or 0)) for name, data, zeros in _LINE.findall(text)}


def test_every_vector_of_the_page_is_what_the_code_makes() -> None:
    assert _stated() == _computed()


@pytest.mark.parametrize("name", SUITES)
def test_the_packets_of_the_page_open(name: str) -> None:
    opener = Opener(SUITES[name], SECRET)
    for packet in (packet for title, packet in _stated().items() if title.startswith(f"{name}, packet")):
        number = int.from_bytes(packet[8:16], "big")
        assert opener.open(packet[:16], number, packet[16:]).startswith((PING, bytes([frames.STREAM])))


def test_the_preambles_of_the_page_decode() -> None:
    stated = _stated()
    assert preamble.decode_preamble(stated["hello"]) == preamble.Hello(CLIENT_ID)
    assert preamble.decode_preamble(stated["hello of version 2"]) == preamble.OtherVersion(CLIENT_ID, 2, is_hello=True)
    assert preamble.decode_preamble(stated["client records"]) == preamble.ClientRecords(CLIENT_ID, TOKEN, RECORDS)


def test_the_acknowledgement_of_the_page_decodes() -> None:
    [frame] = frames.decode_frames(_stated()["ack of three ranges"])
    assert isinstance(frame, AckFrame)
    assert frame.ranges == [(990, 1000), (985, 987), (0, 983)]
