"""The dialogue as it may be shown: whatever is secret in it is masked before anybody sees a line."""

from __future__ import annotations

from collections.abc import Callable

from lanline.model.mail.refusal import Reply
from lanline.model.mail.text import terminal_safe

MASK = "***"


def _nowhere(line: str) -> None:
    pass


class Transcript:
    """Hands every line to `sink`. A secret is masked in what the server says too: some repeat what they were sent."""

    __slots__ = ("_secrets", "_sink")

    def __init__(self, sink: Callable[[str], None] = _nowhere) -> None:
        self._sink = sink
        self._secrets: list[str] = []

    def hide(self, *secrets: str) -> None:
        """Base64 also without its padding; the longest first, as one may contain another."""
        forms = {form for secret in secrets for form in (secret, secret.rstrip("=")) if form}
        self._secrets = sorted({*self._secrets, *forms}, key=len, reverse=True)

    def masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def client(self, line: str) -> None:
        self._sink(f"C: {terminal_safe(line)}")

    def server(self, reply: Reply) -> None:
        *first, last = reply.text.split("\n")
        for line in first:
            self._sink(f"S: {reply.code}-{terminal_safe(line)}")
        self._sink(f"S: {reply.code} {terminal_safe(last)}")

    def note(self, text: str) -> None:
        self._sink(f"-- {text}")
