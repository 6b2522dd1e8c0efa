"""Joins the commands of `lanline smtp`."""

from __future__ import annotations

from typing import Annotated

import typer

from lanline.cli.smtp.flush import FLUSH_HELP, FlushOptions, flush
from lanline.cli.smtp.options import WayOptions, command
from lanline.cli.smtp.send import CHECK_HELP, SEND_HELP, SendOptions, check, send
from lanline.cli.smtp.sendmail import sendmail

app = typer.Typer(
    help="Send ordinary mail: TLS required, certificates verified, nothing secret on the command line.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command("send")(command(SendOptions, send, SEND_HELP))
app.command("check")(command(WayOptions, check, CHECK_HELP))
app.command("flush")(command(FlushOptions, flush, FLUSH_HELP))


@app.command("sendmail", add_help_option=False, context_settings={"ignore_unknown_options": True})
def _sendmail(words: Annotated[list[str] | None, typer.Argument(metavar="…")] = None) -> None:
    """Send a whole message from stdin, with the options of sendmail."""
    sendmail(words or [])
