"""How good H.264 looks at the bit rate that it takes, beside x264's preset `veryfast` with the tuning `zerolatency` out
of the same library, as FFmpeg runs it; and what the encoding costs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from lanline.media.api import Codec, EncodedFrame, Layout, Picture, Size
from lanline.media.codecs.moving import MovingDecoder, MovingEncoder
from lanline.media.colours import as_frame
from section import Options, Section, table

NAME = "videoquality"
SIZE = Size(1280, 720)
FPS = 30
PICTURES, QUICK_PICTURES = 150, 45
RATES = (1_500_000, 3_000_000, 6_000_000)
SETTLED_AFTER = 15
"""Pictures: the first ones are worse everywhere, for they begin with nothing."""


def pictures(count: int) -> Iterator[Picture]:
    """Detailed: a texture of many scales that drifts and turns brighter, with leaves of noise that move over it."""
    rng = np.random.default_rng(7)
    height, width = SIZE.height, SIZE.width
    ground = np.zeros((height * 2, width * 2))
    for scale in (2, 4, 8, 16, 32, 64):
        coarse = rng.normal(0, 1, (-(-height * 2 // scale), -(-width * 2 // scale)))
        ground += np.kron(coarse, np.ones((scale, scale)))[: height * 2, : width * 2] * scale**0.5 * 3
    ground = np.clip(128 + ground, 16, 235)
    leaf = np.clip(128 + rng.normal(0, 25, (160, 160)), 16, 235)
    chroma = np.clip(128 + np.kron(rng.normal(0, 12, (height // 16, width // 16)), np.ones((16, 16))), 16, 240)
    for number in range(count):
        left, top = 2 * number % width, number % height
        luma = ground[top : top + height, left : left + width].copy()
        for place in range(4):
            x, y = (300 * place + 5 * number) % (width - 160), (170 * place + 3 * number) % (height - 160)
            luma[y : y + 160, x : x + 160] = leaf
        flat = np.concatenate([luma.reshape(-1), chroma[::2, ::2].reshape(-1), chroma[1::2, 1::2].reshape(-1)])
        pixels = flat.astype(np.uint8)[: height * width * 3 // 2].reshape(height * 3 // 2, width)
        yield Picture(pixels, Layout.YUV, number * 1_000_000 // FPS)


@dataclass(frozen=True, slots=True)
class Encoded:
    frames: list[EncodedFrame]
    cpu_s: float

    @property
    def bits_per_s(self) -> float:
        return sum(len(frame.payload) for frame in self.frames) * 8 * FPS / len(self.frames)


def by_us(drawn: list[Picture], bits_per_s: int) -> Encoded:
    encoder = MovingEncoder(Codec.H264, 60, FPS)
    encoder.set_bitrate(bits_per_s)
    begun = time.process_time()
    frames = [frame for picture in drawn for frame in encoder.encode(picture)]
    spent = time.process_time() - begun
    encoder.close()
    return Encoded(frames, spent)


def by_veryfast(drawn: list[Picture], bits_per_s: int) -> Encoded:
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = SIZE.width, SIZE.height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS)
    context.bit_rate, context.gop_size, context.thread_count = bits_per_s, 1_000_000, 1
    bounds = {"maxrate": str(bits_per_s), "bufsize": str(bits_per_s // 3)}
    context.options = {"preset": "veryfast", "tune": "zerolatency"} | bounds
    context.open()
    begun = time.process_time()
    frames = []
    for number, picture in enumerate(drawn):
        frame = as_frame(picture)
        frame.pts = number
        frames += [
            EncodedFrame(Codec.H264, packet.is_keyframe, 0, bytes(packet), SIZE.width, SIZE.height)
            for packet in context.encode(frame)
        ]
    return Encoded(frames, time.process_time() - begun)


def psnr_db(drawn: list[Picture], encoded: Encoded) -> float:
    """Of the light, on average over the pictures."""
    decoder = MovingDecoder(Codec.H264)
    shown = [picture for frame in encoded.frames for picture in decoder.decode(frame)]
    height = SIZE.height
    each = []
    for wanted, got in list(zip(drawn, shown, strict=True))[SETTLED_AFTER:]:
        error = wanted.pixels[:height].astype(np.float32) - got.pixels[:height]
        each.append(10 * np.log10(255**2 / max(1e-9, float(np.mean(error**2)))))
    return float(np.mean(each))


ENCODERS = {"Lanline": by_us, "x264 veryfast, zerolatency": by_veryfast}


async def measure(options: Options) -> Section:
    drawn = await asyncio.to_thread(lambda: list(pictures(QUICK_PICTURES if options.quick else PICTURES)))
    figures = {
        f"{rate / 1e6:g}": {name: _known(drawn, encode(drawn, rate)) for name, encode in ENCODERS.items()}
        for rate in RATES
    }
    rows = [[rate, *map(_cell, row.values())] for rate, row in figures.items()]
    return Section(
        name=NAME,
        title="Live video: quality of H.264 at the same bit rate",
        setting=(
            f"{len(drawn)} detailed pictures of {SIZE} at {FPS} a second that drift, encoded without key frames but "
            "the first, with a buffer of a third of a second. The mean PSNR of the light of the decoded pictures, the "
            "bit rate that it took, and the CPU time of one picture, on one thread. x264 is the same library in both."
        ),
        tables=[table(["Mbit/s asked", *ENCODERS], rows)],
        figures=figures,
    )


def _known(drawn: list[Picture], encoded: Encoded) -> dict[str, float]:
    return {
        "bits_per_s": encoded.bits_per_s,
        "psnr_db": psnr_db(drawn, encoded),
        "cpu_ms": 1000 * encoded.cpu_s / len(drawn),
    }


def _cell(known: dict[str, float]) -> str:
    return f"{known['psnr_db']:.2f} dB, {known['bits_per_s'] / 1e6:.2f} Mbit/s, {known['cpu_ms']:.1f} ms"
