from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prompt_toolkit.application import Application, create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from lanline.faces import paste
from lanline.faces.prompt import TypedLines


def fail(app: Application[Any], _: object, context: dict[str, Any]) -> None:
    """In place of the library's traceback on the screen, which waits for Enter."""
    app.exit(exception=context["exception"])


def typed(monkeypatch: pytest.MonkeyPatch, keys: str) -> str | None:
    with create_pipe_input() as keyboard, create_app_session(input=keyboard, output=DummyOutput()):
        monkeypatch.setattr(paste, "create_input", lambda: keyboard)
        monkeypatch.setattr(Application, "_handle_exception", fail)
        lines = TypedLines(lambda _: None)
        keyboard.send_text(f"{keys}\r")
        return asyncio.run(asyncio.wait_for(lines.next_line(), 60))


@pytest.mark.parametrize("sequence", ["\x1b[31m", "\x1b[0m", "\x1b[<0;1;1M"])
def test_a_colour_among_what_is_typed_is_dropped_and_the_line_stays(
    monkeypatch: pytest.MonkeyPatch, sequence: str
) -> None:
    assert typed(monkeypatch, f"red{sequence} paint") == "red paint"


@pytest.mark.parametrize("sequence", ["\x1b\x1b[D", "\x1b\x1bOD", "\x1b[1;3D"])
def test_an_arrow_with_alt_goes_a_word_and_is_no_escape(monkeypatch: pytest.MonkeyPatch, sequence: str) -> None:
    assert typed(monkeypatch, f"red paint{sequence}!") == "red !paint"
