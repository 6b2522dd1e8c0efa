"""`lanline admin backup`, `restore` and `export`: on the server's own machine, whether it runs or not."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from lanline.cli.admin.asking import day, say, size
from lanline.cli.folders import DEFAULT_DATA
from lanline.cli.nodecall import expanded
from lanline.errors import InvalidInput, StorageUnusable

if TYPE_CHECKING:
    from lanline.server.backup import Manifest

Data = Annotated[Path, typer.Option("--data", envvar="LANLINE_DATA", help="The server's folder.")]


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup to make; it must not exist yet.")],
    data: Data = DEFAULT_DATA,
) -> None:
    """Put the whole server into one file, keys and all.

    The server may run meanwhile. Keep the file as safe as the server itself:
    it holds the server's keys.

    \b
    lanline admin backup /mnt/usb/lanline-monday.tar
    0 3 * * *  lanline admin backup ~/backups/$(date +\\%F).tar   (cron)
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.server.app import database_in
    from lanline.server.backup import make_backup

    manifest = make_backup(database_in(expanded(data, "--data")), file)
    say(f"{file} is made: {_contents(manifest)}")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    data: Data = DEFAULT_DATA,
) -> None:
    """Make a server's folder from a backup. It overwrites nothing.

    \b
    lanline admin restore monday.tar --data /srv/lanline
    lanline serve --data /srv/lanline
    """  # noqa: D301 -- as above
    from lanline.server.app import database_in
    from lanline.server.restore import restore as restore_backup

    folder = expanded(data, "--data")
    manifest = restore_backup(file, database_in(folder))
    say(f"{folder} is as the server was on {day(manifest.made_ms)}: {_contents(manifest)}")
    say(f"Start it: lanline serve --data {folder}")


def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Must not exist yet; without it, standard output.")
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write everything but keys as JSON lines.

    The server may run meanwhile. What people said stands as it is kept, in
    base64 beside the name of the suite that opens it.

    \b
    lanline admin export everything.jsonl
    lanline admin export | jq -r 'select(.type == "room").name'
    """  # noqa: D301 -- as above
    folder = expanded(data, "--data")
    if file is None:
        _export_to_output(folder)
    else:
        count = _export_to_file(folder, file)
        say(f"{file} has {count} lines.")


def _export_to_output(folder: Path) -> None:
    from lanline.server.app import database_in
    from lanline.server.export import export_lines

    try:
        for line in export_lines(database_in(folder)):
            sys.stdout.buffer.write(line)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as cause:
        raise StorageUnusable(f"The export cannot be written: {cause.strerror}.") from cause


def _export_to_file(folder: Path, file: Path) -> int:
    """Nothing is left of one that fails."""
    try:
        with _created(file) as stream:
            try:
                return _written(folder, stream)
            except BaseException:
                file.unlink(missing_ok=True)
                raise
    except FileExistsError as cause:
        raise InvalidInput(f"There is a file {file} already. An export overwrites nothing; choose another.") from cause
    except OSError as cause:
        raise StorageUnusable(f"The export {file} cannot be written: {cause.strerror}.") from cause


def _created(file: Path) -> BinaryIO:
    """For its owner alone: everybody's words are in it."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _written(folder: Path, stream: BinaryIO) -> int:
    from lanline.server.app import database_in
    from lanline.server.export import export_lines

    count = 0
    for line in export_lines(database_in(folder)):
        stream.write(line)
        count += 1
    stream.flush()
    os.fsync(stream.fileno())
    return count


def _contents(manifest: Manifest) -> str:
    total = sum(member.size_bytes for member in manifest.members.values())
    return f"{', '.join(manifest.members)} ({size(total)})."
