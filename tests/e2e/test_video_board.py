"""At a terminal of 80 columns and 24 rows the link stays on the screen, whatever figures follow on it."""

from __future__ import annotations

import re
from pathlib import Path

from e2e.cinema import Cinema


def rows_below(screen: str, mark: str) -> int:
    """How far the cursor is below the last place of the mark, as a terminal would move it."""
    row = 0
    for part in re.findall(r"\x1b\[(\d+)A|(\n)", screen[screen.rindex(mark) :]):
        row += 1 if part[1] else -int(part[0])
    return row


def test_figures_take_the_place_of_the_last_ones(house: Cinema, tmp_path: Path) -> None:
    place = ["--source", "test", "--host", "127.0.0.1", "--port", "0", "--home", str(tmp_path), "--stats"]
    server = house.run("serve", *place, terminal=(24, 80))
    server.pump(lambda: server.out.text.count("viewers 0, encoding nothing") >= 4, "four lines of figures")
    assert rows_below(server.out.text, "Watch with:") <= 4
    assert server.end() == 0
