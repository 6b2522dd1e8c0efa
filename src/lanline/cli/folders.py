"""Owns the options that name the two folders: the client's home and the server's data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_DATA = Path("~/.lanline-server")

DataFolderOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="LANLINE_DATA",
        help="The server's folder, on its own machine.",
        show_default="none: as the admin of your home",
    ),
]
HomeOption = Annotated[Path, typer.Option("--home", envvar="LANLINE_HOME", help="Your folder, if you are an admin.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For scripts.")]
