"""Tiny films for tests: a flash and a beep at each whole second, and a key frame every second."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 48_000
FLASH_S = 0.2


def make_film(
    path: Path,
    seconds: float = 6.0,
    *,
    size: tuple[int, int] = (64, 36),
    fps: int = 10,
    key_every: int = 10,
    has_sound: bool = True,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    skips: bool = False,
    **options: str,
) -> Path:
    """`skips`: every third picture is missing, so that their rate varies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    settings = {"preset": "ultrafast", "g": str(key_every), "sc_threshold": "0"} if codec == "libx264" else {}
    with av.open(str(path), "w", options=options) as container:
        pictures = container.add_stream(codec, rate=fps, options=settings)
        pictures.width, pictures.height, pictures.pix_fmt = width, height, pixels
        sound = container.add_stream("aac", rate=RATE, layout="stereo") if has_sound else None
        at = 0
        for number in range(round(seconds * fps)):
            if not (skips and number % 3 == 2):
                frame = av.VideoFrame.from_ndarray(_picture(number / fps, width, height), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, fps)
                container.mux(pictures.encode(frame))
            while sound is not None and at < (number + 1) * RATE // fps:
                container.mux(sound.encode(beep(at)))
                at += 1024
        container.mux(pictures.encode(None))
        if sound is not None:
            container.mux(sound.encode(None))
    return path


def turned(path: Path) -> Path:
    """As a telephone does that is held upright: the pictures lie, and a matrix tells how to turn them."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def _picture(at_s: float, width: int, height: int) -> np.ndarray:
    pixels = np.full((height, width, 3), 255 if at_s % 1.0 < FLASH_S - 0.001 else 16, dtype=np.uint8)
    pixels[height // 2 :] = int(at_s * 20) % 200
    return pixels


def beep(at: int) -> av.AudioFrame:
    places = np.arange(at, at + 1024) / RATE
    wave = (np.sin(places * 2 * np.pi * 880) * 12_000 * (places % 1.0 < FLASH_S)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2).reshape(1, -1), format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
    return frame


def make_library(data: Path, name: str = "lake", seconds: float = 6.0) -> Path:
    """A film in its three qualities, in the folder of a server's data."""
    for lines, size in ((240, (64, 36)), (720, (96, 54)), (1440, (128, 72))):
        make_film(data / "videos" / f"{name}_{lines}p.mp4", seconds, size=size)
    return data / "videos"
