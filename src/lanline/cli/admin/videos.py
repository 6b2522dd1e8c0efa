"""`lanline admin videos`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.admin.asking import answer, ask_server, say, way_to_server
from lanline.cli.folders import DataFolderOption, HomeOption, JsonOption
from lanline.cli.running import DEFAULT_HOME
from lanline.errors import InvalidInput
from lanline.model.films import size_text

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient
    from lanline.client.node.films import FilmsListed
    from lanline.wire.chat.messages import ClientMessage

videos = typer.Typer(
    help="List, rename and remove films, and limit their space.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(|k|M|G|T)B?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
Name = Annotated[str, typer.Argument(show_default=False, help="The film.")]


@videos.command("list")
def list_films(json: JsonOption = False, data: DataFolderOption = None, home: HomeOption = DEFAULT_HOME) -> None:
    """List all films, what is the matter with them, and the space that they take."""
    from lanline.cli.video.library import show_library, show_library_json

    found = ask_server(way_to_server(data, home), _listed)
    if json:
        show_library_json(found)
        return
    show_library(found)
    most = f" of {size_text(found.most_bytes)}" if found.most_bytes else ""
    say(f"All together: {size_text(found.library.used_bytes)}{most}.")


@videos.command()
def rename(
    name: Name,
    new: Annotated[str, typer.Argument(show_default=False, help="Its new name.")],
    data: DataFolderOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Call a film something else. Who watches it goes on."""
    from lanline.wire.chat.films import RenameFilm

    _do(RenameFilm(1, name, new), data, home)
    say(f"{name} is called {new} now.")


@videos.command()
def remove(
    name: Name,
    quality: Annotated[str | None, typer.Option(help="240p, 720p or 1440p.", show_default="all")] = None,
    data: DataFolderOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Delete a film, in all qualities or in one. Who watches it goes on."""
    from lanline.model.films import checked_lines
    from lanline.wire.chat.films import RemoveFilm

    lines = None
    if quality is not None:
        text = quality.removesuffix("p")
        lines = checked_lines(int(text) if text.isdecimal() else 0)
    _do(RemoveFilm(1, name, lines), data, home)
    say(f"{name} is gone." if lines is None else f"{name} is gone in {lines}p.")


@videos.command()
def limit(
    space: Annotated[str, typer.Argument(show_default=False, help="As 500MB or 20GB; none is as much as there is.")],
    data: DataFolderOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Say how much space all films together may take. What is there already stays."""
    from lanline.wire.chat.films import LimitFilms

    most_bytes = _bytes(space)
    _do(LimitFilms(1, most_bytes), data, home)
    say(f"The films may take {size_text(most_bytes)}." if most_bytes else "The films may take all the space there is.")


def _bytes(text: str) -> int:
    if text == "none":
        return 0
    found = _SIZE.fullmatch(text.strip())
    size = int(float(found[1]) * _FACTORS[found[2].lower()]) if found is not None else 0
    if not 0 < size <= 2**53:
        raise InvalidInput(f"A space is written as 500MB or 20GB, or none, and {text!r} is not.")
    return size


def _do(message: ClientMessage, data: DataFolderOption, home: HomeOption) -> None:
    from lanline.wire.chat.answers import Done

    async def ask(client: ChatClient) -> None:
        await answer(client, message, Done)

    ask_server(way_to_server(data, home), ask)


async def _listed(client: ChatClient) -> FilmsListed:
    from lanline.client.node.films import FilmsListed, ListFilms
    from lanline.client.node.filmservice import film_result

    found = await film_result(client, ListFilms())
    assert isinstance(found, FilmsListed)
    return found
