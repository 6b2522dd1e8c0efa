"""Owns how content becomes the bytes of an entry, and back, once the seal is open. Not the seal: `seals`."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lanline.chain.reasons import Reason
from lanline.client.view.values import NoWords, Unreadable
from lanline.errors import InvalidInput
from lanline.model.content import (
    Content,
    Delete,
    Edit,
    KnownDevices,
    KnownPerson,
    Note,
    Reaction,
    Report,
    Text,
    Topic,
    check_content,
)
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.entries import KEY_SUITE
from lanline.wire.sealing.said import CARRIED_SUITE, EPOCH_SUITE, SEALED_SUITES

PLAIN = "plain"
"""Not sealed: the server's word."""
OPENED = "opened"
"""On this device only: it came sealed, and was believed."""
EARLIER = "earlier"
"""On this device only: the same, in a group before the one that it is in."""
DOUBTED = "doubted"
"""On this device only: it came sealed, and nothing of it was believed, for the reason that stands in its place."""

CARRIED = "carried"
"""On this device only: it was lost by a restored server, came again by somebody, and was believed."""
AGAIN = "again"
"""On this device only: words that stand at another place of the log, too, as somebody has brought them."""

UNOPENED = frozenset({*SEALED_SUITES, CARRIED_SUITE})
"""As they came: they do not open here, or not yet."""
UNREAD = "(cannot be read yet: its key comes when somebody who has it is online)"
SUITES_OF_KEYS = (EPOCH_SUITE, KEY_SUITE)
_WITH_WORDS = frozenset((PLAIN, OPENED, EARLIER))

KNOWN, TOPIC = b"known_", b"topic"
_NOTES = (KnownPerson, KnownDevices)
_encoder = msgspec.msgpack.Encoder()
TOPIC_BEGINS = _encoder.encode(Topic(""))[:13]
"""How what sets a topic is kept on this device: its index in the database goes by it."""
NO_NEWS_BEGINS = tuple(_encoder.encode(each)[:11] for each in (Edit(b"", ""), Delete(b""), Reaction(b"", "")))
"""How what changes an earlier message, or reacts to one, is kept: it does not count as unread."""
_decoder: msgspec.msgpack.Decoder[Content | Note] = msgspec.msgpack.Decoder(Content | Note)


def seal(content: Content | Note) -> tuple[str, bytes]:
    """The name of the suite, and the bytes."""
    try:
        return PLAIN, _encoder.encode(content)
    except UnicodeEncodeError as cause:
        raise InvalidInput("The message holds half a character, which nobody could read.") from cause


def opened(entry: LogEntry, body: bytes) -> LogEntry:
    """As it is kept on this device."""
    return _kept_as(entry, OPENED, body)


def all_opened(entries: Iterable[LogEntry], bodies: Iterable[bytes]) -> list[LogEntry]:
    return [
        LogEntry(each.sequence, each.entry_id, each.account, each.device, each.time_ms, OPENED, body)
        for each, body in zip(entries, bodies, strict=True)
    ]


def earlier(entry: LogEntry, body: bytes) -> LogEntry:
    return _kept_as(entry, EARLIER, body)


def doubted(entry: LogEntry, reason: Reason) -> LogEntry:
    return _kept_as(entry, DOUBTED, reason.value.encode())


def said_by(body: bytes, device_id: bytes) -> bytes:
    """The same words; of a note for the person's other devices, with the device that has said it, by its signature."""
    if KNOWN not in body:  # a decoder takes it wherever it stands
        return body
    try:
        known = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    return _encoder.encode(msgspec.structs.replace(known, by=device_id)) if isinstance(known, _NOTES) else body


class KeptCarried(msgspec.Struct, frozen=True, array_like=True):
    """Words that were brought back, as they are kept: the entry itself is by whoever has brought them."""

    account: int
    """Of whoever said them."""
    entry_id: bytes
    time_ms: int
    """By their author's clock."""
    body: bytes
    said_hash: bytes = b""
    """SHA-256 of what was sealed: by it two are the same, whichever numbers the server gives to accounts."""


_carried: msgspec.msgpack.Decoder[KeptCarried] = msgspec.msgpack.Decoder(KeptCarried)


def carried(entry: LogEntry, words: KeptCarried) -> LogEntry:
    return _kept_as(entry, CARRIED, _encoder.encode(words))


def carried_words(entry: LogEntry) -> KeptCarried:
    return decoded_carried(entry.content)


def decoded_carried(content: bytes) -> KeptCarried:
    return _carried.decode(content)


def again(entry: LogEntry, words: KeptCarried | None = None) -> LogEntry:
    """Not shown: the same words stand at a lower place. `words`: which they are, if somebody has brought them."""
    kept = b"" if words is None else _encoder.encode(msgspec.structs.replace(words, body=b""))
    return _kept_as(entry, AGAIN, kept)


def topic_body(topic: Topic) -> bytes:
    """As it is kept, however its author has written it."""
    return _encoder.encode(topic)


def topic_of(body: bytes) -> Topic | None:
    """None: it sets none."""
    if TOPIC not in body:  # a decoder takes it wherever it stands
        return None
    try:
        content = _decoder.decode(body)
        check_content(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidInput):
        return None
    return content if isinstance(content, Topic) else None


def _kept_as(entry: LogEntry, suite: str, content: bytes) -> LogEntry:
    return LogEntry(entry.sequence, entry.entry_id, entry.account, entry.device, entry.time_ms, suite, content)


def open_sealed(suite: str, sealed: bytes) -> Content | Unreadable | NoWords:
    """Never raises: what came from elsewhere is shown, if only as something that cannot be read."""
    if suite not in _WITH_WORDS:
        return NoWords() if suite in SUITES_OF_KEYS or suite == AGAIN else _not_opened(suite, sealed)
    try:
        content = _decoder.decode(sealed)
        check_content(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidInput):
        return Unreadable(suite)
    if type(content) is Text:  # most are
        return content
    return _believed(suite, content)


def _believed(suite: str, content: Content | Note) -> Content | Unreadable | NoWords:
    if isinstance(content, Topic) and suite == PLAIN:  # no entry sets one there
        return Unreadable(suite)
    if isinstance(content, _NOTES):  # in plain it is the server's word
        return NoWords(content if suite == OPENED else None)
    if isinstance(content, Report) and suite != OPENED:  # a verdict is this device's own, or none
        return msgspec.structs.replace(content, verdict="")
    return content


def _not_opened(suite: str, sealed: bytes) -> Unreadable:
    if suite == DOUBTED:
        reason = sealed.decode(errors="replace")
        return Unreadable(suite, f"(not shown, for nobody could know whose words these are: {reason})")
    if suite in UNOPENED:
        return Unreadable(suite, UNREAD)
    return Unreadable(suite)
