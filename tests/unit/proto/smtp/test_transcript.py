from lanline.model.mail.refusal import Reply
from lanline.proto.smtp.transcript import Transcript


def test_a_secret_is_masked_in_what_the_server_says() -> None:
    lines: list[str] = []
    transcript = Transcript(lines.append)
    transcript.hide("hunter2", "AGFubgBodW50ZXIy", "dGVzdGVy==", "")
    transcript.server(transcript.masked(Reply(535, "no: hunter2\nAGFubgBodW50ZXIy dGVzdGVy dGVzdGVy==")))
    assert lines == ["S: 535-no: ***", "S: 535 *** *** ***"]


def test_a_short_secret_is_not_told_by_where_the_mask_stands() -> None:
    """A mask in place of each `on` would spell the password out."""
    transcript = Transcript()
    transcript.hide("on")
    reply = Reply(535, "Authentication failed: on again")
    assert transcript.masked(reply, in_sign_in=True) == Reply(535, "***")
    assert transcript.masked(reply) == reply


def test_control_characters_of_a_server_are_shown_as_escapes() -> None:
    lines: list[str] = []
    Transcript(lines.append).server(Reply(250, "\x1b]0;title\x07\x9b2J"))
    assert lines == ["S: 250 \\x1b]0;title\\x07\\x9b2J"]
