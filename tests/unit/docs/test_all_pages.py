"""On every page: each link leads to a page and a heading that are there, each command exists and takes its options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from lanline.cli.commands import app

ROOT = Path(__file__).resolve().parents[3]
PAGES = {str(page.relative_to(ROOT)): page for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))}
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
_COMMAND = re.compile(r"(?<![\w/-])(?<!inject )lanline (.+)")
_OPTION = re.compile(r"--?[a-zA-Z][a-zA-Z-]*")
ROOT_COMMAND = typer.main.get_command(app)


def headings(page: Path) -> set[str]:
    lines = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL).splitlines()
    titles = [line.lstrip("#").strip().lower() for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    page = PAGES[name]
    for path, heading in _LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / path) if path else page
        assert target.exists(), path
        assert not heading or target.suffix != ".md" or heading in headings(target), f"{path}#{heading}"


def commands_on(page: Path) -> list[str]:
    """What stands behind `lanline` in code: in blocks, and between two backticks."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = [span.replace("\n", " ") for span in re.findall(r"`(lanline [^`]+)`", rest)]
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [match.group(1).strip() for line in (*lines, *spans) for match in _COMMAND.finditer(line)]


def words_of(typed: str) -> list[str]:
    """Without a comment, and up to the next command of a pipe."""
    cut = re.split(r"\s#\s|\s[|<>]\s|\s&&?\s|\s{2,}|;|\)", typed)[0]
    try:
        return shlex.split(cut)
    except ValueError:
        return cut.split()


@pytest.mark.parametrize("name", [name for name in PAGES if name != "CHANGELOG.md" and "/protocol/" not in name])
def test_every_command_exists_and_takes_its_options(name: str) -> None:
    """The changelog tells also of what was; in the protocols `lanline` begins labels."""
    for typed in commands_on(PAGES[name]):
        command: Any = ROOT_COMMAND
        words = words_of(typed)
        while words and hasattr(command, "get_command") and re.fullmatch(r"[a-z][a-z-]*", words[0]):
            found = command.get_command(typer.Context(command), words[0])
            if found is None and command is not ROOT_COMMAND:
                break
            assert found is not None, typed
            command = found.make_context(words[0], [], resilient_parsing=True).command  # which loads it
            words.pop(0)
        if [parameter.name for parameter in command.params] == ["words"]:
            continue  # `lanline smtp` reads its options itself
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        used = {word.partition("=")[0] for word in words if _OPTION.fullmatch(word.partition("=")[0])}
        assert used <= known | {"--help", "-h"}, typed
