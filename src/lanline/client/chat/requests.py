"""Requests under way on one link, by their number."""

from __future__ import annotations

from collections.abc import Callable

from lanline.errors import LinkNotOpen, RequestRefused
from lanline.wire.chat.messages import ServerMessage

Answer = ServerMessage | RequestRefused | LinkNotOpen
OnAnswer = Callable[[Answer], None]
