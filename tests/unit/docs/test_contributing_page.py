"""The walks in CONTRIBUTING.md lead through files that exist, and a message goes through those that it names."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import lanline
from lanline.model.content import Text
from unit.client.chat.sealedvillage import sealed_village  # noqa: F401 -- the fixture
from unit.client.chat.village import Village

PACKAGE = Path(lanline.__file__).parent
PAGE = (PACKAGE.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = [block for block in PAGE.split("```")[1::2] if block.startswith("\n")]
WALKS = [block for block in BLOCKS if "~~ network ~~" in block]
_PATH = re.compile(r"\b[a-z]+(?:/[a-z]+)+\b")
MOST_FILES = 6
"""Of client/chat, before the link."""


def test_every_file_of_a_walk_exists() -> None:
    assert len(WALKS) == 2
    for block in BLOCKS:
        for path in _PATH.findall(block):
            assert any((folder / path).is_dir() or (folder / f"{path}.py").is_file() for folder in _folders()), path


def _folders() -> list[Path]:
    """What the walks leave out in front of a name that is clear without it."""
    return [PACKAGE, PACKAGE / "client" / "chat"]


def chat_files_of_the_walk() -> list[str]:
    """Those of client/chat that the walk of a message names before it is at the link."""
    walk, _, _ = WALKS[1].partition("transport/connection")
    rows = [row for row in walk.splitlines() if row.startswith("client/chat/")]
    named = re.findall(r"\b[a-z/]+\b", " ".join(rows))
    found = [name.removeprefix("client/chat/") for name in named]
    return list(dict.fromkeys(name for name in found if (PACKAGE / "client" / "chat" / f"{name}.py").is_file()))


def visited(work: Callable[[], None]) -> set[str]:
    """The files of client/chat that something was called in, until the message is at the link."""
    found: set[str] = set()
    is_sent = False

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal is_sent
        is_sent = is_sent or frame.f_code.co_name == "send_nowait"
        path = Path(frame.f_code.co_filename)
        if event == "call" and not is_sent and path.is_relative_to(PACKAGE / "client" / "chat"):
            found.add(str(path.relative_to(PACKAGE / "client" / "chat").with_suffix("")))

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    assert is_sent
    return found


def test_a_message_that_is_sent_goes_through_the_files_of_its_walk_which_are_few(
    village: Village,
) -> None:
    outbox = village.homes[0].processes[0].node.outbox
    outbox.say("#lobby", Text("first"), b"a" * 16)
    village.rest_until(lambda: not outbox.messages)
    named = chat_files_of_the_walk()
    assert 3 < len(named) <= MOST_FILES
    assert set(named) <= visited(lambda: outbox.say("#lobby", Text("hi"), b"b" * 16) and None)
