from __future__ import annotations

import email.policy
import os
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.client.smtp.draft import Draft, compose, new_token, raw_parcel, raw_source
from lanline.client.smtp.files import attach, crlf_lines, source, text_of
from lanline.errors import InvalidInput
from lanline.model.mail.message import LongText, Parcel


def test_tokens_sort_by_time_and_never_repeat() -> None:
    tokens = [new_token() for _ in range(1000)]
    assert len(set(tokens)) == 1000
    moments = [token.rpartition(".")[0] for token in tokens]
    assert moments == sorted(moments)


def test_a_message_without_a_recipient_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no recipient"):
        compose(Draft(sender="ann@example.org"))


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.pdf", "application/pdf"),
        ("a.tar.gz", "application/octet-stream"),
        ("a.eml", "message/rfc822"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a", "application/octet-stream"),
        ("a.PNG", "image/png"),
    ],
)
def test_the_media_type_comes_from_the_name(tmp_path: Path, name: str, media_type: str) -> None:
    (tmp_path / name).write_bytes(b"data")
    assert attach(str(tmp_path / name)).media_type == media_type


def test_an_attachment_is_read_anew_each_time(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 200_000)
    attachment = attach(str(tmp_path / "a"))
    assert b"".join(attachment.chunks()) == b"".join(attachment.chunks()) == b"x" * 200_000


def test_a_file_name_that_cannot_be_sent_is_replaced_and_told(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9\n.txt"
    with open(path, "wb"):  # noqa: PTH123  a path in bytes
        pass
    told: list[str] = []
    assert attach(os.fsdecode(path), warn=told.append).name == "caf\ufffd_.txt"
    assert len(told) == 1
    assert "caf" in told[0]


def test_a_text_over_the_limit_is_for_an_attachment(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as stream:
        stream.truncate(32_000_001)
    with pytest.raises(InvalidInput, match="--attach"):
        text_of(source(str(tmp_path / "big"), "The text file"))


def parsed(draft: Draft) -> EmailMessage:
    parcel = compose(draft)
    content = b"".join(parcel.chunks())
    assert len(content) == parcel.size_bytes
    return BytesParser(policy=email.policy.default).parsebytes(content)


def drafted(**changes: object) -> Draft:
    return Draft(**({"sender": "ann@x.org", "to": ("b@x.org",), "text": "hi"} | changes))


def test_a_text_attachment_says_its_charset_and_a_message_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Grüße")
    (tmp_path / "b.txt").write_bytes(b"Gr\xfc\xdfe")
    (tmp_path / "c.eml").write_bytes(b"Subject: x\n\nhello\n")
    (tmp_path / "d.eml").write_bytes(b"Subject: x\n\nhell\xf6\n")
    paths = tuple(str(tmp_path / name) for name in ("a.txt", "b.txt", "c.eml", "d.eml"))
    utf8, latin1, mail, other = parsed(drafted(attachments=paths)).iter_attachments()
    assert (utf8.get_content(), utf8.get_param("charset")) == ("Grüße", "utf-8")
    assert (latin1.get_payload(decode=True), latin1.get_param("charset")) == (b"Gr\xfc\xdfe", None)
    assert mail.get_content_type() == "message/rfc822"
    assert mail.get_content()["Subject"] == "x"
    assert other.get_content_type() == "application/octet-stream"


def test_a_picture_stands_where_the_html_says(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"picture")
    found = parsed(drafted(html='<img src="cid:a.png">', inline=(str(tmp_path / "a.png"),)))
    related = found.get_body(("related",))
    assert related is not None
    _, picture = related.iter_parts()
    assert (picture["Content-ID"], picture.get_content()) == ("<a.png>", b"picture")
    assert found.get_body(("plain",)).get_content() == "hi\r\n"


@pytest.mark.parametrize("name", ["a b.png", "ä.png", "a%20b.png", "a>b.png"])
def test_a_picture_whose_name_cid_cannot_take_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"picture")
    with pytest.raises(InvalidInput, match="rename the file"):
        parsed(drafted(html="x", inline=(str(tmp_path / name),)))


def test_an_id_and_a_date_of_ones_own_are_kept() -> None:
    found = parsed(drafted(message_id="own.1@x.org", date="2026-03-04T12:00:00+01:00"))
    assert (found["Message-ID"], found["Date"]) == ("<own.1@x.org>", "Wed, 04 Mar 2026 12:00:00 +0100")
    assert parsed(drafted(date="Thu, 1 Jan 2026 00:00:00 +0000"))["Date"] == "Thu, 01 Jan 2026 00:00:00 +0000"


def test_a_long_text_is_read_from_the_disk_and_arrives_whole(tmp_path: Path) -> None:
    words = "Grüße,\r\nund so fort\n" * 100_000 + "end"
    (tmp_path / "long").write_bytes(words.encode())
    text = text_of(source(str(tmp_path / "long"), "The text file"))
    assert isinstance(text, LongText)
    content = parsed(drafted(text=text)).get_payload(decode=True)
    assert content == (words.replace("\r\n", "\n").replace("\n", "\r\n") + "\r\n").encode()


@given(st.lists(st.binary(max_size=9) | st.sampled_from([b"\r", b"\n", b"\r\n"]), max_size=9))
def test_line_breaks_are_made_the_same_wherever_the_pieces_end(pieces: list[bytes]) -> None:
    whole = b"".join(pieces).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    whole += b"" if whole.endswith(b"\n") or not whole else b"\r\n"
    assert b"".join(crlf_lines(pieces)) == whole


RAW = b"From: A <ann@x.org>\nTo: b@x.org,\n c@x.org\nbCC: secret@x.org\nX: 1\n\nTo: not@x.org\n"


def raw(content: bytes = RAW, **changes: object) -> Parcel:
    lines = iter(content.splitlines(keepends=True))
    return raw_parcel(raw_source(lines, dot_ends=False), **changes)


def test_a_whole_message_goes_as_it_is_without_its_bcc() -> None:
    parcel = raw(are_in_header=True)
    assert parcel.envelope.sender == "ann@x.org"
    assert parcel.envelope.recipients == ("b@x.org", "c@x.org", "secret@x.org")
    content = b"".join(parcel.chunks())
    assert len(content) == parcel.size_bytes
    assert content.startswith(b"From: A <ann@x.org>\r\nTo: b@x.org,\r\n c@x.org\r\nX: 1\r\nDate: ")
    assert content.endswith(b"\r\n\r\nTo: not@x.org\r\n")
    assert b"secret@" not in content


def test_a_message_that_is_sent_again_goes_to_those_it_is_sent_again_to() -> None:
    parcel = raw(b"Resent-From: r@x.org\nResent-To: new@x.org\n" + RAW, are_in_header=True)
    assert (parcel.envelope.sender, parcel.envelope.recipients) == ("r@x.org", ("new@x.org",))


@pytest.mark.parametrize("content", [b"", b"\n", b"just words\n", b"From ann Thu Jan  1\nSubject: x\n\nhi\n"])
def test_what_lacks_a_header_gets_one(content: bytes) -> None:
    parcel = raw(content, to=("b@x.org",), sender="ann@x.org")
    found = BytesParser(policy=email.policy.default).parsebytes(b"".join(parcel.chunks()))
    assert not found.defects
    assert {"From", "Date", "Message-ID"} <= set(found.keys())


@pytest.mark.parametrize(("sender", "to"), [(None, ("b@x.org",)), ("a@x.org", ())])
def test_a_whole_message_without_sender_or_recipient_is_refused(sender: str | None, to: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput):
        raw(b"Subject: x\n\nhi\n", sender=sender, to=to)
