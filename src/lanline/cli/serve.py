"""`lanline serve`."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.folders import DEFAULT_DATA
from lanline.cli.lostoutput import give_output_up
from lanline.cli.nodecall import expanded
from lanline.cli.running import run

if TYPE_CHECKING:
    from lanline.config import ServerConfig
    from lanline.server.app import RunningServer


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; :: for IPv6 as well.", show_default="0.0.0.0")  # noqa: S104
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="UDP and TCP port; 0 takes a free one.", show_default="5265")
    ] = None,
    data: Annotated[
        Path, typer.Option(envvar="LANLINE_DATA", help="Folder for all that the server keeps.")
    ] = DEFAULT_DATA,
    config: Annotated[
        Path | None, typer.Option(help="File of settings.", show_default="lanline.toml in the data folder")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What the server calls itself.", show_default="name of the machine")
    ] = None,
    public_host: Annotated[
        str | None,
        typer.Option(help="Host name or address for invites.", show_default="this machine's on its network"),
    ] = None,
    open_: Annotated[
        bool | None,
        typer.Option("--open/--closed", help="Whether anybody may join without an invite.", show_default="closed"),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="TCP port on 127.0.0.1 for /health and /metrics.", show_default="none"),
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="debug, info, warning or error.", show_default="info")
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="text or json.", metavar="FORMAT", show_default="text")] = None,
    qr: Annotated[bool, typer.Option("--qr", help="Show the first invite as a QR code too.")] = False,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="The server's key is lost: make another. Everybody has to accept it.")
    ] = False,
    until_input_ends: Annotated[bool, typer.Option("--until-input-ends", hidden=True)] = False,
) -> None:
    """Run a server for your group, on one port.

    At its first start it makes its key and prints an invite for its admin.
    Ctrl+C or SIGTERM stops it: all that it took is written, everybody is told.

    \b
    At home or on a ship:   lanline serve
    On another port:        lanline serve --port 7000 --data /srv/lanline
    Anybody may join:       lanline serve --open
    Behind a router:        lanline serve --public-host chat.example.org
    With a health page:     lanline serve --metrics-port 9265
                            curl http://127.0.0.1:9265/health

    \b
    Then, beside it:        lanline invite        one more person
                            lanline admin --help  all the rest

    \b
    Every option may stand in lanline.toml, or in the environment as
    LANLINE_PORT and so on. What is typed wins.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.config import FILE_NAME, read_config

    folder = expanded(data, "--data")
    file = config or (folder / FILE_NAME if (folder / FILE_NAME).exists() else None)
    typed = {
        "host": host,
        "port": port,
        "server_name": name,
        "public_host": public_host,
        "open": open_,
        "metrics_port": metrics_port,
        "log.level": log_level,
        "log.format": log_format,
    }
    settings = read_config(file, os.environ, typed)
    with contextlib.suppress(KeyboardInterrupt):  # the way to stop a server, and no failure
        run(_serve(folder, settings, new_key, qr, until_input_ends))


async def _serve(folder: Path, config: ServerConfig, makes_key: bool, shows_qr: bool, ends_with_input: bool) -> None:
    import asyncio

    from lanline.server.app import serving
    from lanline.server.logs import open_log

    open_log(config.log)
    async with serving(folder, config, makes_key=makes_key) as server:
        _say(_introduction(server, folder))
        if shows_qr and server.first_invite is not None:
            from lanline.cli.qr import qr_code

            _say(qr_code(str(server.first_invite)))
        await (_input_ended() if ends_with_input else asyncio.Event().wait())


async def _input_ended() -> None:
    """Nobody writes to it, so what comes is the end: of who has started this."""
    import asyncio

    loop, has_ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(0, has_ended.set)
    await has_ended.wait()
    loop.remove_reader(0)


def _introduction(server: RunningServer, folder: Path) -> str:
    from lanline.crypto.words import fingerprint_words
    from lanline.model.text import safe_line

    lines = [
        f"Lanline server {safe_line(server.name)} is ready.",
        "",
        f"  Address  {server.public_host}, port {server.public_port} (UDP and TCP)",
        f"  Key      {' '.join(fingerprint_words(server.fingerprint))}",
        f"  Data     {folder}",
    ]
    if server.metrics_port is not None:
        lines.append(f"  Health   http://127.0.0.1:{server.metrics_port}/health")
    invite = f"lanline invite (to let them only ask to be let in: lanline invite --data {_quoted(folder)})"
    steps = _first_steps(server, invite) if server.first_invite else [f"Invite people, from an admin's home: {invite}"]
    lines += ["", *steps, ""]
    return "\n".join(lines)


def _quoted(folder: Path) -> str:
    """As it has to be typed elsewhere."""
    import shlex

    return shlex.quote(str(folder.absolute()))


def _first_steps(server: RunningServer, invite: str) -> list[str]:
    return [
        "Nobody has joined yet. Be the first, and the admin, here or on your own machine:",
        "",
        f"  lanline join {server.first_invite} --name YOUR-NAME",
        "",
        "This invite works once, for 7 days. Keep it to yourself: whoever takes it rules the server.",
        f"Then invite the others, from the home that joined: {invite}",
    ]


def _say(text: str) -> None:
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError:  # whoever started this may have closed it
        give_output_up()
