"""Times from the wire as a person's clock has them. A server may say any number, and not each is a moment."""

from __future__ import annotations

import datetime as dt


def moment(time_ms: int) -> dt.datetime | None:
    """Local time; None for what is none."""
    try:
        return dt.datetime.fromtimestamp(time_ms / 1000, dt.UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return None
