"""Words from a member who has the key of the room, with anything under the seal; and proofs of what was said."""

from __future__ import annotations

import contextlib

import msgspec

from lanline.chain.rules import follow
from lanline.chain.state import Chain
from lanline.client.sealing.reports import Verdict, judged
from lanline.crypto.groups.ids import KEY_ENTRY, device_id_of
from lanline.crypto.groups.keys import SigningKey
from lanline.crypto.groups.said import RunKeys, Where, seal_words, vouched
from lanline.errors import MalformedPacket
from lanline.model.content import Report
from lanline.testing.said import open_words
from lanline.wire.sealing import entries
from lanline.wire.sealing.said import Header, Words
from lanline.wire.sealing.strict import ZEROS, encode_strictly

_SIGNER = SigningKey(bytes(range(32)))
_HEADER = Header(bytes(16), device_id_of(_SIGNER.public_bytes), bytes(16), b"")
_KEYS, _WHERE = RunKeys(ZEROS, _HEADER.device_id, _HEADER.run), Where(ZEROS, ZEROS, bytes(16))
_WORDS = Words(0, ZEROS, 0, 1, ZEROS, bytes(8), 0, ZEROS, (), b"hi")
_MAX_BYTES = 4096


def _chain() -> Chain:
    joiner = encode_strictly(entries.Joiner(b"ana", _SIGNER.public_bytes, ZEROS, ZEROS, ZEROS))
    found = entries.Found(ZEROS, 1, ZEROS, 0, bytes(16), joiner, entries.Joins.ANYONE, entries.Inviters.MEMBERS)
    body = encode_strictly(found)
    content = entries.encode_entry(body, _HEADER.device_id, _SIGNER.sign(KEY_ENTRY + body))
    return follow(Chain(), entries.KEY_SUITE, content)[0]


_CHAIN = _chain()


def fuzz_one(data: bytes) -> None:
    with contextlib.suppress(MalformedPacket):
        open_words(_KEYS, _WHERE, data)
    sealed, _ = seal_words(_KEYS, _SIGNER, _HEADER, _WHERE, data[:_MAX_BYTES], bytes(32))
    try:
        opened = open_words(_KEYS, _WHERE, sealed)
    except MalformedPacket:
        pass
    else:
        assert encode_strictly(opened.words) == data[:_MAX_BYTES]
        assert vouched(lambda _: _SIGNER.public_bytes, [opened]) == [True]
    _as_report(data)


def _as_report(data: bytes) -> None:
    assert judged(_CHAIN, data, "ana") is not None
    body = msgspec.msgpack.encode(Report("#lobby", "ana", 0, "hi", "", (), data))
    verdict = msgspec.msgpack.decode(judged(_CHAIN, body, "ana"))["verdict"]
    assert verdict in {Verdict.FALSE.value, Verdict.UNKNOWN.value}


def seeds() -> list[bytes]:
    statement = encode_strictly(_WORDS)
    sealed, _ = seal_words(_KEYS, _SIGNER, _HEADER, _WHERE, statement, bytes(32))
    proof = msgspec.msgpack.encode([ZEROS, ZEROS, bytes(16), _HEADER.without_nonce, statement, bytes(64)])
    return [statement, sealed, proof, msgspec.msgpack.encode({"type": "report", "room": "#lobby"})]
