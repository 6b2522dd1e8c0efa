"""Owns whether the keys of a home lie under a passphrase which this program has not got. Loads nothing else."""

from __future__ import annotations

import os
from pathlib import Path

KEYS_FILE = "keys.json"
PASSPHRASE_VARIABLE = "LANLINE_PASSPHRASE"  # noqa: S105 -- the name of a variable, not a passphrase
MARK = b'"under_passphrase"'


def is_locked(folder: Path) -> bool:
    if os.environ.get(PASSPHRASE_VARIABLE):
        return False
    try:
        return MARK in (folder / KEYS_FILE).read_bytes()
    except OSError:
        return False
