"""Owns how a person confirms something: by yes or no, or, where it cannot be undone, by typing its name.

Not what they are told before.
"""

from __future__ import annotations

import sys

from lanline.errors import InvalidInput


def is_terminal() -> bool:
    """Somebody types here, and sees what is answered."""
    return sys.stdin is not None and sys.stdout is not None and sys.stdin.isatty() and sys.stdout.isatty()


def can_ask() -> bool:
    """Somebody sits at a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def agreed(question: str, matter: str = "this is meant") -> bool:
    """Raises InvalidInput when nobody is there to ask."""
    if not can_ask():
        raise InvalidInput(f"There is nobody to ask whether {matter}: run it at a terminal, or add --yes.")
    return input(f"{question} (yes or no) ").strip().lower() in {"y", "yes"}


def confirmed(name: str) -> None:
    """Raises InvalidInput when they did not, or when nobody is there to ask."""
    if not can_ask():
        raise InvalidInput("There is nobody to ask whether this is meant: run it at a terminal, or add --yes.")
    sys.stdout.write(f"Type {name} to delete it, or press Enter to keep it: ")
    sys.stdout.flush()
    if sys.stdin.readline().strip() != name:
        raise InvalidInput("That is not the name: nothing was deleted.")
