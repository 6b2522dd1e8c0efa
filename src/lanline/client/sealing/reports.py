"""Owns what proves to an admin who said a message that somebody reports, and how that is checked. Not who is told.

The proof is what stands inside the seal: the statement, and the signature that its author's device has made over it,
the room, the account and the id. It needs no key of the room, so an admin who was never in there can check it, and
nobody can make one of words that were not said. It says nothing of what was said around them.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from lanline.chain.state import Chain
from lanline.crypto.groups import ids
from lanline.crypto.groups.said import Opened, Where, has_signed
from lanline.errors import MalformedPacket
from lanline.model.content import Content, Edit, Notice, Reply, Report, Text
from lanline.wire.sealing.said import decode_words
from lanline.wire.sealing.strict import encode_strictly

REPORT = b"report"
_DEVICE = slice(17, 33)
"""Where a header names it."""
_decoder: msgspec.msgpack.Decoder[Content] = msgspec.msgpack.Decoder(Content)


class Verdict(Enum):
    PROVEN = "proven"
    """The account has said these words there."""
    ELSEWHERE = "elsewhere"
    """It has said them, in a conversation that this device cannot name."""
    FALSE = "false"
    """The proof is not one of these words."""
    UNKNOWN = "unknown"
    """There is no proof, or nothing here to check it with."""


class Proof(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    room_id: bytes
    account_id: bytes
    entry_id: bytes
    header: bytes
    """Without its nonce."""
    statement: bytes
    signature: bytes


_proof_decoder = msgspec.msgpack.Decoder(Proof)


def proof_of(opened: Opened, where: Where) -> bytes:
    return msgspec.msgpack.encode(
        Proof(*where, opened.header.without_nonce, encode_strictly(opened.words), opened.signature)
    )


def time_of(proof: bytes) -> int:
    """When its author said it, by their own clock."""
    return decode_words(_proof_decoder.decode(proof).statement).time_ms


def judged(chain: Chain, body: bytes, reporter: str) -> bytes:
    """The same words; of a report, with the verdict of this device in place of whatever came with it."""
    report = report_of(body)
    if report is None:
        return body
    verdict = _verdict(chain, report, reporter)
    return msgspec.msgpack.encode(msgspec.structs.replace(report, verdict=verdict.value))


def report_of(body: bytes) -> Report | None:
    """However its author has written it."""
    if REPORT not in body:  # a decoder takes it wherever it stands
        return None
    try:
        content = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return content if isinstance(content, Report) else None


def _verdict(chain: Chain, report: Report, reporter: str) -> Verdict:
    if not report.proof:
        return Verdict.UNKNOWN
    try:
        proof = _proof_decoder.decode(report.proof)
        words = decode_words(proof.statement)
        said = _decoder.decode(words.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, MalformedPacket):
        return Verdict.FALSE
    device = chain.devices.get(proof.header[_DEVICE])
    if device is None:
        return Verdict.UNKNOWN
    fits = (
        (text_of(said), words.time_ms) == (report.text, report.time_ms)
        and device.account == proof.account_id
        and chain.accounts[device.account].name == report.author.encode()
    )
    where = Where(proof.room_id, proof.account_id, proof.entry_id)
    if not (fits and has_signed(device.sign_key, where, proof.header, proof.statement, proof.signature)):
        return Verdict.FALSE
    return Verdict.PROVEN if proof.room_id in _rooms_called(chain, report, proof, reporter) else Verdict.ELSEWHERE


def _rooms_called(chain: Chain, report: Report, proof: Proof, reporter: str) -> set[bytes]:
    """What the conversation that is named is known by, as far as this device can tell."""
    if report.room.startswith("#"):
        return {ids.open_room_id_of(chain.group_id, report.room.removeprefix("#"))}
    accounts = [each for each, account in chain.accounts.items() if account.name == reporter.encode()]
    return {
        of_suite(chain.group_id, proof.account_id, each)
        for each in accounts
        for of_suite in (ids.pair_id_of, ids.rsa_pair_id_of)
    }


def text_of(said: Content) -> str:
    """The words of a message; empty for what has none, and cannot be reported."""
    return said.text if isinstance(said, Text | Reply | Edit | Notice) else ""
