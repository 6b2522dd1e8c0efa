"""FFmpeg as a sender and a receiver of the same pictures, by its own means: H.264 over MPEG-TS in UDP, and over RTP."""

from __future__ import annotations

import shutil
from pathlib import Path

from lanline.media.framenumber import square_size
from videofeed import FPS, SIZE

KEY_EVERY = 30
RATE = "3M"
TIMEOUT_US = 3_000_000
SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=numbers
c=IN IP4 127.0.0.1
t=0 0
m=video {port} RTP/AVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1
"""

_QUIET = ("-hide_banner", "-loglevel", "error", "-nostdin")


def why_no_ffmpeg() -> str | None:
    return None if shutil.which("ffmpeg") else "needs FFmpeg"


def sender(carrier: str, port: int) -> list[str]:
    """Raw pictures on its standard input. Key frames carry their parameters, so that a receiver may begin at any."""
    picture = f"{SIZE.width}x{SIZE.height}"
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", str(KEY_EVERY), "-b:v", RATE]
    source = ["-f", "rawvideo", "-pix_fmt", "yuvj420p", "-s", picture, "-r", f"{FPS:g}", "-i", "-"]
    bounds = ["-maxrate", RATE, "-bufsize", "200k", "-pix_fmt", "yuv420p", "-bsf:v", "dump_extra"]
    if carrier == "udp":
        sink = ["-f", "mpegts", "-flush_packets", "1", f"udp://127.0.0.1:{port}?pkt_size=1128"]
    else:
        sink = ["-f", "rtp", "-payload_type", "96", f"rtp://127.0.0.1:{port}?pkt_size=1200"]
    return ["ffmpeg", *(word for word in _QUIET if word != "-nostdin"), *source, *encoder, *bounds, *sink]


def receiver(carrier: str, port: int, folder: Path) -> list[str]:
    """The rows with the number, as grey, to its standard output; as early as it can be made to show them."""
    rows = ["-vf", f"crop={SIZE.width}:{square_size(SIZE.width)}:0:0", "-f", "rawvideo", "-pix_fmt", "gray"]
    early = ["-fflags", "nobuffer", "-flags", "low_delay", "-probesize", "32768", "-analyzeduration", "0"]
    if carrier == "udp":
        source = ["-f", "mpegts", "-i", f"udp://127.0.0.1:{port}?timeout={TIMEOUT_US}&fifo_size=100000"]
    else:
        description = folder / f"rtp{port}.sdp"
        description.write_text(SDP.format(port=port))
        source = ["-protocol_whitelist", "file,udp,rtp", "-reorder_queue_size", "0", "-i", str(description)]
    return ["ffmpeg", *_QUIET, *early, *source, "-fps_mode", "passthrough", *rows, "-flush_packets", "1", "-"]
