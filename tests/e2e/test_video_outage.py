"""The cable out for a while, between real processes: soon after it is in again, the full size is there as before."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.cinema import Cinema, Program
from e2e.lossyrelay import LossyRelay

MOST_LINES = 6
"""Of figures, one each second."""


def figures(viewer: Program) -> list[str]:
    return re.findall(r"\d+\.\d fps, .*shown", viewer.out.text)


def wait_lines(viewer: Program, count: int, until: Callable[[str], bool] = lambda _: False) -> list[str]:
    """The next lines: so many, or up to one of which it holds."""
    seen = len(figures(viewer))
    viewer.pump(
        lambda: len(figures(viewer)) >= seen + count or any(map(until, figures(viewer)[seen:])),
        f"{count} lines of figures",
    )
    return figures(viewer)[seen:]


def is_full(line: str) -> bool:
    return "640x480" in line and "reduced" not in line and float(line.partition(" fps")[0]) >= 5.0


@pytest.mark.parametrize("codec", ["jpeg", "h264"])
@pytest.mark.parametrize("lines_out", [1, 4])
def test_soon_after_an_outage_the_picture_is_whole_again(
    house: Cinema, tmp_path: Path, codec: str, lines_out: int
) -> None:
    options = ["--home", str(tmp_path / "ann"), "--size", "640x480", "--quality", "40", "--codec", codec]
    server, port = house.serve(*options)
    secrets = server.wait_out(r"lanline-video://[^/]+/#([a-z2-7.]+)")[1]
    way = LossyRelay(port)
    try:
        link = f"lanline-video://127.0.0.1:{way.port}/#{secrets}"
        viewer = house.run("watch", "--home", str(tmp_path / "bob"), link, "--sink", "null", "--stats")
        viewer.pump(lambda: any(map(is_full, figures(viewer))), "full picture")

        def is_soon_whole_again() -> bool:
            way.is_cut.set()
            wait_lines(viewer, lines_out)
            way.is_cut.clear()
            return any(map(is_full, wait_lines(viewer, MOST_LINES, is_full)))

        assert any(is_soon_whole_again() for _ in range(3)), figures(viewer)
        assert viewer.end() == 0
    finally:
        way.close()
