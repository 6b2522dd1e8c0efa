"""The channels that every link carries, and what each promises. Order is priority: control goes out before all else."""

from __future__ import annotations

from enum import IntEnum


class Channel(IntEnum):
    CONTROL = 0
    CHAT = 1
    MEDIA = 2
    BULK = 3


RELIABLE_CHANNELS = (Channel.CONTROL, Channel.CHAT, Channel.BULK)
"""Every message arrives, once and in order, or the link reports that it failed."""

UNRELIABLE_CHANNELS = (Channel.MEDIA,)
"""A message arrives whole, at most once, or not at all; it has to fit into one packet."""
