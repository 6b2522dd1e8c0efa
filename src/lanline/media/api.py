"""The values that travel between sources, codecs and sinks, and what each of the three can do.

    Source --Picture--> Encoder --EncodedFrame--> (network) --EncodedFrame--> Decoder --Picture--> PictureSink
                                                                   or at once --EncodedFrame--> FrameSink
    SoundSource --Sound--> OpusEncoder --EncodedFrame--> (network) --EncodedFrame--> OpusDecoder --Sound--> Speaker

Everything here blocks: a source until its next picture is due, a codec while it computes. One thread uses one object.
Nothing here imports numpy: it is loaded by whoever makes pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Pixels: TypeAlias = "NDArray[np.uint8]"
Samples: TypeAlias = "NDArray[np.int16]"
"""A row for each moment, a column for each channel."""

SOUND_RATE = 48_000
SOUND_CHANNELS = 2
BLOCK_SAMPLES = 960
BLOCK_US = 20_000
"""Sound travels in blocks of so much: the shortest that Opus still encodes well at its usual rates."""

MIN_QUALITY, MAX_QUALITY = 10, 95
"""Of JPEG; the other codecs map it to a bit rate."""
MIN_FPS, MAX_FPS = 1.0, 240.0
KEY_LEFT, KEY_RIGHT, KEY_UP, KEY_DOWN = "left", "right", "up", "down"
"""What a sink calls those keys that are no characters."""


class Codec(Enum):
    JPEG = "jpeg"
    H264 = "h264"
    VP8 = "vp8"
    AV1 = "av1"
    OPUS = "opus"

    @property
    def is_video(self) -> bool:
        return self is not Codec.OPUS

    @property
    def is_intra_only(self) -> bool:
        """Every frame stands alone, so a lost one hurts no other."""
        return self in {Codec.JPEG, Codec.OPUS}


class Layout(Enum):
    RGB = "rgb24"
    """height x width x 3"""
    YUV = "yuv420p"
    """(height + height / 2) x width: a plane of Y, then the rows of U and of V at half size; BT.601, 16 to 235."""
    FULL_YUV = "yuvj420p"
    """The same over 0 to 255, as JPEG has it."""
    HD_YUV = "yuv420p of BT.709"
    """As YUV, but BT.709: a film in HD as it is, since to change a picture of it takes longer than it is shown."""

    @property
    def format(self) -> str:
        """As the library of codecs calls it."""
        return self.value.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Size:
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    pixels: Pixels
    layout: Layout
    captured_at_us: int
    """On `time.monotonic_ns()` of the machine that captured it; at a viewer, when it was complete there."""

    @property
    def size(self) -> Size:
        height, width = self.pixels.shape[:2]
        return Size(width, height if self.layout is Layout.RGB else height * 2 // 3)


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    samples: Samples
    captured_at_us: int
    """When its first sample was captured, on the same clock as pictures."""


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    codec: Codec
    is_key: bool
    captured_at_us: int
    payload: bytes
    width: int
    """0 for sound, and where only the payload itself knows it."""
    height: int


class Source(Protocol):
    """Where pictures come from. `size` and `fps` are what it really gives, not what was asked for."""

    @property
    def size(self) -> Size: ...
    @property
    def fps(self) -> float: ...

    def read(self) -> Picture | None:
        """Blocks until the next picture is due; None at the end. Raises MediaProblem."""

    def close(self) -> None:
        """By the thread that reads, after its last read."""


class SoundSource(Protocol):
    """Where sound comes from, at SOUND_RATE, in blocks of BLOCK_SAMPLES."""

    def read(self) -> Sound | None:
        """Blocks until the next block is there; None after `stop`, and at the end. Raises MediaProblem."""

    def stop(self) -> None:
        """By any thread."""

    def close(self) -> None:
        """By the thread that reads, after its last read."""


class Speaker(Protocol):
    """Plays what it is given, one after the other, at its own pace; silence when it has nothing."""

    def play(self, samples: Samples) -> None: ...

    def ahead_s(self) -> float:
        """After what time something would be heard that was given now."""

    def close(self) -> None: ...


class Encoder(Protocol):
    @property
    def codec(self) -> Codec: ...

    def encode(self, picture: Picture) -> list[EncodedFrame]:
        """One for each picture, as a rule; a codec may keep its first one back. A new size begins with a key frame."""

    def request_key(self) -> None:
        """The next frame is a key frame."""

    def set_bitrate(self, bits_per_s: int) -> None:
        """From the next frame on. JPEG finds the quality that keeps to it."""

    def close(self) -> None: ...


class Decoder(Protocol):
    def decode(self, frame: EncodedFrame) -> list[Picture]:
        """Raises DamagedFrame for what is no frame of this codec; the decoder then waits for a key frame."""

    def close(self) -> None: ...


class PictureSink(Protocol):
    def show(self, picture: Picture) -> None: ...

    def tell(self, line: str) -> None:
        """A line of statistics, which takes the place of the last one."""

    def notify(self, line: str) -> None:
        """Something to know about the picture, or about there being none; empty takes it away."""

    def keys(self) -> list[str]:
        """What was pressed since the last call, as characters; a closed window reports `q`. Also keeps it alive."""

    def close(self) -> None: ...


class FrameSink(Protocol):
    """Takes frames as they were encoded: a file."""

    def write(self, frame: EncodedFrame) -> None: ...

    def close(self) -> None: ...
