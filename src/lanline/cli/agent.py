"""`lanline agent`: the process that owns a home, in the foreground."""

from __future__ import annotations

import contextlib
import sys

import typer

from lanline.cli.chathome import HomeOption
from lanline.cli.nodecall import home_folder, show_line
from lanline.cli.running import DEFAULT_HOME, run

app = typer.Typer(invoke_without_command=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def agent(
    context: typer.Context,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Keep this home connected while no other program runs.

    The first program that needs your account starts such a process by itself, and
    it ends a minute after the last one. This one stays: messages arrive meanwhile,
    and what is queued goes out as soon as the server is there.

    \b
    Stay connected:   lanline agent
    End it:           lanline agent stop

    \b
    Exit status: 0 when it was told to end, 1 when it cannot go on.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    if context.invoked_subcommand is not None:
        return
    from lanline.client.node.process import run_for_good
    from lanline.client.pin import joined_pin

    folder = home_folder(home).absolute()
    joined_pin(folder)
    with contextlib.suppress(KeyboardInterrupt):
        run(run_for_good(folder, _tell_that_it_stays))


def _tell_that_it_stays() -> None:
    show_line("This home stays connected. Ctrl+C ends it.")
    sys.stdout.flush()


@app.command()
def stop(home: HomeOption = DEFAULT_HOME) -> None:
    """End the process that owns this home. The next program that needs it starts another.

    \b
    Example:   lanline agent stop
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.client.node.start import stop_node

    show_line("It has ended." if stop_node(home_folder(home)) else "No such process runs.")
