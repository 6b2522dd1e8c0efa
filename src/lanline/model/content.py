"""What an entry says once its seal is open: the kinds, and their limits. Only clients see these.

A target is the id of the entry that is meant, not its sequence number: an id is known before the server has answered.
"""

from __future__ import annotations

import msgspec

from lanline.errors import InvalidInput
from lanline.model.blobs import BLOB_ID_BYTES, MAX_BLOB_BYTES
from lanline.model.devices import DEVICE_ID_BYTES, MAX_DEVICES_NAMED, checked_label
from lanline.model.logs import ENTRY_ID_BYTES
from lanline.model.rooms import checked_topic

MAX_SAID_BYTES = 60 * 1024
_MAX_BYTES_OF_A_LETTER = 4
MAX_REPORT_BYTES = 126 * 1024
"""The words twice: as they were read, and in their proof."""
MAX_REPORTED_BEFORE = 5
MAX_REACTION_CHARS = 16
"""The longest emoji sequences, flags and families, have fewer; it is no text."""
MAX_FILE_NAME_BYTES = 255
MAX_MEDIA_TYPE_LENGTH = 127
FILE_KEY_BYTES = 32
MAX_FILE_PARTS = 1024
_ACCOUNT_ID_BYTES, _COMPARED_BYTES = 32, 20
_MAX_TIME_MS = 2**53 - 1
MAX_FILE_BYTES = MAX_FILE_PARTS * MAX_BLOB_BYTES


class Text(msgspec.Struct, frozen=True, gc=False, tag="text"):
    text: str


class Reply(msgspec.Struct, frozen=True, tag="reply"):
    target: bytes
    text: str


class Edit(msgspec.Struct, frozen=True, tag="edit"):
    target: bytes
    text: str


class Delete(msgspec.Struct, frozen=True, tag="delete"):
    """A wish that clients honour: the entry itself stays where it is, or sequence numbers would have holes."""

    target: bytes


class Reaction(msgspec.Struct, frozen=True, tag="reaction"):
    target: bytes
    symbol: str
    is_withdrawn: bool = False


class Notice(msgspec.Struct, frozen=True, tag="notice"):
    """Said by a program: shown apart, and no program answers one."""

    text: str


class FileReference(msgspec.Struct, frozen=True, tag="file"):
    name: str
    size_bytes: int
    media_type: str
    key: bytes
    parts: tuple[bytes, ...]
    """The ids of the blobs that hold it, sealed under the key, in order."""


class Report(msgspec.Struct, frozen=True, tag="report"):
    """A message that a member shows to an admin, with what proves who said it."""

    room: str
    """`#lab`, or the nicknames of the two who talk."""
    author: str
    time_ms: int
    text: str
    """As the reporter read it."""
    reason: str
    before: tuple[str, ...] = ()
    """What was said just before, as lines: the reporter's word."""
    proof: bytes = b""
    """`client.sealing.reports`; empty: it was not sealed, and the server's word is all there is."""
    verdict: str = ""
    """Never sent: what the device of who reads it has found."""


class Topic(msgspec.Struct, frozen=True, tag="topic"):
    """What a room is about from this entry on; empty: it has no topic any more. In entries of the suite for it only."""

    text: str


class KnownPerson(msgspec.Struct, frozen=True, tag="known_person"):
    """Said to oneself, for one's other devices: whom the person has compared words with, or has accepted."""

    account_id: bytes
    words: bytes = b""
    """What was compared; empty: that the account has its name now was accepted."""
    by: bytes = b""
    """Which other device of the person has said it: put in where it is opened, and never said. Empty: this one."""


class DeviceLabel(msgspec.Struct, frozen=True, array_like=True):
    device_id: bytes
    label: str
    named_ms: int
    """By the clock of the device on which it was called so: of two the later one counts."""
    by: bytes
    """That device; who says it may have heard it there."""


class KnownDevices(msgspec.Struct, frozen=True, tag="known_devices"):
    """Said to oneself, for one's other devices: what the person calls their devices."""

    labels: tuple[DeviceLabel, ...]
    by: bytes = b""
    """As in `KnownPerson`."""


Content = Text | Reply | Edit | Delete | Reaction | Notice | FileReference | Report | Topic
Note = KnownPerson | KnownDevices
"""For programs of the same person: nothing of it is shown in a talk."""


def check_content(content: Content | Note) -> None:
    """Raises InvalidInput; for what a person is about to say, and for what came from elsewhere."""
    if isinstance(content, Text):  # most are
        _check_text(content.text)
        return
    match content:
        case Notice(text):
            _check_text(text)
        case Reply(target, text) | Edit(target, text):
            _check_target(target)
            _check_text(text)
        case Delete(target):
            _check_target(target)
        case Reaction(target, symbol):
            _check_target(target)
            _check_symbol(symbol)
        case FileReference():
            _check_file(content)
        case Report():
            _check_report(content)
        case Topic(text):
            _check_topic(text)
        case KnownPerson() | KnownDevices():
            _check_note(content)


def _check_text(text: str) -> None:
    if not text.strip():
        raise InvalidInput("There is nothing in the message.")
    if len(text) * _MAX_BYTES_OF_A_LETTER <= MAX_SAID_BYTES:
        return
    size_bytes = len(text.encode(errors="surrogatepass"))
    if size_bytes > MAX_SAID_BYTES:
        raise InvalidInput(
            f"A message holds at most {MAX_SAID_BYTES // 1024} kB; this one has {-(-size_bytes // 1024)} kB. "
            "Say it in parts."
        )


def _check_topic(text: str) -> None:
    if checked_topic(text) != text:
        raise InvalidInput("A topic is one line, without spaces around it and without what moves a cursor.")


def _check_note(known: Note) -> None:
    if isinstance(known, KnownDevices):
        _check_labels(known.labels)
    elif len(known.account_id) != _ACCOUNT_ID_BYTES or len(known.words) not in {0, _COMPARED_BYTES}:
        raise InvalidInput("Who is known cannot be read.")


def _check_labels(labels: tuple[DeviceLabel, ...]) -> None:
    if not 0 < len(labels) <= MAX_DEVICES_NAMED or any(
        {len(each.device_id), len(each.by)} != {DEVICE_ID_BYTES}
        or checked_label(each.label) != each.label
        or not 0 <= each.named_ms <= _MAX_TIME_MS
        for each in labels
    ):
        raise InvalidInput("What devices are called cannot be read.")


def _check_report(report: Report) -> None:
    texts = (report.room, report.author, report.text, report.reason, *report.before)
    size_bytes = sum(len(text.encode(errors="surrogatepass")) for text in texts) + len(report.proof)
    if size_bytes > MAX_REPORT_BYTES or len(report.before) > MAX_REPORTED_BEFORE:
        raise InvalidInput("The report is larger than one may be.")


def _check_target(target: bytes) -> None:
    if len(target) != ENTRY_ID_BYTES:
        raise InvalidInput("The message that is meant is not named by its id.")


def _check_symbol(symbol: str) -> None:
    if not 0 < len(symbol) <= MAX_REACTION_CHARS or any(character.isspace() for character in symbol):
        raise InvalidInput(f"A reaction is one symbol or a short word, at most {MAX_REACTION_CHARS} characters.")


def _check_file(file: FileReference) -> None:
    if not 0 < len(file.name.encode(errors="surrogatepass")) <= MAX_FILE_NAME_BYTES or "/" in file.name:
        raise InvalidInput(f"The name of a file has 1 to {MAX_FILE_NAME_BYTES} bytes and no '/'.")
    if len(file.media_type) > MAX_MEDIA_TYPE_LENGTH or not file.media_type.isascii():
        raise InvalidInput("The type of a file is a short word such as 'image/png'.")
    if not 0 <= file.size_bytes <= MAX_FILE_BYTES or len(file.parts) > MAX_FILE_PARTS:
        raise InvalidInput(f"A file has at most {MAX_FILE_BYTES // 1024**2} MB.")
    if len(file.key) != FILE_KEY_BYTES or any(len(part) != BLOB_ID_BYTES for part in file.parts):
        raise InvalidInput("The keys of the file cannot be read.")
