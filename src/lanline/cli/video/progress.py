"""Owns the line that tells how far something is, on a terminal; elsewhere nothing is told."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Self

from lanline.cli.nodecall import show_note
from lanline.client.films.bar import clock_text

_WIDTH = 30
_EVERY_S = 0.2


class ProgressBar:
    def __init__(self, title: str) -> None:
        self._title = title
        self._began_at = time.monotonic()
        self._began_with: float | None = None
        self._told_at = 0.0
        self._is_shown = sys.stderr is not None and sys.stderr.isatty()

    def show(self, share: float) -> None:
        """Of 1."""
        now = time.monotonic()
        if self._began_with is None:
            self._began_with = share  # what was done before says nothing about the speed
        if not self._is_shown or (now - self._told_at < _EVERY_S and share < 1):
            return
        self._told_at = now
        done = share - self._began_with
        left = f", {clock_text((now - self._began_at) / done * (1 - share))} left" if done > 0 and share < 1 else ""
        drawn = ("=" * round(_WIDTH * share)).ljust(_WIDTH, ".")
        sys.stderr.write(f"\r{self._title} [{drawn}] {share:.0%}{left}\x1b[K")
        sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            sys.stderr.write("\n")


@contextlib.contextmanager
def said_to_be_kept() -> Iterator[None]:
    """To whoever interrupts what goes on by the same command."""
    try:
        yield
    except KeyboardInterrupt:
        show_note("Not finished. What is done is kept: the same command goes on where it was.")
        raise
