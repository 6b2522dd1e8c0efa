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

from lanline.cli.lostoutput import give_output_up
from lanline.errors import MailInterrupted
from lanline.model.mail.text import explained

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
def stopping(interrupt: Interrupt) -> Iterator[Interrupt]:
    """Ctrl+C, a kill and a hang-up become a wish to stop, and the work says itself what became of its message."""
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as for a job in the background, or under nohup
            before[number] = signal.signal(number, lambda *_: interrupt.set())
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Telling:
    """What went well to stdout, for scripts; everything else to stderr, for people. And as JSON, and to a log."""

    def __init__(self, *, as_json: bool = False, is_quiet: bool = False, log_file: str | None = None) -> None:
        self._as_json = as_json
        self._is_quiet = is_quiet
        self._log: TextIO | None = None
        self.statuses = set[int]()
        if log_file is not None:
            with explained(f"The log {log_file} cannot be written"):  # now, or the message is not sent
                self._log = os.fdopen(os.open(log_file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "a")

    def show(self, outcome: Outcome, line: int | None = None) -> None:
        self.statuses.add(outcome.exit_status)
        numbered, prefix = ({}, "") if line is None else ({"line": line}, f"Line {line}: ")
        for result in outcome.results:
            shown = [result.message_id, result.recipient, result.verdict.value, result.text]
            if self._as_json:
                named = dict(zip(("message_id", "recipient", "result", "text"), shown, strict=True))
                say(json.dumps(numbered | named), sys.stdout)
            now = f"{dt.datetime.now(dt.UTC).astimezone():%Y-%m-%dT%H:%M:%S%z}"
            say(" ".join([now, *shown]), self._log)
        if outcome.exit_status:
            complain(f"{prefix}{outcome.text}")
        elif not (self._as_json or self._is_quiet):
            say(f"{prefix}{outcome.text}", sys.stdout)


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
        give_output_up(stream.fileno())


def dialogue_sink(verbose: bool) -> Callable[[str], None]:
    return (lambda line: complain(line, prefix="")) if verbose else lambda _: None


@contextlib.contextmanager
def progress(size_bytes: int, *, wanted: bool) -> Iterator[Callable[[int], None]]:
    """A bar for what takes a while, where somebody watches."""
    if not wanted or size_bytes < _BAR_FROM_BYTES or sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    import typer

    with typer.progressbar(length=size_bytes, label="Sending", file=sys.stderr) as bar:
        yield bar.update
