import smtplib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import InvalidInput
from lanline.model.mail.refusal import Reply
from lanline.proto.smtp.wire import SmtpTranscript, Stuffing

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


def test_a_secret_is_masked_in_what_the_server_says() -> None:
    lines: list[str] = []
    transcript = SmtpTranscript(lines.append)
    transcript.hide("hunter2", "AGFubgBodW50ZXIy", "dGVzdGVy==", "")
    transcript.server(transcript.masked(Reply(535, "no: hunter2\nAGFubgBodW50ZXIy dGVzdGVy dGVzdGVy==")))
    assert lines == ["S: 535-no: ***", "S: 535 *** *** ***"]


def test_a_short_secret_is_not_told_by_where_the_mask_stands() -> None:
    """A mask in place of each `on` would spell the password out."""
    transcript = SmtpTranscript()
    transcript.hide("on")
    reply = Reply(535, "Authentication failed: on again")
    assert transcript.masked(reply, in_sign_in=True) == Reply(535, "***")
    assert transcript.masked(reply) == reply


def test_control_characters_of_a_server_are_shown_as_escapes() -> None:
    lines: list[str] = []
    SmtpTranscript(lines.append).server(Reply(250, "\x1b]0;title\x07\x9b2J"))
    assert lines == ["S: 250 \\x1b]0;title\\x07\\x9b2J"]
