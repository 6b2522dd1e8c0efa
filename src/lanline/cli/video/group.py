"""Joins the commands of `lanline video`."""

from __future__ import annotations

import typer

from lanline.cli.video.library import library
from lanline.cli.video.play import play
from lanline.cli.video.prepare import prepare
from lanline.cli.video.serve import serve
from lanline.cli.video.upload import upload
from lanline.cli.video.watch import watch

app = typer.Typer(
    help="Films of your server; live video between hosts.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(serve)
app.command()(watch)
app.command()(library)
app.command()(play)
app.command()(prepare)
app.command()(upload)
