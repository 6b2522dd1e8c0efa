from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

from lanline.faces.paste import PasteParser


def parser(limit_bytes: int = 1000) -> tuple[PasteParser, list[KeyPress]]:
    keys: list[KeyPress] = []
    return PasteParser(keys.append, limit_bytes), keys


def pasted(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


@given(st.text(alphabet="ab\x1b[201~é\n", max_size=60).filter(lambda text: "\x1b[201~" not in text), st.integers(1, 20))
def test_a_paste_comes_whole_however_it_is_cut(text: str, size: int) -> None:
    taken, keys = parser()
    taken.feed("x")
    # The start mark arrives in one read; cut, it is the library's own way.
    taken.feed("\x1b[200~")
    rest = text + "\x1b[201~y"
    for start in range(0, len(rest), size):
        taken.feed(rest[start : start + size])
    assert [key.data for key in keys] == ["x", text, "y"]
    assert keys[1].key is Keys.BracketedPaste


def test_two_pastes_in_one_read_are_two() -> None:
    taken, keys = parser()
    taken.feed(pasted("one") + pasted("two"))
    assert [key.data for key in keys] == ["one", "two"]


def test_a_paste_over_the_limit_is_counted_and_not_kept() -> None:
    taken, keys = parser(limit_bytes=10)
    taken.feed(pasted("é" * 6))
    assert (keys[0].data, taken.refused_bytes) == ("", 12)
    taken.feed(pasted("short"))
    assert (keys[1].data, taken.refused_bytes) == ("short", 0)


def test_ten_megabytes_are_refused_in_a_moment() -> None:
    taken, keys = parser(limit_bytes=1024 * 1024)
    taken.feed("\x1b[200~")
    started = time.process_time()
    for _ in range(10 * 1024):
        taken.feed("x" * 1024)
    taken.feed("\x1b[201~")
    assert taken.refused_bytes == 10 * 1024 * 1024
    assert keys[0].data == ""
    assert time.process_time() - started < 2.0
