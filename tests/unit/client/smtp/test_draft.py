from __future__ import annotations

import os
from pathlib import Path

import pytest

from lanline.client.smtp.draft import Draft, compose, new_token
from lanline.client.smtp.files import attach, source, text_of
from lanline.errors import InvalidInput


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
