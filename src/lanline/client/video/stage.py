"""Where frames become something to see, or a file. Everything here is called in the thread of the viewing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lanline.errors import DamagedFrame
from lanline.media.api import Codec, Decoder, EncodedFrame, FrameSink, Picture, PictureSink


class Stage(Protocol):
    @property
    def keeps_sound(self) -> bool:
        """It takes sound among the frames, as they come. Others are given pictures only, at their time."""

    def put(self, frames: list[EncodedFrame]) -> int:
        """How many pictures of them were shown, or written."""

    def tell(self, line: str) -> None: ...
    def notify(self, line: str) -> None: ...
    def keys(self) -> list[str]: ...
    def close(self) -> None: ...


class PictureStage:
    keeps_sound = False

    def __init__(
        self, sink: PictureSink, make_decoder: Callable[[Codec], Decoder], on_damage: Callable[[], None]
    ) -> None:
        self._sink = sink
        self._make_decoder = make_decoder
        self._on_damage = on_damage
        self._codec: Codec | None = None
        self._decoder: Decoder | None = None
        self.tell, self.notify, self.keys = sink.tell, sink.notify, sink.keys

    def put(self, frames: list[EncodedFrame]) -> int:
        """The newest is shown. What leads to it is decoded only where it must be."""
        if frames[-1].codec.is_intra_only:
            frames = frames[-1:]
        pictures = [picture for frame in frames for picture in self._decoded(frame)]
        if not pictures:
            return 0
        self._sink.show(pictures[-1])
        return 1

    def _decoded(self, frame: EncodedFrame) -> list[Picture]:
        if self._decoder is None or frame.codec is not self._codec:
            self._decoder, self._codec = self._make_decoder(frame.codec), frame.codec
        try:
            return self._decoder.decode(frame)
        except DamagedFrame:
            self._on_damage()
            return []

    def close(self) -> None:
        if self._decoder is not None:
            self._decoder.close()
        self._sink.close()


class RecordingStage:
    keeps_sound = True

    def __init__(self, sink: FrameSink, say: Callable[[str], None], on_damage: Callable[[], None]) -> None:
        self._sink = sink
        self._say = say
        self._on_damage = on_damage
        self.close = sink.close

    def put(self, frames: list[EncodedFrame]) -> int:
        written = 0
        for frame in frames:
            try:
                self._sink.write(frame)
                written += frame.codec.is_video
            except DamagedFrame:
                self._on_damage()
        return written

    def tell(self, line: str) -> None:
        self._say(line)

    def notify(self, line: str) -> None:
        """Said by the viewing, to whoever started it."""

    def keys(self) -> list[str]:
        return []
