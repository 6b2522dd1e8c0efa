"""FFmpeg, as a media player, watches by RTSP: through the library that we have, as VLC, OBS and ffplay do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from e2e.cinema import Cinema, cinema
from lanline.media import framenumber
from lanline.media.api import Layout
from lanline.media.colours import as_picture


@pytest.fixture(name="house")
def _house() -> Iterator[Cinema]:
    with cinema() as made:
        yield made


@pytest.mark.parametrize("transport", ["tcp", "any"])
def test_a_player_shows_the_pictures_in_order(house: Cinema, tmp_path: Path, transport: str) -> None:
    options = ["--codec", "h264", "--size", "320x240", "--rtsp", "0", "--home", str(tmp_path)]
    server, _ = house.serve(*options)
    url = server.wait_out(r"Players: (rtsp://\S+)")[1]
    asked = {} if transport == "any" else {"rtsp_transport": transport}
    numbers: list[int] = []
    with av.open(url, options=asked, timeout=30.0) as container:
        for frame in container.decode(video=0):
            numbers.append(framenumber.read(as_picture(frame, Layout.YUV, 0)))
            if len(numbers) == 20:
                break
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 20
    assert server.end() == 0
