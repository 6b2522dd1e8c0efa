"""The `lanline` command: joins the command groups, and turns every error into its sentence and an exit status."""

from __future__ import annotations

import io
import os
import sys

import typer

from lanline.cli.clients import clients, dereg
from lanline.cli.invite import invite
from lanline.cli.join import join
from lanline.cli.lazygroup import lazy_group
from lanline.cli.log import log
from lanline.cli.peer import peer
from lanline.cli.send import send
from lanline.cli.serve import serve
from lanline.errors import LanlineError

USAGE_STATUS = 64
"""sysexits.h EX_USAGE, for whatever was typed wrong."""

app = typer.Typer(
    name="lanline",
    help="Chat, mail and video for a group that runs its own wire.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(serve)
app.command()(invite)
app.command()(join)
app.command()(send)
app.command()(log)
app.command()(clients)
app.add_typer(lazy_group("lanline.cli.rooms", "Show the rooms you may join; make, join and leave them."), name="rooms")
app.command()(dereg)
app.add_typer(
    lazy_group("lanline.cli.admin.group", "Run a server: its people, rooms, invites, figures, backups."), name="admin"
)
app.command()(peer)
app.add_typer(
    lazy_group("lanline.cli.smtp.group", "Send ordinary mail: TLS required, certificates verified."), name="smtp"
)


@app.callback()
def _root() -> None:
    """Chat, mail and video for a group that runs its own wire."""


def main() -> None:
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may know fewer characters than people write
    try:
        app()
    except LanlineError as error:
        if sys.stderr is not None:  # closed by who started this
            sys.stderr.write(f"lanline: {error}\n")
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)
    except SystemExit as stop:
        sys.exit(USAGE_STATUS if stop.code == 2 else stop.code)


def _open_closed_streams() -> None:
    """Or the next socket takes the number of a standard stream that whoever started this had closed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
