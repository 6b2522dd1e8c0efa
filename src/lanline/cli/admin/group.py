"""Joins the commands of `lanline admin`."""

from __future__ import annotations

import typer

from lanline.cli.admin.chain import chain
from lanline.cli.admin.deleting import delete
from lanline.cli.admin.figures import rooms, status
from lanline.cli.admin.invites import invites
from lanline.cli.admin.journal import journal
from lanline.cli.admin.keeping import backup, export, restore
from lanline.cli.admin.newgroup import new_group
from lanline.cli.admin.people import ban, demote, devices, lost, password, promote, unban, users
from lanline.cli.admin.videos import videos

app = typer.Typer(
    help="Run a server: its people, rooms, invites, figures, backups.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
for command in (
    *(users, ban, unban, promote, demote, password, devices, lost, delete, rooms, invites),
    *(journal, status, backup, restore, chain, export),
):
    app.command()(command)
app.command("new-group")(new_group)
app.add_typer(videos, name="videos")
