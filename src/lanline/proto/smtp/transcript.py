"""Owns the dialogue as it may be shown: whatever is secret in it is masked before anybody sees a line."""

from __future__ import annotations

from collections.abc import Callable

from lanline.model.mail.refusal import Reply
from lanline.model.mail.text import terminal_safe

MASK = "***"
_SHORT_CHARS = 6
"""What is shorter than this stands in many texts by chance, and a mask in its place would tell what it is."""


class Transcript:
    """Hands every line to `sink`. Only what is shown is masked: the dialogue itself goes on with what was said."""

    def __init__(self, sink: Callable[[str], None] = lambda _: None) -> None:
        self._sink = sink
        self._secrets: list[str] = []

    def hide(self, *secrets: str) -> None:
        """Base64 also without its padding; the longest first, as one may contain another."""
        forms = {form for secret in secrets for form in (secret, secret.rstrip("=")) if form}
        self._secrets = sorted({*self._secrets, *forms}, key=len, reverse=True)

    def masked(self, reply: Reply, *, in_sign_in: bool = False) -> Reply:
        """Some servers repeat what they were sent. A short secret hides all that is said while signing in."""
        text = reply.text
        for secret in self._secrets:
            if secret in text and len(secret) >= _SHORT_CHARS:
                text = text.replace(secret, MASK)
            elif secret in text and in_sign_in:
                return Reply(reply.code, MASK)
        return Reply(reply.code, text)

    def client(self, line: str) -> None:
        self._sink(f"C: {terminal_safe(line)}")

    def server(self, reply: Reply) -> None:
        lines = reply.text.split("\n")
        for number, line in enumerate(lines, 1):
            self._sink(f"S: {reply.code}{' ' if number == len(lines) else '-'}{terminal_safe(line)}")

    def note(self, text: str) -> None:
        self._sink(f"-- {text}")
