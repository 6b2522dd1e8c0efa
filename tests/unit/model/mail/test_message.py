"""Whole messages, read back by another implementation: the parser of Python's `email`."""

from __future__ import annotations

import datetime as dt
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import InvalidInput
from lanline.model.mail.address import parse_mailbox
from lanline.model.mail.message import Attachment, Message, checked_field, checked_media_type
from lanline.model.mail.text import checked_line, checked_unicode

ANN, BOB, EVE = (parse_mailbox(f"{name}@example.org", "x") for name in ("ann", "bob", "eve"))
NOON = dt.datetime(2026, 3, 4, 12, 0, tzinfo=dt.UTC)


def message(**changes: object) -> Message:
    return Message(**({"sender": ANN, "to": (BOB,), "text": "hi", "date": NOON, "token": "t1"} | changes))


def wire(written: Message) -> bytes:
    parcel = written.parcel()
    content = b"".join(parcel.chunks())
    assert len(content) == parcel.size_bytes
    return content


def read(written: Message) -> EmailMessage:
    parsed = BytesParser(policy=email.policy.default).parsebytes(wire(written))
    assert not parsed.defects
    return parsed


def attachment(name: str, data: bytes, media_type: str = "application/octet-stream") -> Attachment:
    def chunks() -> Iterator[bytes]:
        for start in range(0, len(data), 100):
            yield data[start : start + 100]

    return Attachment(name, media_type, len(data), chunks)


def test_a_plain_message_has_the_fields_that_it_needs_and_no_others() -> None:
    parsed = read(message(subject="Grüße"))
    assert parsed.keys() == [
        "Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
    ]  # fmt: skip
    assert parsed["Subject"] == "Grüße"
    assert parsed["Message-ID"] == "<t1@example.org>"
    assert parsed.get_content() == "hi\r\n"


def test_bcc_is_in_the_envelope_and_nowhere_in_the_message() -> None:
    written = message(cc=(ANN,), bcc=(EVE,))
    assert written.parcel().envelope.recipients == ("bob@example.org", "ann@example.org", "eve@example.org")
    assert b"eve" not in wire(written)


def test_only_bcc_names_nobody() -> None:
    assert read(message(to=(), bcc=(EVE,)))["To"] == "undisclosed-recipients:;"


def test_a_recipient_named_twice_gets_it_once() -> None:
    assert message(cc=(BOB,), bcc=(BOB,)).parcel().envelope.recipients == ("bob@example.org",)


def test_text_html_and_attachments_are_nested_as_readers_expect() -> None:
    data = bytes(range(256)) * 3
    parsed = read(message(html="<p>hi ü", attachments=(attachment("bücher.pdf", data), attachment("b", b""))))
    assert parsed.get_content_type() == "multipart/mixed"
    assert parsed.get_body(("html",)).get_content() == "<p>hi ü\r\n"
    assert parsed.get_body(("plain",)).get_content() == "hi\r\n"
    first, second = parsed.iter_attachments()
    assert (first.get_filename(), first.get_content()) == ("bücher.pdf", data)
    assert (second.get_filename(), second.get_content()) == ("b", b"")


def test_the_same_message_gives_the_same_bytes_each_time() -> None:
    written = message(html="x", attachments=(attachment("a", b"data"),))
    parcel = written.parcel()
    assert b"".join(parcel.chunks()) == b"".join(parcel.chunks())


def test_an_international_local_part_asks_for_smtputf8_wherever_it_stands() -> None:
    joerg = parse_mailbox("jörg@example.org", "x")
    for written in (message(sender=joerg), message(bcc=(joerg,)), message(extra_fields=(("Reply-To", joerg.address),))):
        assert written.parcel().envelope.smtputf8
    assert not message(subject="ü", sender=parse_mailbox("Jörg <j@bücher.example>", "x")).parcel().envelope.smtputf8


@pytest.mark.parametrize(
    "name", ["", "Sub ject", "X:", "Ü", "X\r\nBcc", "X" * 61, "Subject", "bcc", "Content-Type", "DATE"]
)
def test_a_field_name_that_is_none_or_not_the_persons_own_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        checked_field(name, "value")


def test_names_in_reply_to_are_encoded_and_the_address_is_not() -> None:
    parsed = read(message(extra_fields=(checked_field("Reply-To", "Jörg <j@example.org>, b@example.org"),)))
    assert [a.addr_spec for a in parsed["Reply-To"].addresses] == ["j@example.org", "b@example.org"]
    assert parsed["Reply-To"].addresses[0].display_name == "Jörg"


@pytest.mark.parametrize("media_type", [None, "message/rfc822", "multipart/mixed", "x", "a/b\r\nX: y", 'a/b"'])
def test_a_media_type_that_must_not_be_base64_is_bytes(media_type: str | None) -> None:
    assert checked_media_type(media_type) == "application/octet-stream"


ANYTHING = st.text(max_size=60) | st.text(st.sampled_from('\r\n\0 :<>@,"\\;=?ab.org'), max_size=40)


@given(ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING)
def test_nothing_that_is_typed_becomes_a_field_a_part_or_a_line_of_its_own(
    name: str, value: str, text: str, html: str, display: str, file_name: str
) -> None:
    """Each text that passes its check, in one message: as many fields and parts as were asked for, and no more."""
    fields: list[tuple[str, str]] = []
    try:
        checked_unicode(text + html, "x")
    except InvalidInput:
        text = html = "y"
    for field in ((name, value), ("X-Fixed", value)):
        try:
            fields.append(checked_field(*field))
        except InvalidInput:
            continue
    clean: list[str] = []
    for line in (value, display, file_name):
        try:
            clean.append(checked_line(line, "x"))
        except InvalidInput:
            clean.append("z")
    sender = parse_mailbox('"' + clean[1].replace("\\", "\\\\").replace('"', '\\"') + '" <ann@example.org>', "x")
    written = message(
        sender=sender,
        subject=clean[0],
        text=text,
        html=html,
        extra_fields=tuple(fields),
        attachments=(attachment(clean[2] or "n", b"data"),),
    )
    content = wire(written)
    assert content.count(b"\r") == content.count(b"\n") == content.count(b"\r\n")
    parsed = BytesParser(policy=email.policy.compat32).parsebytes(content)
    assert parsed.keys() == [
        "Date", "From", "To", "Subject", "Message-ID", *[name for name, _ in fields], "MIME-Version", "Content-Type",
    ]  # fmt: skip
    kinds = [part.get_content_type() for part in parsed.walk()]
    assert kinds == ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/octet-stream"]
    assert parsed["From"].removesuffix(">").endswith("ann@example.org")
