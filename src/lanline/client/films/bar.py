"""The line at the foot of a film: where it is, how much is here, in which quality; and where a person may go."""

from __future__ import annotations

import re

from lanline.errors import InvalidInput
from lanline.model.films import FilmPlan
from lanline.proto.films.playing import Playing, State

_WIDTH = 24
_TIME = re.compile(r"(?:(\d+):)?(?:(\d{1,2}):)?(\d{1,2}(?:\.\d+)?)")


def clock_text(seconds: float) -> str:
    """As 1:30 or 2:01:30."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def parsed_time(text: str) -> float:
    """Seconds, of 90, 1:30 or 0:01:30. Raises InvalidInput."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        if re.fullmatch(r"\d+(\.\d+)?", text.strip()):
            return float(text)
        raise InvalidInput(f"A time is written as 90, 1:30 or 1:02:30, and {text!r} is not.")
    hours, minutes, seconds = found[1], found[2], found[3]
    if hours is not None and minutes is None:
        hours, minutes = None, hours
    if (minutes is not None and float(seconds) >= 60) or (hours is not None and int(minutes or 0) >= 60):
        raise InvalidInput(f"An hour has 60 minutes and a minute 60 seconds, so {text!r} is no time.")
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)


def missing_quality(plan: FilmPlan, lines: int | None) -> str:
    """What to say to whoever asks for this one; nothing where it is there. `lines` None: any is good."""
    there = [each.lines for each in plan.qualities]
    if lines is None or lines in there:
        return ""
    return f"The film is not there in {lines}p, but in {' and '.join(f'{each}p' for each in there)}."


def bar(playing: Playing, lines_shown: int) -> str:
    """`lines_shown`: of the quality of the picture that is to be seen."""
    begins_s, lasts_s = playing.begins_s, max(0.1, playing.ends_s - playing.begins_s)
    shown = round(_WIDTH * (playing.position_s - begins_s) / lasts_s)
    here = round(_WIDTH * (playing.here_to_s - begins_s) / lasts_s)
    drawn = "=" * shown + "-" * max(0, here - shown)
    return (
        f"{_mark(playing)} {clock_text(playing.position_s - begins_s)} / {clock_text(lasts_s)} "
        f"[{drawn.ljust(_WIDTH, '.')[:_WIDTH]}]{_quality(playing, lines_shown)}, {playing.ahead_s:.0f} s ahead"
    )


def _quality(playing: Playing, lines_shown: int) -> str:
    shown = f" {lines_shown}p" if lines_shown else ""
    if playing.fixed_lines is None:
        return f"{shown} auto"
    if playing.lines in {None, lines_shown}:
        return shown
    return f"{shown}, soon {playing.lines}p" if lines_shown else f" soon {playing.lines}p"


def _mark(playing: Playing) -> str:
    if playing.is_paused:
        return "||"
    return "|>" if playing.state is State.RUNNING else ".."
