import smtplib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import InvalidInput
from lanline.proto.smtp.wire import Stuffing

LINES = st.lists(st.text(st.sampled_from(".ab"), max_size=4).map(str.encode), max_size=12).map(
    lambda lines: b"".join(line + b"\r\n" for line in lines)
)


def stuffed(content: bytes, cuts: list[int]) -> bytes:
    stuffing, out, start = Stuffing(), b"", 0
    for cut in sorted({min(cut, len(content)) for cut in cuts}):
        out += stuffing.feed(content[start:cut])
        start = cut
    return out + stuffing.feed(content[start:]) + stuffing.finish()


@given(LINES, st.lists(st.integers(0, 60), max_size=8))
def test_cut_anywhere_it_is_what_another_client_sends(content: bytes, cuts: list[int]) -> None:
    assert stuffed(content, cuts) == smtplib._quote_periods(content) + b".\r\n"


@given(
    st.binary(max_size=40) | st.text(st.sampled_from("\r\n.a")).map(str.encode),
    st.lists(st.integers(0, 40), max_size=6),
)
def test_nothing_but_whole_lines_gets_through(content: bytes, cuts: list[int]) -> None:
    bare = content.replace(b"\r\n", b"")
    if b"\r" in bare or b"\n" in bare or not (content == b"" or content.endswith(b"\r\n")):
        with pytest.raises(InvalidInput):
            stuffed(content, cuts)
    else:
        assert stuffed(content, cuts).count(b"\r\n.\r\n") == (1 if content else 0)
