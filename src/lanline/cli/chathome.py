"""Owns the options that the commands of a member share: whose home, how long to try, and JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lanline.errors import InvalidInput

HomeOption = Annotated[
    Path, typer.Option("--home", envvar="LANLINE_HOME", help="Folder with your key, your server and your history.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="For scripts: one JSON value a line.")]
SuiteOption = Annotated[
    str, typer.Option("--suite", metavar="rsa", help="Seal it with the RSA keys of those who read it, for good.")
]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", help="How long to try to reach the server.")
]


def is_rsa(suite: str) -> bool:
    """Raises InvalidInput for a suite that there is not."""
    if suite not in {"", "rsa"}:
        raise InvalidInput(
            f"There is no suite {suite}: only rsa can be asked for, and without --suite the group's own."
        )
    return suite == "rsa"
