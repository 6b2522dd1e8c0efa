"""What the person sees while mail goes out, and what Ctrl+C means before any of it is on its way."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import typer

from lanline.cli import running
from lanline.errors import MailInterrupted

if TYPE_CHECKING:
    from lanline.client.smtp.dispatch import Outcome

_Result = TypeVar("_Result")
_BAR_FROM_BYTES = 500_000


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Work that is interrupted says itself what became of its message; what did not even begin sent nothing."""
    with preparing():
        return running.run(work, on_uvloop=False)  # whose STARTTLS hangs now and then


@contextlib.contextmanager
def preparing() -> Iterator[None]:
    """Before anything is connected, Ctrl+C has one meaning."""
    try:
        yield
    except KeyboardInterrupt:
        if sys.stderr is not None and sys.stderr.isatty():
            complain("", prefix="")  # away from a prompt
        raise MailInterrupted("Interrupted: nothing was sent.") from None


def show(outcome: Outcome, prefix: str = "") -> None:
    """What went well to stdout, for scripts; everything else to stderr, for people."""
    if outcome.exit_status == 0:
        say(f"{prefix}{outcome.text}", sys.stdout)
    else:
        complain(f"{prefix}{outcome.text}")


def complain(text: str, prefix: str = "lanline: ") -> None:
    say(f"{prefix}{text}", sys.stderr)


def say(text: str, stream: TextIO | None) -> None:
    """A line. That nobody could read it is no failure: whoever saw an error would send the message once more."""
    if stream is None:  # closed by who started this
        return
    try:
        stream.write(f"{_writable(text, stream)}\n")
        stream.flush()
    except OSError:
        with contextlib.suppress(OSError):  # or the rest in the buffer would fail again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _writable(text: str, stream: TextIO) -> str:
    """With escapes for what the terminal's encoding does not have."""
    encoding = stream.encoding or "ascii"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def dialogue_sink(verbose: bool) -> Callable[[str], None] | None:
    return (lambda line: complain(line, prefix="")) if verbose else None


@contextlib.contextmanager
def progress(size_bytes: int, *, wanted: bool) -> Iterator[Callable[[int], None]]:
    """A bar for what takes a while, where somebody watches."""
    if not wanted or size_bytes < _BAR_FROM_BYTES or sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    with typer.progressbar(length=size_bytes, label="Sending", file=sys.stderr) as bar:
        yield bar.update
