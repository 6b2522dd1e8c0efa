from lanline.model.mail.refusal import Reply
from lanline.transport.smtp.transcript import Transcript


def test_a_secret_is_masked_in_what_the_server_says() -> None:
    lines: list[str] = []
    transcript = Transcript(lines.append)
    transcript.hide("hunter2", "AGFubgBodW50ZXIy", "YQ==", "")
    transcript.server(Reply(535, transcript.masked("no: hunter2\nAGFubgBodW50ZXIy YQ YQ==")))
    assert lines == ["S: 535-no: ***", "S: 535 *** *** ***"]


def test_control_characters_of_a_server_are_shown_as_escapes() -> None:
    lines: list[str] = []
    Transcript(lines.append).server(Reply(250, "\x1b]0;title\x07\x9b2J"))
    assert lines == ["S: 250 \\x1b]0;title\\x07\\x9b2J"]
