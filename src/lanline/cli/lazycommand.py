"""Owns commands that load when they are asked for: `lanline --help` shows their lines and loads none of them."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperGroup


def lazy_command(place: str, text: str) -> typer.Typer:
    """`place` is `module:name`, of a function or of a group; `text` is its line in the help above it."""

    class Lazy(TyperGroup):
        def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 -- typer's own types of it moved between its versions
            """From here on the real command is in charge."""
            return load_command(place).make_context(info_name, args, parent=parent, **extra)

    return typer.Typer(cls=Lazy, help=text)


def load_command(place: str) -> Any:  # noqa: ANN401 -- as above
    module, _, name = place.partition(":")
    found = getattr(importlib.import_module(module), name)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    alone.command()(found)
    return typer.main.get_command(alone)
