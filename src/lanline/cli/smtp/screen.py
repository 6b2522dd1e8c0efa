"""Owns what the person sees while mail goes out, and what Ctrl+C means before and while it does."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from lanline.errors import InvalidInput, MailInterrupted

if TYPE_CHECKING:
    from lanline.client.smtp.sending import Outcome
    from lanline.transport.smtp.connecting import Interrupt

_BAR_FROM_BYTES = 500_000


@contextlib.contextmanager
def preparing() -> Iterator[None]:
    """Before anything is connected, Ctrl+C has one meaning."""
    try:
        yield
    except KeyboardInterrupt:
        if sys.stderr is not None and sys.stderr.isatty():
            complain("", prefix="")  # away from a prompt
        raise MailInterrupted("Interrupted: nothing was sent.") from None


@contextlib.contextmanager
def stopping() -> Iterator[Interrupt]:
    """Ctrl+C, a kill and a hang-up become a wish to stop, and the work says itself what became of its message."""
    from lanline.transport.smtp.connecting import Interrupt

    interrupt, before = Interrupt(), {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as for a job in the background, or under nohup
            before[number] = signal.signal(number, lambda *_: interrupt.set())
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        interrupt.close()


class Telling:
    """What went well to stdout, for scripts; everything else to stderr, for people. And as JSON, and to a log."""

    def __init__(self, *, as_json: bool = False, is_quiet: bool = False, log_file: str | None = None) -> None:
        self._as_json = as_json
        self._is_quiet = is_quiet
        self.statuses = set[int]()
        self._log = self._opened(log_file) if log_file is not None else None

    def _opened(self, path: str) -> TextIO:
        """Now: a message whose log cannot be written is not sent."""
        try:
            return os.fdopen(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "a")
        except (OSError, ValueError) as cause:
            raise InvalidInput(f"The log {path} cannot be written: {getattr(cause, 'strerror', None)}.") from cause

    def show(self, outcome: Outcome, line: int | None = None) -> None:
        self.statuses.add(outcome.exit_status)
        prefix = "" if line is None else f"Line {line}: "
        if self._as_json:
            for result in outcome.results:
                what = {"message_id": outcome.message_id, "recipient": result.recipient}
                what |= {"result": result.verdict.value, "text": result.text}
                say(json.dumps(({} if line is None else {"line": line}) | what), sys.stdout)
        elif outcome.exit_status == 0 and not self._is_quiet:
            say(f"{prefix}{outcome.text}", sys.stdout)
        if outcome.exit_status:
            complain(f"{prefix}{outcome.text}")
        for result in outcome.results if self._log is not None else ():
            words = [f"{dt.datetime.now(dt.UTC).astimezone():%Y-%m-%dT%H:%M:%S%z}", outcome.message_id]
            say(" ".join([*words, result.recipient, result.verdict.value, result.text]), self._log)


def complain(text: str, prefix: str = "lanline: ") -> None:
    say(f"{prefix}{text}", sys.stderr)


def say(text: str, stream: TextIO | None) -> None:
    """A line. That nobody could read it is no failure: whoever saw an error would send the message once more."""
    if stream is None:  # closed by who started this
        return
    try:
        encoding = stream.encoding or "ascii"  # with escapes for what the terminal does not have
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except OSError:
        with contextlib.suppress(OSError):  # or the rest in the buffer would fail again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def dialogue_sink(verbose: bool) -> Callable[[str], None] | None:
    return (lambda line: complain(line, prefix="")) if verbose else None


@contextlib.contextmanager
def progress(size_bytes: int, *, wanted: bool) -> Iterator[Callable[[int], None]]:
    """A bar for what takes a while, where somebody watches."""
    if not wanted or size_bytes < _BAR_FROM_BYTES or sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    import typer

    with typer.progressbar(length=size_bytes, label="Sending", file=sys.stderr) as bar:
        yield bar.update
