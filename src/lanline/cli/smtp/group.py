"""Owns the names of the commands of `lanline smtp`."""

from __future__ import annotations

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
    name, rest = (words[0], words[1:]) if words else ("", [])
    if name == "sendmail":
        from lanline.cli.smtp.sendmail import sendmail

        sendmail(rest)
    elif name == "flush":
        from lanline.cli.smtp.flush import FLUSH_HELP, FlushOptions, flush
        from lanline.cli.smtp.options import parsed

        flush(parsed(FlushOptions, name, FLUSH_HELP, rest))
    elif name in {"send", "check"}:
        from lanline.cli.smtp.options import WayOptions, parsed
        from lanline.cli.smtp.send import CHECK_HELP, SEND_HELP, SendOptions, check, send

        if name == "send":
            send(parsed(SendOptions, name, SEND_HELP, rest))
        else:
            check(parsed(WayOptions, name, CHECK_HELP, rest))
    elif name in {"", "-h", "--help"}:
        sys.stdout.write(_HELP)
    else:
        raise InvalidInput(f"lanline smtp has no command {name!r}; it has send, check, flush and sendmail.")
