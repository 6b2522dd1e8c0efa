"""A picture that does not change, between real processes: hardly anything is sent, all is well, and a recording of it
lasts as long as it was shown and can be sought in.
"""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
import pytest

from e2e.cinema import Cinema, Program
from lanline.media.api import Layout, Picture
from lanline.media.sinks.snapshot import save_picture

MOST_MBIT_PER_S = 0.2


def rates(viewer: Program) -> list[float]:
    return [float(found) for found in re.findall(r"([\d.]+) Mbit/s, [^\n]* still", viewer.out.text)]


@pytest.mark.parametrize("codec", ["jpeg", "h264"])
def test_a_picture_that_stands_costs_next_to_nothing(house: Cinema, tmp_path: Path, codec: str) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    save_picture(Picture(noise, Layout.RGB, 0), folder)
    home = str(tmp_path / "ann")
    _, port = house.serve("--home", home, "--codec", codec, "--no-audio", source=f"folder:{folder}")
    place = ("--home", home, "--server-host", "127.0.0.1", "--server-port", str(port))
    recorded = tmp_path / "film.mkv"
    recording = house.run("watch", *place, "--sink", str(recorded), "--stats")
    viewer = house.run("watch", *place, "--sink", "null", "--stats")
    viewer.pump(lambda: any(rate <= MOST_MBIT_PER_S for rate in rates(viewer)), "quiet second")
    seen = len(rates(viewer))
    viewer.pump(lambda: len(rates(viewer)) >= seen + 4, "four more")
    assert sorted(rates(viewer)[seen:])[1] <= MOST_MBIT_PER_S
    assert "No video" not in viewer.out.text + viewer.aside.text
    recording.pump(lambda: len(re.findall("shown", recording.aside.text)) >= 9, "nine seconds")
    assert (viewer.end(), recording.end()) == (0, 0)
    with av.open(str(recorded)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        times = [float(packet.pts * packet.time_base) for packet in packets if packet.pts is not None]
        keys = [time for time, packet in zip(times, packets, strict=True) if packet.is_keyframe]
    assert times[-1] >= 5.0
    assert max(later - earlier for earlier, later in zip(keys, [*keys[1:], times[-1]], strict=True)) <= 4.6
