"""The program in docs/video.md, and other people's players behind it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.cinema import TRIES, Cinema, is_whole, numbers_in, painted_number

FFMPEG = shutil.which("ffmpeg")
FFPROBE = shutil.which("ffprobe")
PAGE = Path(__file__).parents[2] / "docs" / "video.md"


@pytest.fixture(name="program")
def _program(tmp_path: Path) -> Path:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    path = tmp_path / "viewer.py"
    path.write_text(found[1], encoding="utf-8")
    return path


def test_the_program_of_the_page_watches_our_server(house: Cinema, program: Path) -> None:
    _, port = house.serve("--plain", "--size", "640x360")
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", str(program), "127.0.0.1", str(port)], stdout=subprocess.PIPE
    ) as viewer:
        assert viewer.stdout is not None
        try:
            data, numbers = b"", list[int]()
            # As many as it takes until ten come one after the other, on a busy machine too.
            while not any(is_whole(numbers[start : start + 10], 10) for start in range(len(numbers) - 9)):
                piece = viewer.stdout.read1()
                assert piece
                data += piece
                assert len(numbers) < 300, "each time some were left out, which is more than a busy machine"
                *whole, data = re.split(rb"(?=\xff\xd8\xff\xe0)", data)
                numbers += [painted_number(picture) for picture in whole if picture]
        finally:
            viewer.kill()
    assert numbers == sorted(set(numbers))


@pytest.mark.skipif(FFMPEG is None, reason="ffmpeg is not installed (Debian: ffmpeg)")
def test_ffmpeg_plays_what_the_program_of_the_page_hands_it(house: Cinema, program: Path, tmp_path: Path) -> None:
    assert FFMPEG is not None
    _, port = house.serve("--plain", "--size", "640x360")
    for number in range(TRIES):
        film = tmp_path / f"film{number}.mkv"
        command = [FFMPEG, "-loglevel", "error", "-f", "mjpeg", "-i", "-", "-frames:v", "10", "-c", "copy", str(film)]
        with subprocess.Popen(
            [sys.executable, "-W", "ignore", str(program), "127.0.0.1", str(port)], stdout=subprocess.PIPE
        ) as viewer:
            try:
                subprocess.run(command, stdin=viewer.stdout, check=True, timeout=60)
            finally:
                viewer.kill()
        if is_whole(numbers_in(film), 10):
            return
    pytest.fail("each time some were left out, which is more than a busy machine")


@pytest.mark.skipif(FFPROBE is None, reason="ffprobe is not installed (Debian: ffmpeg)")
@pytest.mark.parametrize(
    ("codec", "name", "ending"), [("jpeg", "mjpeg", "mp4"), ("h264", "h264", "mp4"), ("vp8", "vp8", "webm")]
)
def test_ffmpeg_reads_our_recordings(house: Cinema, tmp_path: Path, codec: str, name: str, ending: str) -> None:
    assert FFPROBE is not None
    server, _ = house.serve("--codec", codec, "--size", "320x240", "--home", str(tmp_path / "ann"))
    link = server.wait_out(r"'(lanline-video://[^']+)'")[1]
    film = tmp_path / f"film.{ending}"
    viewer = house.run("watch", link, "--home", str(tmp_path / "bob"), "--sink", str(film), "--stats")
    viewer.wait_aside(r"[2345]\d shown")
    assert viewer.end() == 0
    command = [FFPROBE, "-loglevel", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames"]
    said = subprocess.run(
        [*command, "-of", "csv=p=0", str(film)], capture_output=True, text=True, check=True, timeout=60
    )
    found = re.fullmatch(r"(\w+),(\d+)\s*", said.stdout)
    assert found, said
    assert found[1] == name
    assert int(found[2]) >= 15
    assert said.stderr == ""
