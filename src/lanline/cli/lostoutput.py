"""Owns what happens when an output cannot be written to any more."""

from __future__ import annotations

import contextlib
import os


def give_output_up(descriptor: int = 1) -> None:
    """Or what is left of it in the buffer would fail once more at the end of the program."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
