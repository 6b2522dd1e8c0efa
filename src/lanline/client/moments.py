"""Owns how times from the wire are written: for a person in local time, for a program in UTC.

A server may say any number, and not each is a moment.
"""

from __future__ import annotations

import datetime as dt

_FUTURE_MS = 10 * 60 * 1000


def moment(time_ms: int) -> dt.datetime | None:
    """Local time; None for what is none."""
    try:
        return dt.datetime.fromtimestamp(time_ms / 1000, dt.UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return None


def clock_text(time_ms: int, now_ms: int) -> str:
    at = moment(time_ms)
    return at.strftime("%H:%M") + doubt(time_ms, now_ms) if at else "--:--"


def second_text(time_ms: int) -> str:
    at = moment(time_ms)
    return at.strftime("%H:%M:%S") if at else "--:--:--"


def doubt(time_ms: int, now_ms: int) -> str:
    """A mark for what would be said in the future: one of the clocks is wrong."""
    return "?" if time_ms > now_ms + _FUTURE_MS else ""


def day_text(time_ms: int) -> str:
    at = moment(time_ms)
    return at.strftime("%A, %Y-%m-%d") if at else ""


def when_text(time_ms: int, now_ms: int) -> str:
    """The time, and the day as well unless it is today."""
    at, now = moment(time_ms), moment(now_ms)
    if at is None or now is None:
        return "--:--"
    shown = at.strftime("%H:%M") if at.date() == now.date() else at.strftime("%Y-%m-%d %H:%M")
    return shown + doubt(time_ms, now_ms)


def utc_text(time_ms: int) -> str | None:
    """For programs; None for a number that is no time."""
    at = moment(time_ms)
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def minute_text(time_ms: int, now_ms: int) -> str:
    """Always with the day."""
    at = moment(time_ms)
    return at.strftime("%Y-%m-%d %H:%M") + doubt(time_ms, now_ms) if at else "----------------"
