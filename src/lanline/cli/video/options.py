"""What the commands of `lanline video` share: ports, sizes, and the words for libraries that are not there."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from lanline.errors import InvalidInput

if TYPE_CHECKING:
    from lanline.media.api import Size
    from lanline.media.sources.screen import Region

DEFAULT_PORT = 6000
ALL_ADDRESSES = "0.0.0.0"  # noqa: S104 -- a viewer may come from anywhere
LEAST_DATAGRAM_BYTES, MOST_DATAGRAM_BYTES = 64, 65_507
_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})", re.IGNORECASE)
_REGION = re.compile(r"(\d+x\d+)\+(\d{1,5})\+(\d{1,5})", re.IGNORECASE)
_SMALLEST, _LARGEST = 16, 8192


def check_range(name: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not least <= value <= most:  # also when it is no number
        raise InvalidInput(f"{name} goes from {least:,g} to {most:,}; {value:g} is out of that.")


@contextlib.contextmanager
def needs_libraries() -> Iterator[None]:
    try:
        yield
    except ImportError as cause:
        raise InvalidInput(
            f"Video needs libraries that are not installed ({cause.name}): in a clone of Lanline, "
            "pipx install --force '.[video]'; what make run starts has them."
        ) from cause


def parse_size(text: str | None) -> Size | None:
    from lanline.media.api import Size

    if text is None:
        return None
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(f"A size is written as 1280x720, and {text!r} is not.")
    size = Size(int(found[1]), int(found[2]))
    if not all(_SMALLEST <= side <= _LARGEST for side in (size.width, size.height)):
        raise InvalidInput(f"A picture has {_SMALLEST} to {_LARGEST} pixels on each side; {size} is out of that.")
    return size


def parse_region(text: str | None) -> Region | None:
    from lanline.media.sources.screen import Region

    if text is None:
        return None
    found = _REGION.fullmatch(text.strip())
    size = parse_size(found[1]) if found else None
    if found is None or size is None:
        raise InvalidInput(f"A part of the screen is written as 640x480+100+50, and {text!r} is not.")
    return Region(size, int(found[2]), int(found[3]))


async def for_so_long(work: Coroutine[Any, Any, None], duration_s: float | None) -> None:
    """Do it until it ends, or until the time is over, which is no failure."""
    timeout = asyncio.timeout(duration_s)
    try:
        async with timeout:
            await work
    except TimeoutError:
        if not timeout.expired():
            raise


def refuse_unused(given: dict[str, bool], because: str) -> None:
    """Options that would do nothing: each with whether it was given."""
    unused = [name for name, is_given in given.items() if is_given]
    if unused:
        raise InvalidInput(f"{' and '.join(unused)} would do nothing here: {because}.")


def say(line: str) -> None:
    """At once, also into a pipe. That nobody reads it is no reason to stop the picture."""
    _write(sys.stdout, line)


def say_aside(line: str) -> None:
    _write(sys.stderr, line)


def _write(stream: object, line: str) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(line, file=stream, flush=True)  # type: ignore[call-overload]
