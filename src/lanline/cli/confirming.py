"""Owns how a person confirms what cannot be undone: by typing its name. Not what they are told before."""

from __future__ import annotations

import sys

from lanline.errors import InvalidInput


def confirmed(name: str) -> None:
    """Raises InvalidInput when they did not, or when nobody is there to ask."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise InvalidInput("There is nobody to ask whether this is meant: run it at a terminal, or add --yes.")
    sys.stdout.write(f"Type {name} to delete it, or press Enter to keep it: ")
    sys.stdout.flush()
    if sys.stdin.readline().strip() != name:
        raise InvalidInput("That is not the name: nothing was deleted.")
