"""A group of commands that loads when one of them is asked for: `lanline --help` shows its line and loads no more."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperGroup


def lazy_group(module: str, text: str) -> typer.Typer:
    """The module defines the group as `app`, with its help; `text` is its line in the help above it."""

    class Lazy(TyperGroup):
        def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 -- typer's own types of it moved between its versions
            """From here on the real group is in charge."""
            group = typer.main.get_command(importlib.import_module(module).app)
            return group.make_context(info_name, args, parent=parent, **extra)

    return typer.Typer(cls=Lazy, help=text)
