"""Owns the tree of commands: which there are, and where each is loaded from when it runs."""

from __future__ import annotations

import typer

from lanline.cli.lazycommand import lazy_command

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
    "agent": ("lanline.cli.agent:app", "Keep this home connected, also while no other program of it runs."),
    "admin": ("lanline.cli.admin.group:app", "Run a server: its people, rooms, invites, figures, backups."),
    "video": (
        "lanline.cli.video.group:app",
        "Live video from one host to others: a camera, a screen, a file; in a window, a terminal, a file.",
    ),
    "peer": ("lanline.cli.peer:peer", "Chat between two hosts, without a server, over UDP."),
    "smtp": ("lanline.cli.smtp.group:app", "Send ordinary mail: TLS required, certificates verified."),
}
"""Where each command is, and its line in the help: the first of its own."""

for name, (place, text) in COMMANDS.items():
    app.add_typer(lazy_command(place, text), name=name)


@app.callback()
def _root() -> None:
    """Chat, mail and video for a group that runs its own wire."""
