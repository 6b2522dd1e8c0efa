"""Makes the films of the benchmark, with FFmpeg: one of noise, which takes its full rate, one of flashes and beeps."""

from __future__ import annotations

import subprocess
from pathlib import Path

RATES_KBIT = {240: 350, 720: 2_000, 1440: 6_000}
SIZES = {240: "426x240", 720: "1280x720", 1440: "2560x1440"}
SMALL_SIZES = {240: "106x60", 720: "320x180", 1440: "640x360"}
"""Of flashes, which are shown on the same machine that sends them."""
FLASH = "lt(mod(t,1),0.2)"


def make_films(folder: Path, seconds: float, *, flashes: bool = False) -> None:
    """`flashes`: the picture is white and a beep is heard for a fifth of each second."""
    folder.mkdir(parents=True)
    for lines, kbit in RATES_KBIT.items():
        rate = f"{kbit}k"
        picture, sound = f"testsrc2=s={SIZES[lines]}:r=25,noise=alls=12:allf=t", "sine=f=440"
        if flashes:
            picture = f"color=black:s={SMALL_SIZES[lines]}:r=25,drawbox=c=white:t=fill:enable='{FLASH}'"
            sound = f"aevalsrc='0.5*sin(2*PI*880*t)*{FLASH}':s=48000"
        sources = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-t", str(seconds)]
        looks = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", rate, "-maxrate", rate, "-bufsize", rate]
        keys = ["-force_key_frames", "expr:gte(t,n_forced*2)", "-sc_threshold", "0", "-g", "1000"]
        sounds = ["-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart"]
        command = ["ffmpeg", "-v", "error", *sources, *looks, *keys, *sounds, str(folder / f"bench_{lines}p.mp4")]
        subprocess.run(command, check=True)


def make_hls(films: Path, folder: Path) -> None:
    folder.mkdir()
    master = ["#EXTM3U"]
    for lines, kbit in RATES_KBIT.items():
        source = films / f"bench_{lines}p.mp4"
        cut = ["-c", "copy", "-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod", str(folder / f"{lines}.m3u8")]
        command = ["ffmpeg", "-v", "error", "-i", str(source), *cut]
        subprocess.run(command, check=True)
        master += [f"#EXT-X-STREAM-INF:BANDWIDTH={kbit * 1100},RESOLUTION={SIZES[lines]}", f"{lines}.m3u8"]
    (folder / "master.m3u8").write_text("\n".join(master) + "\n")
