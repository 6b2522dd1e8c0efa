"""`lanline peer`."""

from __future__ import annotations

import contextlib
import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.confirming import is_terminal
from lanline.cli.nodecall import home_folder, unlock
from lanline.cli.running import DEFAULT_HOME, run

if TYPE_CHECKING:
    from lanline.client.peer.chat import PeerChat

DEFAULT_PORT = 5265
ALL_ADDRESSES = "0.0.0.0"  # noqa: S104 -- a peer is there to be called


def peer(
    listen_host: Annotated[str, typer.Option(help="Address to listen on; :: for IPv6 as well.")] = ALL_ADDRESSES,
    listen_port: Annotated[int, typer.Option(min=0, max=65535, help="UDP port to listen on; 0 takes a free one.")] = (
        DEFAULT_PORT
    ),
    peer_host: Annotated[
        str | None, typer.Option(help="Name or address of the other host. Without it you wait to be called.")
    ] = None,
    peer_port: Annotated[int, typer.Option(min=1, max=65535, help="UDP port of the other host.")] = DEFAULT_PORT,
    name: Annotated[str | None, typer.Option(help="What the other side calls you; by default your login name.")] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Bare UTF-8 datagrams, as netcat speaks them: not encrypted, not reliable.")
    ] = False,
    accept_new_key: Annotated[
        bool, typer.Option("--accept-new-key", help="The other side has a new key, and you have made sure of it.")
    ] = False,
    stay: Annotated[bool, typer.Option("--stay", help="Go on receiving after the end of piped input.")] = False,
    wait: Annotated[
        float, typer.Option(min=0.0, help="Seconds that piped input may take to be delivered after its end.")
    ] = 30.0,
    home: Annotated[
        Path, typer.Option(envvar="LANLINE_HOME", help="Folder with your key and the keys you have met.")
    ] = DEFAULT_HOME,
) -> None:
    """Chat between two hosts, without a server, over UDP.

    Both sides run this; either may start first, start again, or change its
    address. Encrypted: on the first meeting compare the key words by another
    way; later meetings check the key by themselves.

    \b
    One side waits:     lanline peer
    The other calls:    lanline peer --peer-host 192.168.1.20
    On one machine:     lanline peer --listen-port 6001
                        lanline peer --listen-port 6002 \\
                          --peer-host 127.0.0.1 --peer-port 6001
    From a script:      echo "backup done" | \\
                          lanline peer --listen-port 0 --peer-host 192.168.1.20
    Into a file:        lanline peer --stay < /dev/null >> log
    With netcat:        nc -u -l 6000
                        lanline peer --plain --peer-host HOST --peer-port 6000

    \b
    Exit status: 0 when you leave and all was delivered, 1 when something was
    not or it cannot go on, 64 for wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    # However a person leaves a chat, it is no failure; what was not delivered is.
    with contextlib.suppress(KeyboardInterrupt):
        if plain:
            run(
                _plain(listen_host, listen_port, peer_host, peer_port, stay), on_uvloop=False
            )  # which hears no refusals
            return

        from lanline.client.home import Home
        from lanline.client.peer.chat import PeerChat

        unlock(home, although_running=True)
        chat = PeerChat(Home(home_folder(home)), name or _login_name(), accepts_new_key=accept_new_key)
        run(_sealed(chat, listen_host, listen_port, peer_host, peer_port, stay, wait))


async def _sealed(
    chat: PeerChat, listen_host: str, listen_port: int, peer_host: str | None, peer_port: int, stay: bool, wait: float
) -> None:
    await chat.start(listen_host, listen_port, peer_host, peer_port)
    if is_terminal():
        from lanline.faces.peer.terminal import TerminalPeerFace

        await TerminalPeerFace(chat).run()
    else:
        from lanline.faces.peer.piped import PipedPeerFace

        await PipedPeerFace(chat, stays=stay, wait_s=wait).run()


async def _plain(listen_host: str, listen_port: int, peer_host: str | None, peer_port: int, stay: bool) -> None:
    from lanline.client.peer.plain import PlainPeer
    from lanline.faces.peer.plain import PlainFace

    plain_peer = PlainPeer()
    await plain_peer.start(listen_host, listen_port, peer_host, peer_port)
    if not is_terminal():
        from lanline.faces.lines import InputLines, OutputLines, tell_aside

        tell_aside(f"Plain datagrams, not encrypted, on UDP port {plain_peer.port}.")
        await PlainFace(plain_peer, InputLines(), OutputLines().write, tell_aside).run(stays=stay)
        return

    from prompt_toolkit.patch_stdout import patch_stdout

    from lanline.faces.prompt import TypedLines

    with patch_stdout():
        _tell("Plain datagrams: not encrypted, and nobody knows what arrives.")
        _tell(f"You are on UDP port {plain_peer.port}. Ctrl+D or Ctrl+C leaves.")
        await PlainFace(plain_peer, TypedLines(_tell), _write, _tell).run(stays=False, echoes=True)


async def _write(text: str) -> None:
    sys.stdout.write(text)


def _tell(line: str) -> None:
    sys.stdout.write(f"* {line}\n")


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
