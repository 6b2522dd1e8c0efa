"""`lanline video library`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.folders import JsonOption
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, at_server, show_note
from lanline.cli.running import DEFAULT_HOME

if TYPE_CHECKING:
    from lanline.client.node.call import NodeCall
    from lanline.client.node.films import FilmsListed
    from lanline.model.films import Film


def library(
    json: JsonOption = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the server.")] = DEFAULT_TIMEOUT_S,
    home: Annotated[
        Path, typer.Option(envvar="LANLINE_HOME", help="Folder with your key and your account.")
    ] = DEFAULT_HOME,
) -> None:
    """List the films of your server.

    \b
    lanline video library
    lanline video library --json
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    found = at_server(home, timeout, listed)
    if json:
        show_library_json(found)
    else:
        show_library(found)


def listed(call: NodeCall) -> FilmsListed:
    from lanline.client.node.films import FilmsListed, ListFilms

    found = call.ask(ListFilms())
    assert isinstance(found, FilmsListed)
    return found


def show_library(found: FilmsListed) -> None:
    from lanline.cli.admin.asking import show_table
    from lanline.client.films.bar import clock_text

    rows = [
        (
            film.name,
            clock_text(max((each.duration_ms for each in film.playable), default=0) / 1000) if film.playable else "-",
            " ".join(f"{each.lines}p" for each in film.playable) or "none",
            f"{film.size_bytes / 1e6:.1f} MB",
        )
        for film in found.library.films
    ]
    nothing = "There is no film on this server yet. Its admin puts some into the folder 'videos' of its data."
    show_table(("FILM", "TIME", "QUALITIES", "SIZE"), rows, nothing)
    for film in found.library.films:
        for problem in _problems(film):
            show_note(problem)
    _tell_strange(found.library.strange)


def _problems(film: Film) -> list[str]:
    from lanline.model.films import QUALITIES, film_file_name
    from lanline.model.text import safe_line

    there = {each.lines for each in film.files}
    # None is larger than the film itself was.
    missing = [f"{lines}p" for lines in QUALITIES if lines not in there and lines < max(there, default=0)]
    said = [
        safe_line(f"{film_file_name(film.name, each.lines)}: {each.problem}.") for each in film.files if each.problem
    ]
    if missing:
        said.append(safe_line(f"{film.name} is not there in {' and '.join(missing)}."))
    return said


def _tell_strange(strange: tuple[str, ...]) -> None:
    from lanline.model.films import PATTERN
    from lanline.model.text import safe_line

    if strange:
        shown = safe_line(", ".join(strange[:5])) + (" …" if len(strange) > 5 else "")
        show_note(f"Not called as films are, which is {PATTERN}: {shown}.")


def show_library_json(found: FilmsListed) -> None:
    from lanline.cli.admin.asking import show_json

    show_json(
        {
            "films": [
                {
                    "name": film.name,
                    "duration_s": max((each.duration_ms for each in film.files), default=0) / 1000,
                    "size_bytes": film.size_bytes,
                    "files": [
                        {
                            "quality": f"{each.lines}p",
                            "size_bytes": each.size_bytes,
                            "width": each.width,
                            "height": each.height,
                            "duration_s": each.duration_ms / 1000,
                            "problem": each.problem or None,
                        }
                        for each in film.files
                    ],
                }
                for film in found.library.films
            ],
            "strange": list(found.library.strange),
            "used_bytes": found.library.used_bytes,
            "most_bytes": found.most_bytes or None,
        }
    )
