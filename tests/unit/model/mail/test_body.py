import base64
import quopri
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lanline.model.mail.body import base64_lines, base64_size_bytes, encoded_text


def decoded(encoding: str, content: bytes) -> bytes:
    if encoding == "base64":
        return base64.b64decode(content)
    return quopri.decodestring(content) if encoding == "quoted-printable" else content


def meant(text: str) -> bytes:
    """Line breaks in their canonical form, and one at the end."""
    lines = re.sub("\r?\n", "\r\n", text)
    return (lines if lines.endswith("\n") or not lines else lines + "\r\n").encode()


@given(st.text(st.characters(exclude_categories=("Cs",))))
@example(".\n..\n.\n")
@example("From here\nFrom there")
@example("x" * 2000)
@example("a\rb\0c\x1a\x1b[2J")
@example("trailing blanks  \nand tabs\t\n-- \n")
@example("=\n==\n=3D\n")
@example("\n\n\n")
def test_any_text_is_read_back_as_it_was(text: str) -> None:
    encoding, content = encoded_text(text)
    assert decoded(encoding, content) == meant(text)


@given(st.text(st.characters(exclude_categories=("Cs",))) | st.text(st.sampled_from("From .\r\n\0ü "), max_size=300))
def test_what_goes_out_gives_no_server_a_reason_to_change_it(text: str) -> None:
    _, content = encoded_text(text)
    assert content.isascii()
    assert b"\0" not in content
    assert content.count(b"\r") == content.count(b"\n") == content.count(b"\r\n")
    for line in content.split(b"\r\n"):
        assert len(line) <= 998
        assert not line.startswith(b"From ")
        assert not line.endswith((b" ", b"\t"))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("plain words\n", "7bit"), ("Grüße\n" + "words " * 20, "quoted-printable"), ("Привет, мир\n" * 9, "base64")],
)
def test_the_encoding_keeps_text_readable_where_it_can(text: str, encoding: str) -> None:
    assert encoded_text(text)[0] == encoding


@given(st.binary(max_size=2000), st.integers(1, 500))
def test_base64_in_pieces_is_base64_as_a_whole(data: bytes, piece: int) -> None:
    chunks = [data[start : start + piece] for start in range(0, len(data), piece)]
    encoded = b"".join(base64_lines(chunks))
    assert base64.b64decode(encoded) == data
    assert len(encoded) == base64_size_bytes(len(data))
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
