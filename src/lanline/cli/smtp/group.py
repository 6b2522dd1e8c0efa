"""Joins the commands of `lanline smtp`."""

from __future__ import annotations

import typer

from lanline.cli.smtp.check import check
from lanline.cli.smtp.flush import flush
from lanline.cli.smtp.send import send

app = typer.Typer(
    help="Send ordinary mail: TLS required, certificates verified, nothing secret on the command line.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(send)
app.command()(check)
app.command()(flush)
