"""The codecs of frames here and of frames on the wire: the same ones, by their names."""

from __future__ import annotations

from lanline.media.api import Codec
from lanline.wire.video import StreamCodec

_TO_WIRE = {codec: StreamCodec[codec.name] for codec in Codec}
_FROM_WIRE = {wire: codec for codec, wire in _TO_WIRE.items()}


def to_wire(codec: Codec) -> StreamCodec:
    return _TO_WIRE[codec]


def from_wire(codec: StreamCodec) -> Codec:
    return _FROM_WIRE[codec]
