"""The test vectors of docs/protocol/media.md are what the code makes; its limits are those of the code."""

from __future__ import annotations

import hmac
import re
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from lanline.crypto.sealing import EPOCH_BITS
from lanline.crypto.streams import StreamOpener, StreamSealer
from lanline.crypto.watchproof import is_watch_proof
from lanline.proto.media import jitter, pacing, packet, parity, plain, reassembler, reports, subscription
from lanline.proto.media.fec import parity_of
from lanline.proto.media.frame import Frame
from lanline.proto.media.packetiser import Packetiser
from lanline.proto.media.plain import PlainPacketiser
from lanline.wire import video
from lanline.wire.video import (
    Echo,
    KeyFrameWanted,
    Nack,
    Offer,
    Report,
    Still,
    StreamCodec,
    StreamOffer,
    Subscribe,
    encode_video,
)

PAGE = Path(__file__).resolve().parents[3] / "docs" / "protocol" / "media.md"
TEXT = PAGE.read_text(encoding="utf-8")
_LINE = re.compile(r"^([a-z0-9 .,-]+) = ([0-9a-f]+)$", re.MULTILINE)

STREAM_ID = bytes.fromhex("8001020304050607")
SECRET = bytes(range(32))
CHUNKS = [b"abcd", b"efgh", b"ij\0\0"]
FRAME = Frame(7, StreamCodec.H264, True, 1_000_000, b"abcdefghij", 2)
_HEADER_BYTES = 24


def _sealed(number: int, content: bytes) -> bytes:
    """As the page says it, not as the code does."""
    key = HKDFExpand(SHA256(), 32, b"lanline link key").derive(SECRET)
    salt = HKDFExpand(SHA256(), 4, b"lanline link salt").derive(SECRET)
    head = STREAM_ID + number.to_bytes(8, "big")
    return head + AESGCM(key).encrypt(salt + head[8:], content, head)


def _computed() -> dict[str, bytes]:
    contents = Packetiser(_HEADER_BYTES + 4).packetise(FRAME, 2, [2_000_000] * 5)
    plain_datagrams = PlainPacketiser(64, first_frame_id=258).packetise(b"ab" * 30)
    vectors = {f"plain chunk {index}": datagram for index, datagram in enumerate(plain_datagrams)}
    vectors |= {f"chunk {index}": content for index, content in enumerate(contents)}
    vectors |= {f"parity {index}": share for index, share in enumerate(parity_of(CHUNKS, 2))}
    vectors["stream packet 0"] = _sealed(0, contents[0])
    vectors["stream packet 4"] = _sealed(4, contents[4])
    rung = StreamOffer(STREAM_ID, SECRET, 0, StreamCodec.JPEG, 1280, 720, 2_500_000)
    vectors["subscribe"] = encode_video(Subscribe(720, 2_500_000, proof=bytes(range(32))))
    vectors["proof"] = hmac.new(bytes(range(16)), b"lanline watch 1" + bytes(range(32)), "sha256").digest()
    assert is_watch_proof(vectors["proof"], bytes(range(16)), bytes(range(32)))
    vectors["offer"] = encode_video(Offer(30.0, [rung], None, "lab"))
    vectors["still"] = encode_video(Still(STREAM_ID, 7, 5, 1_000_000))
    vectors["nack"] = encode_video(Nack(STREAM_ID, [3, 300]))
    vectors["key"] = encode_video(KeyFrameWanted(STREAM_ID))
    vectors["report"] = encode_video(Report(100_000, 31_250, 27, 2, 1, 12_000, -3_000, 5_000_000))
    vectors["echo"] = encode_video(Echo(5_000_000))
    return vectors


def _stated() -> dict[str, bytes]:
    return {name: bytes.fromhex(data) for name, data in _LINE.findall(TEXT.partition("## 10. Test vectors")[2])}


def test_every_vector_of_the_page_is_what_the_code_makes() -> None:
    assert _stated() == _computed()


def test_the_code_seals_and_opens_the_packets_of_the_page() -> None:
    stated = _stated()
    contents = [stated[f"chunk {index}"] for index in range(5)]
    packets = StreamSealer(STREAM_ID, SECRET).seal(contents)
    assert (packets[0], packets[4]) == (stated["stream packet 0"], stated["stream packet 4"])
    assert StreamOpener(SECRET, 0).open(stated["stream packet 4"]) == (4, contents[4])


def _times(a: int, b: int) -> int:
    """In GF(2^8) as section 4 has it."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return product


def _power(exponent: int) -> int:
    value = 1
    for _ in range(exponent):
        value = _times(value, 2)
    return value


def test_parity_is_what_the_page_says() -> None:
    """Data = T · x, so x = T^-1 · data, and a share of parity is its row of V times x."""
    k = len(CHUNKS)
    rows = [[1] + [0] * (k - 1), *([_power(r * c) for c in range(k)] for r in range(k + 1))]
    for place in range(len(CHUNKS[0])):
        wanted = [chunk[place] for chunk in CHUNKS]
        # The first row of T says x[0]; the second, the sum of all; the third is tried for every x[1].
        solutions = [
            (wanted[0], x1, wanted[0] ^ wanted[1] ^ x1)
            for x1 in range(256)
            if _dot(rows[2], (wanted[0], x1, wanted[0] ^ wanted[1] ^ x1)) == wanted[2]
        ]
        assert len(solutions) == 1
        for share, row in zip(parity_of(CHUNKS, 2), rows[k:], strict=True):
            assert share[place] == _dot(row, solutions[0])


def _dot(row: list[int], x: tuple[int, ...]) -> int:
    total = 0
    for factor, value in zip(row, x, strict=True):
        total ^= _times(factor, value)
    return total


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", TEXT.partition("## 8. Limits")[2], re.MULTILINE))
    assert rows["chunks of a frame"] == f"{packet.MOST_CHUNKS:,}"
    assert rows["parity, as a share of the data"] == f"{parity.MOST_SHARE:.0%}".replace("%", " %")
    assert rows["numbers in a Nack"] == str(video.MOST_NACKED)
    assert rows["rungs in an Offer"] == str(video.MOST_RUNGS)
    assert rows["open frames of a stream at a viewer"] == str(reassembler.MOST_OPEN_FRAMES)
    assert rows["bytes of these"] == f"{reassembler.MOST_BUFFERED_BYTES:,}"
    assert rows["packets of a slice; where nothing is lost"] == f"{pacing.SLICE_PACKETS}; {pacing.CALM_SLICE_PACKETS}"
    assert rows["a viewer is silent after"] == f"{subscription.SILENT_AFTER_S:g} s"
    assert rows["a viewer looks at what it has to report"] == f"every {reports.REPORT_INTERVAL_S * 1000:g} ms"
    assert rows["packets under one key"] == f"{1 << EPOCH_BITS:,}"
    assert rows["MTU of the plain format"] == f"{plain.LEAST_MTU_BYTES} to {plain.MOST_MTU_BYTES:,}"
    for policy, name in ((jitter.INTRA_ONLY, "JPEG, Opus"), (jitter.DEPENDENT, "H.264, VP8, AV1")):
        stated = f"10 ms + {policy.round_trips:g} round trips, {policy.least_s * 1000:g} to {policy.most_s * 1000:g} ms"
        assert rows[f"base delay, {name}"] == stated
