"""What a viewer needs of whatever receives video for it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from lanline.media.api import EncodedFrame


class Counts(msgspec.Struct, frozen=True):
    """Since the start."""

    frames_complete: int = 0
    bytes_received: int = 0
    loss: str = ""
    """In the words of the format."""


class Feed(Protocol):
    @property
    def source(self) -> str:
        """Where it comes from, for people."""

    @property
    def is_refused(self) -> bool:
        """Its host answers that nothing serves video there."""

    @property
    def other_format(self) -> str:
        """What to do, where its host serves the other format; empty where that is not known."""

    @property
    def has_answered(self) -> bool:
        """Something serves video there, whether or not a picture has come."""

    @property
    def is_still(self) -> bool:
        """Nothing comes because the picture does not change."""

    @property
    def has_sound(self) -> bool:
        """Sound comes with the picture."""

    @property
    def description(self) -> str:
        """Of the picture that comes now: size, codec, and whether it is reduced, and why. Empty before the first."""

    @property
    def advice(self) -> str:
        """What would help, where the picture is poor; empty where it is not."""

    def counts(self) -> Counts: ...

    async def take(self, timeout_s: float) -> list[EncodedFrame]:
        """The frames that are complete and were not taken yet; pictures in order. None when none came for so long."""

    def request_key(self) -> None:
        """The picture is broken, and a key frame would heal it."""

    def limit_height(self, most_lines: int) -> None:
        """No larger picture than this, from now on; 0 is what the link carries."""

    def refuse_sound(self) -> None:
        """It cannot be heard here."""

    def close(self) -> None: ...
