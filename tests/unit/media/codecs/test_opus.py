from __future__ import annotations

import numpy as np
import pytest

from lanline.errors import DamagedFrame
from lanline.media.api import BLOCK_SAMPLES, Codec, EncodedFrame, Samples, Sound
from lanline.media.codecs.opus import OpusDecoder, OpusEncoder
from lanline.media.concealment import faded, silence, stretched


def tone(number: int = 0) -> Samples:
    times = np.arange(number * BLOCK_SAMPLES, (number + 1) * BLOCK_SAMPLES) / 48_000
    wave = (8000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)
    return np.repeat(wave[:, None], 2, axis=1)


def test_a_tone_comes_out_as_it_went_in_block_for_block_with_its_times() -> None:
    encoder, decoder = OpusEncoder(), OpusDecoder()
    heard = [decoder.decode(frame) for n in range(20) for frame in encoder.encode(Sound(tone(n), 5_000_000 + n))]
    assert [sound.captured_at_us for sound in heard] == [5_000_000 + n for n in range(20)]
    assert {len(sound.samples) for sound in heard} == {BLOCK_SAMPLES}
    wave = np.concatenate([sound.samples[:, 0] for sound in heard])[4800:].astype(float)
    spectrum = np.abs(np.fft.rfft(wave))
    assert abs(np.argmax(spectrum) * 48_000 / len(wave) - 440) < 5
    assert 0.8 < np.abs(wave).max() / 8000 < 1.2


@pytest.mark.parametrize("payload", [b"", b"\xff" * 100])
def test_what_is_no_opus_is_damage_and_the_next_frame_is_heard(payload: bytes) -> None:
    decoder = OpusDecoder()
    with pytest.raises(DamagedFrame):
        decoder.decode(EncodedFrame(Codec.OPUS, True, 0, payload, 0, 0))
    frame = OpusEncoder().encode(Sound(tone(), 0))[0]
    assert len(decoder.decode(frame).samples) == BLOCK_SAMPLES


def test_what_stands_in_for_missing_sound_begins_where_it_stopped_and_ends_in_silence() -> None:
    last = tone()
    made = faded(last, BLOCK_SAMPLES)
    assert abs(int(made[0, 0]) - int(last[-1, 0])) < 50
    assert not made[-1].any()
    assert not silence(10).any()


def test_stretched_sound_has_the_same_ends() -> None:
    made = stretched(tone(), BLOCK_SAMPLES + 8)
    assert len(made) == BLOCK_SAMPLES + 8
    assert (made[0] == tone()[0]).all()
    assert (made[-1] == tone()[-1]).all()
