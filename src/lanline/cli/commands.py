"""Owns the tree of commands: which there are, and where each is loaded from when it runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from lanline import __version__
from lanline.cli.confirming import is_terminal
from lanline.cli.lazycommand import lazy_command

app = typer.Typer(
    name="lanline",
    help="Chat, mail and video for a group that runs its own wire.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS = {
    "start": ("lanline.cli.start:start", "Start a group: a server here, your account, the chat."),
    "serve": ("lanline.cli.serve:serve", "Run a server for your group, on one port."),
    "invite": ("lanline.cli.invite:invite", "Make an invite: a link with which people join the server."),
    "join": ("lanline.cli.join:join", "Join a server, or add this device to your account."),
    "admit": ("lanline.cli.admit:admit", "Let somebody into the group, or show who waits."),
    "seal": ("lanline.cli.seal:seal", "Seal from now on what the server could read until now."),
    "chat": ("lanline.cli.chat:chat", "Chat, in rooms and in private, with nothing missed."),
    "send": ("lanline.cli.send:send", "Say something to a room or a person, and end."),
    "log": ("lanline.cli.log:log", "Show what was said in a room or with a person."),
    "report": ("lanline.cli.report:report", "Show a message to the admins, with what was said before it."),
    "clients": ("lanline.cli.clients:clients", "Show everybody on the server: who is online, and where."),
    "rooms": ("lanline.cli.roomgroup:app", "Show the rooms you may join; make, join and leave them."),
    "ignore": ("lanline.cli.ignore:ignore", "Do not show what somebody says, on this device."),
    "verify": ("lanline.cli.verify:verify", "Compare words with somebody, to be sure who they are."),
    "chain": ("lanline.cli.chain:chain", "Compare the group's history here and on the server."),
    "devices": ("lanline.cli.devices:app", "Show your devices; let one in, take one out that is lost."),
    "doctor": ("lanline.cli.doctor:doctor", "Compute the keys of this device anew, and compare."),
    "recovery": ("lanline.cli.recovery:app", "Make the key that gets your account back, or use it."),
    "passphrase": ("lanline.cli.passphrase:passphrase", "Put the keys of this device under a passphrase."),
    "password": ("lanline.cli.password:password", "Set the password of your account."),
    "dereg": ("lanline.cli.clients:dereg", "Go offline everywhere, in every program of yours."),
    "leave": ("lanline.cli.leave:leave", "Delete your account on the server."),
    "agent": ("lanline.cli.agent:app", "Keep this home connected while no other program runs."),
    "admin": ("lanline.cli.admin.group:app", "Run a server: its people, rooms, invites, figures, backups."),
    "video": ("lanline.cli.video.group:app", "Films of your server; live video between hosts."),
    "peer": ("lanline.cli.peer:peer", "Chat between two hosts, without a server, over UDP."),
    "smtp": ("lanline.cli.smtp.group:run", "Send ordinary mail: TLS required, certificates verified."),
}
"""Where each command is, and its line in the help, which has room for some 60 letters."""

for name, (place, text) in COMMANDS.items():
    app.add_typer(lazy_command(place, text), name=name)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lanline {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Chat, mail and video for a group that runs its own wire."""
    if context.invoked_subcommand is not None:
        return
    if not is_terminal():
        typer.echo(context.get_help())
        return
    from lanline.cli.menu import show_menu
    from lanline.cli.running import DEFAULT_HOME

    show_menu(Path(os.environ.get("LANLINE_HOME", DEFAULT_HOME)))
