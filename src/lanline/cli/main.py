"""The `lanline` command: joins the command groups, and turns every error into its sentence and an exit status."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import typer

from lanline.cli.lazycommand import lazy_command
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

COMMANDS = {
    "serve": ("lanline.cli.serve:serve", "Run a server for your group: chat that loses nothing, on one port."),
    "invite": ("lanline.cli.invite:invite", "Make an invite: a link with which people join the server."),
    "join": ("lanline.cli.join:join", "Join a server: make an account there, or add this device to yours."),
    "chat": (
        "lanline.cli.chat:chat",
        "Chat: in rooms and in private, with all that was said while you were away.",
    ),
    "send": ("lanline.cli.send:send", "Say something to a room or a person, and end."),
    "log": ("lanline.cli.log:log", "Show what was said in a room or with a person."),
    "clients": ("lanline.cli.clients:clients", "Show everybody on the server: who is online, and where."),
    "rooms": ("lanline.cli.rooms:app", "Show the rooms you may join; make, join and leave them."),
    "dereg": (
        "lanline.cli.clients:dereg",
        "Go offline everywhere: every program that is signed in as you is signed out.",
    ),
    "admin": ("lanline.cli.admin.group:app", "Run a server: its people, rooms, invites, figures, backups."),
    "video": (
        "lanline.cli.video.group:app",
        "Live video from one host to others: a camera, a screen, a file; in a window, a terminal, a file.",
    ),
    "peer": ("lanline.cli.peer:peer", "Chat between two hosts, without a server, over UDP."),
    "smtp": ("lanline.cli.smtp.group:run", "Send ordinary mail: TLS required, certificates verified."),
}
"""Where each command is, and its line in the help: the first of its own."""

for name, (place, text) in COMMANDS.items():
    app.add_typer(lazy_command(place, text), name=name)


@app.callback()
def _root() -> None:
    """Chat, mail and video for a group that runs its own wire."""


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
