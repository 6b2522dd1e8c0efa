"""`lanline video upload`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, checked_timeout, expanded, show_line, started_node, tell_notice
from lanline.cli.running import DEFAULT_HOME, run

if TYPE_CHECKING:
    from lanline.client.films.uploading import FilmUpload
    from lanline.client.node.start import NodeStart


def upload(
    files: Annotated[list[Path], typer.Argument(help="Files as `prepare` makes them.", show_default=False)],
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the server.")] = DEFAULT_TIMEOUT_S,
    home: Annotated[
        Path, typer.Option(envvar="LANLINE_HOME", help="Folder with your key and your account.")
    ] = DEFAULT_HOME,
) -> None:
    """Give films to your server, if you may.

    Admins may, and everybody where the server's settings say so. What is cut
    short goes on where it was, with the same command.

    \b
    lanline video upload holiday_240p.mp4 holiday_720p.mp4 holiday_1440p.mp4
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.cli.video.progress import said_to_be_kept
    from lanline.client.films.uploading import FilmUpload

    limit_s = checked_timeout(timeout)
    uploads = [FilmUpload(expanded(file, "FILES")) for file in files]
    with said_to_be_kept():
        run(_upload(started_node(home), uploads, limit_s))


async def _upload(node: NodeStart, uploads: list[FilmUpload], limit_s: float) -> None:
    from lanline.cli.video.progress import ProgressBar
    from lanline.client.node.face import Face

    async with Face(node) as face:
        tell_notice(node)
        await face.wait_synchronized(limit_s)
        for each in uploads:
            with ProgressBar(each.path.name) as bar:
                await each.run(face, bar.show, limit_s)
            show_line(f"{each.name} is on the server in {each.lines}p.")
