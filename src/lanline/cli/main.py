"""Owns how the program begins and ends: the command runs, and every error becomes its sentence and an exit status."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
from pathlib import Path

from lanline.cli.lostoutput import give_output_up
from lanline.errors import LanlineError

USAGE_STATUS = 64
"""sysexits.h EX_USAGE, for whatever was typed wrong."""


def main() -> None:
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may know fewer characters than people write
    try:
        status = _status()
        sys.stdout.flush()
    except OSError as problem:
        give_output_up()
        if not isinstance(problem, BrokenPipeError):  # who reads has seen enough
            where = problem.filename or "Standard output"
            _complain(f"{where} cannot be written or read: {problem.strerror or problem}.")
        status = 1
    gc.freeze()  # or Python takes all that is loaded apart, which takes time that nobody has a use for
    sys.exit(status)


def _status() -> int | str | None:
    """Of the command, with every error told. Raises OSError."""
    try:
        if Path(sys.argv[0]).name.endswith("sendmail"):  # as other programs call what sends their mail
            from lanline.cli.smtp.sendmail import sendmail

            sendmail(sys.argv[1:])
        elif sys.argv[1:2] == ["smtp"]:  # which parses its words itself, as every tenth of a second counts there
            from lanline.cli.smtp.group import run

            run(sys.argv[2:])
        else:
            _run(sys.argv[1:])
    except LanlineError as error:
        _complain(str(error))
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except SystemExit as stop:
        return USAGE_STATUS if stop.code == 2 else stop.code
    return 0


def _complain(text: str) -> None:
    if sys.stderr is not None:  # closed by who started this
        with contextlib.suppress(OSError):
            sys.stderr.write(f"lanline: {text}\n")


def _run(words: list[str]) -> None:
    """What is started most is done without loading the tree of commands, which takes as long as all the rest."""
    if words[:1] == ["send"] and len(words) > 2 and all(word and not word.startswith("-") for word in words):
        from lanline.cli.nodecall import started_node

        node = started_node(Path(os.environ.get("LANLINE_HOME") or "~/.lanline"))  # it loads while the rest does here
        from lanline.cli.sending import send_plainly

        send_plainly(node, *words[1:])
    elif words[:2] == ["agent", "--background"]:
        from lanline.cli.background import run_in_background

        run_in_background(words[2:])
    else:
        from lanline.cli.commands import app

        app()


def _open_closed_streams() -> None:
    """Or the next socket takes the number of a standard stream that whoever started this had closed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 -- what is written is an error
