"""`lanline video prepare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lanline.cli.nodecall import expanded, show_line
from lanline.cli.video.options import needs_libraries, say_aside

_UNNOTICED_S = 2.0
"""The sound of a file may be longer than its pictures."""


def prepare(
    file: Annotated[Path, typer.Argument(help="A video file of any kind.", show_default=False)],
    name: Annotated[
        str | None, typer.Option(help="What the film is called.", show_default="as the file, without its ending")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for what is made: the server's 'videos', say.")] = Path(),
) -> None:
    """Make the qualities of a film, for all kinds of links.

    Makes NAME_240p.mp4, NAME_720p.mp4 and NAME_1440p.mp4, none of them larger
    than the film itself. When it is cut short, the same command goes on.

    \b
    lanline video prepare holiday.mkv
    lanline video prepare holiday.mkv --output ~/.lanline-server/videos
    Then, from another machine: lanline video upload holiday_*.mp4
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    with needs_libraries():
        from lanline.cli.video.progress import ProgressBar, said_to_be_kept
        from lanline.client.films.preparing import Preparing

        preparing = Preparing(expanded(file, "FILE"), expanded(output, "--output"), name)
        preparing.check_free()
        with said_to_be_kept(), ProgressBar(preparing.name) as bar:
            made = preparing.run(bar.show)
        for path in made:
            show_line(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
        if preparing.missing_s > _UNNOTICED_S:
            lacks = f"The last {preparing.missing_s:.0f} s of it are not there: {file} is cut off or damaged."
            say_aside(f"lanline: {lacks}")
