"""One picture, encoded once for each rung that somebody watches. Opens an encoder when a rung is wanted, and lets it go
when nobody watches it any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lanline.client.video.codecs import to_wire
from lanline.errors import MediaProblem
from lanline.media.api import Codec, EncodedFrame, Encoder, Layout, Picture, Size
from lanline.media.colours import Colours, even
from lanline.media.stillness import Stillness
from lanline.proto.media.outgoingstream import StreamPlan

HEIGHTS = (240, 480, 720, 1080)
_BITS_PER_PIXEL = {Codec.JPEG: 0.45, Codec.H264: 0.09, Codec.VP8: 0.10, Codec.AV1: 0.06}
"""What looks well and still moves smoothly; of the test pattern and of a face at 30 pictures a second."""

_THIN_EVERY = 4
_JPEG_HEIGHT = 120
"""JPEG takes several times the bits of the others: it has one more step down."""
_LEAST_FPS = 2.0
_RECORDED_KEYS_APART_US = 3_500_000
"""So that a file has one at least every four seconds."""

_BETTER_FOR_US = 1_500_000
_STEADY_EVERY_US = 1_000_000

MakeEncoder = Callable[[int], Encoder]
"""For the rung with this number."""


def plan_rungs(codec: Codec, source: Size, fps: float) -> list[StreamPlan]:
    """The usual heights that are smaller than the source, and its own; and before them the smallest once more, with
    fewer pictures: a link that is too slow for it shows something that moves.
    """
    heights = [height for height in HEIGHTS if height < source.height] + [source.height]
    sizes = [even(Size(round(source.width * height / source.height), height)) for height in heights]
    every = min(_THIN_EVERY, int(fps / _LEAST_FPS))
    thin = [_plan(codec, sizes[0], fps, every)] if every > 1 else []
    if thin and codec is Codec.JPEG and sizes[0].height > _JPEG_HEIGHT:
        small = even(Size(round(source.width * _JPEG_HEIGHT / source.height), _JPEG_HEIGHT))
        thin.insert(0, _plan(codec, small, fps, every))
    return thin + [_plan(codec, size, fps) for size in sizes]


def _plan(codec: Codec, size: Size, fps: float, every: int = 1) -> StreamPlan:
    bits_per_s = round(_BITS_PER_PIXEL[codec] * size.width * size.height * fps / every)
    return StreamPlan(to_wire(codec), size.width, size.height, bits_per_s, every)


def only_encodable(plans: list[StreamPlan], check: Callable[[Size], None]) -> list[StreamPlan]:
    """Without the smallest, as far as they are too small for the codec. `check` raises MediaProblem, and so does this
    when not even the own size is to be had: now, and not when the first viewer has come.
    """
    *smaller, own = plans
    check(_size_of(own))
    while smaller:
        try:
            check(_size_of(smaller[0]))
        except MediaProblem:
            del smaller[0]
        else:
            break
    return [*smaller, own]


def _size_of(plan: StreamPlan) -> Size:
    return Size(plan.width, plan.height)


class RungEncoders:
    """Of one thread, except for `want` and `request_key`, which any may call. Numbers beyond those of the plans are the
    same rungs once more, for recordings: with key frames by themselves.
    """

    def __init__(self, plans: Sequence[StreamPlan], make_encoder: MakeEncoder, layout: Layout) -> None:
        self._sizes = [_size_of(plan) for plan in plans]
        self._every = [plan.every for plan in plans]
        self._is_intra_only = all(plan.codec.is_intra_only for plan in plans)
        self._pictures = 0
        self._make_encoder = make_encoder
        self._layout = layout
        self._wanted: frozenset[int] = frozenset()
        self._keys: set[int] = set()
        self._encoders: dict[int, Encoder] = {}
        self._colours: dict[int, Colours] = {}
        self._key_due_us: dict[int, int] = {}
        """Of those for recordings."""
        self._stillness = Stillness()
        self._encoded: dict[int, tuple[int, int]] = {}
        """Rung -> since when the picture stood that was encoded last, and when that was captured."""
        self.steady: frozenset[int] = frozenset()
        """Those that are to have a frame each second, also when nothing changes."""
        self.standing: list[int] = []
        """Those of which the last picture was none that had to be encoded: nothing had changed."""

    def want(self, rungs: frozenset[int]) -> None:
        self._wanted = rungs

    def request_key(self, rung: int) -> None:
        self._keys.add(rung)

    def encode(self, picture: Picture) -> list[tuple[int, EncodedFrame]]:
        wanted = self._wanted
        self._pictures += 1
        for rung in set(self._encoders) - wanted:
            self._encoders.pop(rung).close()
        since_us = self._stillness.since_us(picture) if wanted else 0
        self.standing = []
        return [(rung, frame) for rung in sorted(wanted) for frame in self._encode(rung, picture, since_us)]

    def _encode(self, rung: int, picture: Picture, since_us: int) -> list[EncodedFrame]:
        encoder = self._encoders.get(rung)
        plan = rung % len(self._sizes)
        if rung != plan and picture.captured_at_us >= self._key_due_us.get(rung, 0):
            self._keys.add(rung)
        wants_key = rung in self._keys
        if encoder is not None and not wants_key:
            if self._pictures % self._every[plan]:
                return []
            if self._stands(rung, picture.captured_at_us, since_us):
                self.standing.append(rung)
                return []
        self._encoded[rung] = since_us, picture.captured_at_us
        if wants_key:  # and only then: one that is asked for meanwhile, in the other thread, stays asked for
            self._keys.discard(rung)
        if encoder is None:
            encoder = self._encoders[rung] = self._make_encoder(plan)
        elif wants_key:
            encoder.request_key()
        if wants_key:
            self._key_due_us[rung] = picture.captured_at_us + _RECORDED_KEYS_APART_US
        size = self._sizes[plan]
        if picture.size != size:
            picture = self._colours.setdefault(rung, Colours()).change(picture, self._layout, size)
        return encoder.encode(picture)

    def _stands(self, rung: int, now_us: int, since_us: int) -> bool:
        encoded_since_us, encoded_us = self._encoded[rung]
        if encoded_since_us != since_us:
            return False
        is_steady = rung in self.steady or rung >= len(self._sizes)
        if is_steady and now_us - encoded_us >= _STEADY_EVERY_US:
            return False
        # Frames that depend on each other become better for a while, though nothing changes.
        return self._is_intra_only or now_us - since_us >= _BETTER_FOR_US

    def close(self) -> None:
        for encoder in self._encoders.values():
            encoder.close()
        self._encoders.clear()
