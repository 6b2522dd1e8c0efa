"""Owns the names of the commands of `lanline smtp`."""

from __future__ import annotations

import importlib
import sys

from lanline.errors import InvalidInput

_HELP = """Usage: lanline smtp COMMAND …

Send ordinary mail: TLS required, certificates verified, nothing secret on the command line.

  send      Send a message, or a batch of them.
  check     Tell what a server offers, and send nothing.
  flush     Send what waits in the outbox.
  sendmail  Send a whole message from stdin, with the options of sendmail.

Each has a --help of its own.
"""


def run(words: list[str]) -> None:
    """Send ordinary mail: TLS required, certificates verified."""
    name = words[0] if words else "--help"
    if name in {"-h", "--help"}:
        sys.stdout.write(_HELP)
    elif name in {"send", "check", "flush", "sendmail"}:
        getattr(importlib.import_module(f"lanline.cli.smtp.{name}"), name)(words[1:])
    else:
        raise InvalidInput(f"lanline smtp has no command {name!r}; it has send, check, flush and sendmail.")
