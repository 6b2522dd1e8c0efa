"""Owns invites as QR codes, for the camera of a phone or of another laptop."""

from __future__ import annotations

import io


def qr_code(text: str) -> str:
    import segno

    out = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out, border=2, compact=True)
    return out.getvalue()
