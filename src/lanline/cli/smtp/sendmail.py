"""Owns the name `sendmail`: its options as mutt, git send-email and cron type them, for a whole message from stdin."""

from __future__ import annotations

import getopt
import sys

from lanline.cli.smtp.options import way
from lanline.cli.smtp.screen import Telling, preparing
from lanline.cli.smtp.send import SendOptions, raw, send_one
from lanline.errors import InvalidInput

_LONG = ["config=", "account=", "outbox=", "log-file=", "queue", "help"]
_OTHER_MODES = {("-b", mode) for mode in "spdtv"} | {("-q", "")}
HELP = (
    "usage: sendmail [-t] [-i] [-f ADDRESS] [-F NAME] [-N WHEN] [-R full|hdrs] [-V NAME] [-v] [-a ACCOUNT] [-C FILE]"
    " [--queue] [--log-file FILE] [RECIPIENT …] < MESSAGE"
)


def sendmail(words: list[str]) -> None:
    """The server comes from the accounts file, by its default or -a."""
    with preparing():
        typed, recipients = _taken_apart(words)
        if "--help" in typed:
            sys.stdout.write(f"{HELP}\n")
            return
        options = SendOptions(
            from_addr=typed.get("-f", typed.get("-r")),
            to_addr=tuple(recipients),
            dsn_notify=typed.get("-N"),
            dsn_return=typed.get("-R"),
            dsn_id=typed.get("-V"),
            config=typed.get("-C", typed.get("--config")),
            account=typed.get("-a", typed.get("--account")),
            outbox=typed.get("--outbox"),
            log_file=typed.get("--log-file"),
            verbose="-v" in typed,
            queue="--queue" in typed,
        )
        chosen, telling = way(options), Telling(log_file=options.log_file, is_quiet=True)
        if sys.stdin is not None and sys.stdin.isatty() and not recipients and "-t" not in typed:
            raise InvalidInput(f"There is no recipient. {HELP}")
        dot_ends = not {"-i", "-oi"} & set(typed)
        parcel = raw(options, are_in_header="-t" in typed, dot_ends=dot_ends, sender_name=typed.get("-F", ""))
        work = send_one(parcel, options, chosen, telling)
    sys.exit(work())


def _taken_apart(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """What asks for another mode of sendmail is refused."""
    try:
        found, recipients = getopt.getopt(words, "tivUnGmqf:r:F:N:R:V:C:a:o:X:B:h:O:p:L:b:", _LONG)
    except getopt.GetoptError as cause:
        raise InvalidInput(f"sendmail: {cause}. {HELP}") from cause
    for name, value in set(found) & _OTHER_MODES:
        raise InvalidInput(f"sendmail {name}{value} is not known here; see `lanline smtp flush` for what waits.")
    return {name + (value[:1] if name == "-o" else ""): value for name, value in found}, recipients
