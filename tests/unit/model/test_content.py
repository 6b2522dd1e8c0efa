"""What may be said, kind by kind."""

from __future__ import annotations

import pytest

from lanline.errors import InvalidInput
from lanline.model.blobs import MAX_BLOB_BYTES, blob_id
from lanline.model.content import (
    MAX_FILE_BYTES,
    MAX_SAID_BYTES,
    Content,
    Delete,
    Edit,
    FileReference,
    Notice,
    Reaction,
    Reply,
    Text,
    Topic,
    check_content,
)

TARGET, KEY = bytes(16), bytes(32)


@pytest.mark.parametrize(
    "content",
    [
        Text("hi"),
        Text("x" * MAX_SAID_BYTES),
        Text("#:|\x00\x1b"),
        Reply(TARGET, "yes"),
        Edit(TARGET, "no"),
        Delete(TARGET),
        Reaction(TARGET, "👍🏽"),
        Reaction(TARGET, "+1", is_withdrawn=True),
        Notice("built"),
        Topic("tea at four"),
        Topic(""),
        FileReference("a.txt", 0, "", KEY, ()),
        FileReference("ü.png", 7, "image/png", KEY, (blob_id(b"x"),)),
    ],
)
def test_content_within_its_limits_is_fine(content: Content) -> None:
    check_content(content)


@pytest.mark.parametrize(
    "content",
    [
        Text(""),
        Text(" \n"),
        Text("ü" * (MAX_SAID_BYTES // 2 + 1)),
        Notice(""),
        Topic("x" * 301),
        Topic("tea\nat four"),
        Topic(" tea"),
        Topic("\x1b[2J"),
        Reply(b"", "x"),
        Reply(TARGET, ""),
        Edit(TARGET, ""),
        Delete(b"x"),
        Reaction(TARGET, ""),
        Reaction(TARGET, "a b"),
        Reaction(TARGET, "x" * 17),
        FileReference("", 1, "", KEY, ()),
        FileReference("../x", 1, "", KEY, ()),
        FileReference("x" * 256, 1, "", KEY, ()),
        FileReference("x", -1, "", KEY, ()),
        FileReference("x", MAX_FILE_BYTES + 1, "", KEY, ()),
        FileReference("x", 1, "ü", KEY, ()),
        FileReference("x", 1, "", b"", ()),
        FileReference("x", 1, "", KEY, (b"short",)),
        FileReference("x", 1, "", KEY, (bytes(32),) * 1025),
    ],
)
def test_content_beyond_a_limit_is_refused(content: Content) -> None:
    with pytest.raises(InvalidInput):
        check_content(content)


def test_blob_is_known_by_what_is_in_it() -> None:
    assert blob_id(b"x") != blob_id(b"y")
    assert len(blob_id(bytes(MAX_BLOB_BYTES))) == 32
