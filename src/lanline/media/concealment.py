"""What is heard in place of sound that did not come, and how sound is made a little longer or shorter.

The last block is played backwards while it fades: it begins where the sound stopped, so that nothing clicks. Who is
missing more than that hears silence.
"""

from __future__ import annotations

import numpy as np

from lanline.media.api import SOUND_CHANNELS, Samples

_FADE_IN = 96
"""2 ms, after silence."""


def silence(count: int) -> Samples:
    return np.zeros((count, SOUND_CHANNELS), dtype=np.int16)


def faded(last: Samples, count: int) -> Samples:
    """`count` samples in place of what should have followed on `last`."""
    made = silence(count)
    backwards = last[::-1][:count]
    slope = np.linspace(1.0, 0.0, len(backwards))[:, None]
    made[: len(backwards)] = (backwards * slope).astype(np.int16)
    return made


def louder(samples: Samples, factor: float) -> Samples:
    """Or quieter; what is too loud is cut off."""
    return samples if factor == 1.0 else np.clip(samples * factor, -32768, 32767).astype(np.int16)


def begun(samples: Samples) -> Samples:
    """The same, risen from silence."""
    made = samples.copy()
    made[:_FADE_IN] = (samples[:_FADE_IN] * np.linspace(0.0, 1.0, len(samples[:_FADE_IN]))[:, None]).astype(np.int16)
    return made


def stretched(samples: Samples, count: int) -> Samples:
    """The same sound in `count` samples; below one in a hundred nobody hears it."""
    if count == len(samples):
        return samples
    places = np.linspace(0, len(samples) - 1, count)
    known = np.arange(len(samples))
    channels = [np.interp(places, known, samples[:, channel]) for channel in range(samples.shape[1])]
    return np.stack(channels, axis=1).astype(np.int16)
