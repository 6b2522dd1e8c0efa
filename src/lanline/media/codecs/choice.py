"""Which encoder and decoder belong to a codec."""

from __future__ import annotations

from lanline.media.api import Codec, Decoder, Encoder, Layout
from lanline.media.codecs.jpeg import JpegDecoder, JpegEncoder
from lanline.media.codecs.moving import MovingDecoder, MovingEncoder


def make_encoder(codec: Codec, quality: int, fps: float) -> Encoder:
    """`fps` is what the pictures come at: rates are kept by it."""
    return JpegEncoder(quality, fps) if codec is Codec.JPEG else MovingEncoder(codec, quality, fps)


def make_decoder(codec: Codec) -> Decoder:
    return JpegDecoder() if codec is Codec.JPEG else MovingDecoder(codec)


def layout_for(codec: Codec) -> Layout:
    """What the encoder takes as it is, so that a source makes nothing else."""
    return Layout.FULL_YUV if codec is Codec.JPEG else Layout.YUV
