"""Owns the options that the commands of a member share: whose home, how long to try, and JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[
    Path, typer.Option("--home", envvar="LANLINE_HOME", help="Folder with your key, your server and your history.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="For scripts: one JSON value a line.")]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", help="How long to try to reach the server.")
]
