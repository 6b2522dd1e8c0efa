"""What docs/PROTOCOLS.md says of `lanline peer` is what the command has."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from lanline.cli.peer import peer

PAGE = Path(__file__).resolve().parents[3] / "docs" / "PROTOCOLS.md"
_ROW = re.compile(r"^\| `--([a-z-]+)` \| ([^|]+) \|", re.MULTILINE)


def test_the_options_and_their_defaults_are_those_of_the_command() -> None:
    parameters = inspect.signature(peer).parameters
    rows = _ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(rows) >= 6
    for option, stated in rows:
        default = parameters[option.replace("-", "_")].default
        assert stated in {str(default), "none" if default is None else "off", "your login name"}, option


def test_every_option_on_the_page_exists() -> None:
    known = {name.replace("_", "-") for name in inspect.signature(peer).parameters}
    text = PAGE.read_text(encoding="utf-8")
    used = {
        option for line in text.splitlines() if "lanline peer" in line for option in re.findall(r"--([a-z-]+)", line)
    }
    assert used - known - {"help"} == set()
