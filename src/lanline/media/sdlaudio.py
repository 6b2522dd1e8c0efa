"""Microphones and speakers through SDL 2, whose library comes with the package and finds PipeWire, PulseAudio, ALSA,
Core Audio or WASAPI by itself. Opens a device for samples of 16 bits, which SDL converts to what the device has.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import warnings
from collections.abc import Iterator

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns that it found its own library, which is what we want
    import sdl2

from lanline.errors import MediaProblem
from lanline.media.api import SOUND_CHANNELS, SOUND_RATE

PERIOD_SAMPLES = 480
BYTES_PER_SAMPLE = 2 * SOUND_CHANNELS


@contextlib.contextmanager
def _quiet_library() -> Iterator[None]:
    """What sound systems write to standard error while they look for devices would stand amid the picture."""
    try:
        kept = os.dup(2)
    except OSError:
        yield  # there is none
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


class SoundDevice:
    """Runs from its opening on."""

    def __init__(self, name: str | None, *, captures: bool) -> None:
        """Raises MediaProblem."""
        with _quiet_library():
            self._open(name, captures=captures)

    def _open(self, name: str | None, *, captures: bool) -> None:
        if sdl2.SDL_InitSubSystem(sdl2.SDL_INIT_AUDIO):
            raise MediaProblem(f"There is no sound on this machine ({_reason()}).")
        wanted = sdl2.SDL_AudioSpec(SOUND_RATE, sdl2.AUDIO_S16SYS, SOUND_CHANNELS, PERIOD_SAMPLES)
        given = sdl2.SDL_AudioSpec(0, 0, 0, 0)
        named = None if name is None else name.encode()
        self.number = sdl2.SDL_OpenAudioDevice(named, int(captures), ctypes.byref(wanted), ctypes.byref(given), 0)
        if not self.number:
            problem = _sentence(name, captures=captures)
            sdl2.SDL_QuitSubSystem(sdl2.SDL_INIT_AUDIO)
            raise MediaProblem(problem)
        self.period_s: float = given.samples / SOUND_RATE
        sdl2.SDL_PauseAudioDevice(self.number, 0)

    @property
    def queued_bytes(self) -> int:
        return int(sdl2.SDL_GetQueuedAudioSize(self.number))

    @property
    def queued_s(self) -> float:
        return self.queued_bytes / BYTES_PER_SAMPLE / SOUND_RATE

    @property
    def is_there(self) -> bool:
        return bool(sdl2.SDL_GetAudioDeviceStatus(self.number) == sdl2.SDL_AUDIO_PLAYING)

    def write(self, data: bytes) -> None:
        sdl2.SDL_QueueAudio(self.number, data, len(data))

    def read(self, size_bytes: int) -> bytes:
        room = ctypes.create_string_buffer(size_bytes)
        return room.raw[: sdl2.SDL_DequeueAudio(self.number, room, size_bytes)]

    def close(self) -> None:
        sdl2.SDL_CloseAudioDevice(self.number)
        sdl2.SDL_QuitSubSystem(sdl2.SDL_INIT_AUDIO)


def _sentence(name: str | None, *, captures: bool) -> str:
    reason, what = _reason(), "microphone" if captures else "speaker"
    names = _names(captures=captures)
    if name is not None and name not in names:
        there = f"There are: {', '.join(names)}." if names else f"There is no {what} here at all."
        return f"There is no {what} {name!r} here. {there}"
    if not names:
        return f"There is no {what} here."
    return f"The {what} cannot be opened ({reason}): is another program using it?"


def _names(*, captures: bool) -> list[str]:
    count = sdl2.SDL_GetNumAudioDevices(int(captures))
    names = [sdl2.SDL_GetAudioDeviceName(number, int(captures)) for number in range(max(0, count))]
    return [name.decode("utf-8", "replace") for name in names if name]


def _reason() -> str:
    return str(sdl2.SDL_GetError().decode("utf-8", "replace")) or "no reason given"
