"""Owns whether the keys of a home lie under a passphrase which this program has not got. Loads nothing else."""

from __future__ import annotations

import os
from pathlib import Path

IDENTITY_FILE, IDENTITY_USE = "identity.pem", b"lanline identity 1\0"
KEYS_FILE, KEYS_COPY, KEYS_USE = "keys.json", "keys-copy.json", b"lanline keys 1\0"
CHANGE_FILE = "passphrase-change.json"
PASSPHRASE_VARIABLE = "LANLINE_PASSPHRASE"  # noqa: S105 -- the name of a variable, not a passphrase
MARK = b'"under_passphrase"'


def is_locked(folder: Path) -> bool:
    """They do, and this program has not got it."""
    return not given_passphrase() and is_under_passphrase(folder)


def is_under_passphrase(folder: Path) -> bool:
    if (folder / CHANGE_FILE).exists():
        from lanline.client.sealing.lockedfile import finish_change  # noqa: PLC0415 -- after a crash only

        finish_change(folder)
    return any(_is_under(folder / name) for name in (IDENTITY_FILE, KEYS_FILE))


def _is_under(path: Path) -> bool:
    try:
        return MARK in path.read_bytes()
    except OSError:
        return False


def given_passphrase() -> str | None:
    """By the environment, or by who was asked at the start of this program."""
    return os.environ.get(PASSPHRASE_VARIABLE) or None
