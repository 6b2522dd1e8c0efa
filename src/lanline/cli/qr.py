"""Owns invites as QR codes, for the camera of a phone or of another laptop."""

from __future__ import annotations

import io
import shutil
import sys


def qr_code(text: str) -> str:
    """Or a sentence, where the terminal would break its lines."""
    return fitting_code(text) or "The code does not fit here: it needs a wider terminal."


def fitting_code(text: str) -> str:
    """Empty where the terminal would break its lines."""
    import segno

    out = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out, border=2, compact=True)
    code = out.getvalue()
    is_too_wide = max(map(len, code.splitlines())) > shutil.get_terminal_size().columns
    return "" if is_too_wide and sys.stdout.isatty() else code
