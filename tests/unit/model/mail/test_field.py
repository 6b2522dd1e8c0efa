import email.policy
from email.header import decode_header, make_header
from email.parser import BytesParser
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import InvalidInput
from lanline.model.mail.address import Mailbox
from lanline.model.mail.field import mailbox_field, parameter, text_field

LINE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=300)


def read_back(field: bytes) -> str:
    """As a mail reader does."""
    parsed = BytesParser(policy=email.policy.default).parsebytes(field + b"\r\n")
    assert len(parsed.keys()) == 1
    return str(parsed["Subject"])


@given(LINE)
def test_any_line_of_text_is_read_back_as_it_was(text: str) -> None:
    field = text_field("Subject", text)
    assert read_back(field) == text
    assert field.isascii()
    assert all(len(line) <= 998 for line in field.split(b"\r\n"))


@given(st.text(st.sampled_from('ab =?_-\t"\\<>,ü'), max_size=200))
def test_text_that_looks_like_syntax_is_read_back_as_it_was(text: str) -> None:
    assert read_back(text_field("Subject", text)) == text


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=80).map(str.strip))
def test_any_display_name_is_read_back_with_its_address(name: str) -> None:
    field = mailbox_field("To", [Mailbox(name, "ann@example.org"), Mailbox("", "bob@example.org")])
    parsed = BytesParser(policy=email.policy.compat32).parsebytes(field + b"\r\n")
    (phrase, ann), (nothing, bob) = getaddresses([parsed["To"]])
    assert (ann, nothing, bob) == ("ann@example.org", "", "bob@example.org")
    assert str(make_header(decode_header(phrase))) == name


def test_lines_with_encoded_words_keep_to_76_characters() -> None:
    field = text_field("Subject", "Grüße aus der Werkstatt, " * 30)
    assert all(len(line) <= 76 for line in field.split(b"\r\n"))


def test_many_recipients_are_folded_between_addresses() -> None:
    field = mailbox_field("To", [Mailbox("", f"person{number}@example.org") for number in range(100)])
    lines = field.split(b"\r\n")
    assert len(lines) > 25
    assert all(len(line) <= 78 for line in lines)


def test_a_field_that_servers_would_cut_off_is_refused() -> None:
    with pytest.raises(InvalidInput, match="Bcc"):
        mailbox_field("To", [Mailbox("", f"somebody.number{number}@example.org") for number in range(4000)])


@given(
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=200)
    .map(str.strip)
    .filter(bool)
)
def test_any_file_name_is_read_back_as_it_was(name: str) -> None:
    field = f"Content-Disposition: attachment{parameter('filename', name)}\r\n\r\n".encode()
    parsed = BytesParser(policy=email.policy.default).parsebytes(field)
    assert parsed.get_filename() == name
    assert field.isascii()
