"""FFmpeg, as a media player, watches by RTSP: through the library that we have, as VLC, OBS and ffplay do."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from e2e.cinema import Cinema
from lanline.media import framenumber
from lanline.media.api import Layout
from lanline.media.colours import as_picture


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


def test_sound_is_heard_with_the_picture_that_it_was_captured_with(house: Cinema, tmp_path: Path) -> None:
    """The test beep begins with each picture whose number the pictures of a second divide."""
    options = ["--codec", "h264", "--size", "320x240", "--fps", "20", "--audio", "--rtsp", "0", "--home", str(tmp_path)]
    server, _ = house.serve(*options)
    url = server.wait_out(r"Players: (rtsp://\S+)")[1]
    beeps: list[float] = []
    pictures: dict[int, float] = {}
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=30.0) as container:
        assert container.streams.audio[0].codec_context.name in {"opus", "libopus"}
        is_loud = True
        for frame in container.decode(container.streams.video[0], container.streams.audio[0]):
            if frame.time is None:
                continue  # before the first report of both tracks
            if isinstance(frame, av.VideoFrame):
                pictures[framenumber.read(as_picture(frame, Layout.YUV, 0))] = frame.time
            else:
                was_loud, is_loud = is_loud, bool(abs(frame.to_ndarray().astype(float)).max() > 0.05)
                beeps += [frame.time] if is_loud and not was_loud else []
            if len(beeps) >= 3 and len(pictures) > 60:
                break
    for beep in beeps:  # by the nearest picture that came: a busy machine leaves some out
        number, at = min(pictures.items(), key=lambda picture: abs(picture[1] - beep))
        early_s = (at - number % 20 / 20 - beep + 0.5) % 1.0 - 0.5
        assert abs(early_s) < 0.08, (beeps, pictures)
    assert server.end() == 0
