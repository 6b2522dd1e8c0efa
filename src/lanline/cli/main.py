"""Owns how the program begins and ends: the command runs, and every error becomes its sentence and an exit status."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

from lanline.errors import LanlineError

USAGE_STATUS = 64
"""sysexits.h EX_USAGE, for whatever was typed wrong."""


def main() -> None:
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may know fewer characters than people write
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
        if sys.stderr is not None:  # closed by who started this
            sys.stderr.write(f"lanline: {error}\n")
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)
    except SystemExit as stop:
        sys.exit(USAGE_STATUS if stop.code == 2 else stop.code)


def _run(words: list[str]) -> None:
    """The plainest `lanline send`, which scripts use most, is done before the tree of commands would be loaded."""
    if words[:1] == ["send"] and len(words) > 2 and all(word and not word.startswith("-") for word in words):
        from lanline.cli.sending import send_plainly

        send_plainly(*words[1:])
        return
    from lanline.cli.commands import app

    app()


def _open_closed_streams() -> None:
    """Or the next socket takes the number of a standard stream that whoever started this had closed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
