"""How an admin's command reaches the server, and how it shows what came back."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from lanline.cli.folders import DEFAULT_DATA
from lanline.cli.nodecall import expanded, show_note, unlock
from lanline.cli.running import DEFAULT_HOME, run
from lanline.errors import InvalidInput, LinkError, ServerUnreachable

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient
    from lanline.crypto.identity import Identity
    from lanline.server.datafolder import DataFolder
    from lanline.wire.chat.messages import ClientMessage

T = TypeVar("T")
Answer = TypeVar("Answer")

REACHED_WITHIN_S = 10.0


class Way(NamedTuple):
    identity: Identity
    host: str
    port: int
    fingerprint: bytes
    public_host: str
    public_port: int
    remedy: str
    """What to do when nothing answers there."""


def way_to_server(data: Path | None, home: Path = DEFAULT_HOME) -> Way:
    """As the operator where the server's folder is named, as the admin of this home where it has joined a server."""
    from lanline.server.datafolder import DataFolder

    if data is not None:
        return _way_of_operator(DataFolder(expanded(data, "--data")))
    way = way_of_home(expanded(home, "--home"))
    if way is not None:
        return way
    folder = DataFolder(expanded(DEFAULT_DATA, "--data"))
    if folder.exists():
        return _way_of_operator(folder)
    raise InvalidInput("Which server? Name its folder with --data, or join one first: lanline join INVITE --name NAME")


def _way_of_operator(folder: DataFolder) -> Way:
    start = f"Start it: lanline serve --data {folder.path}"
    identity, fingerprint = folder.read_operator(), folder.read_fingerprint()
    running = folder.read_running()
    if running is None:
        raise LinkError(f"No server runs on {folder.path}. {start}")
    return Way(
        identity,
        running.host,
        running.port,
        fingerprint,
        running.public_host,
        running.public_port,
        f"Does it run? {start}",
    )


def way_of_home(home: Path) -> Way | None:
    from lanline.client.home import Home
    from lanline.client.pin import read_pin

    pin = read_pin(home)
    if pin is None or pin.fingerprint is None:
        return None
    unlock(home, although_running=True)
    return Way(Home(home).identity(), pin.host, pin.port, pin.fingerprint, pin.host, pin.port, "")


def ask_server(way: Way, work: Callable[[ChatClient], Coroutine[Any, Any, T]]) -> T:
    """Sign in, do the work, leave."""
    return run(_ask(way, work), on_uvloop=False)


async def _ask(way: Way, work: Callable[[ChatClient], Coroutine[Any, Any, T]]) -> T:
    from lanline.client.chat.client import ChatClient
    from lanline.client.pin import KnownServer

    async with ChatClient.with_key(way.identity, KnownServer(way.host, way.port, way.fingerprint)) as client:
        await client.wait_until(lambda: client.is_signed_in or client.failed_calls > 0, REACHED_WITHIN_S)
        if not client.is_signed_in:
            raise ServerUnreachable(f"{client.last_problem} {way.remedy}".rstrip())
        return await work(client)


def ask_group(home: Path, work: Callable[[ChatClient], Coroutine[Any, Any, T]]) -> T:
    """As a member of the group of this home's server. Raises NotJoined, NotInGroup."""
    unlock(home, although_running=True)
    return run(_ask_group(expanded(home, "--home"), work), on_uvloop=False)


@contextlib.asynccontextmanager
async def asking(home: Path) -> AsyncIterator[ChatClient]:
    """Signed in with the keys of a home, while its node may run."""
    from lanline.client.chat.client import ChatClient
    from lanline.client.pin import joined_pin

    async with ChatClient.as_member(home, joined_pin(home)) as client:
        client.node.seals.tell_keys_notice(show_note)
        await client.wait_until(lambda: client.is_signed_in or client.failed_calls > 0, REACHED_WITHIN_S)
        if not client.is_signed_in:
            raise ServerUnreachable(client.last_problem)
        yield client


async def _ask_group(home: Path, work: Callable[[ChatClient], Coroutine[Any, Any, T]]) -> T:
    from lanline.client.node.sealservice import outside_text
    from lanline.errors import NotInGroup

    async with asking(home) as client:
        seals = client.node.seals
        member = seals.member
        assert member is not None
        await client.wait_until(lambda: not seals.asks or member.is_settled, REACHED_WITHIN_S)
        if not (seals.asks and member.copy.is_member):
            raise NotInGroup(outside_text(seals))
        return await work(client)


async def answer(client: ChatClient, message: ClientMessage, kind: type[Answer]) -> Answer:
    found = await client.ask(message)
    if not isinstance(found, kind):
        raise LinkError("The server's answer belongs to another question. Bring server and client to one version.")
    return found


# Showing.


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> None:
    """Columns as wide as they need; what people chose to be called cannot move the terminal's cursor."""
    from lanline.model.text import safe_line

    if not rows:
        say(nothing)
        return
    lines = [[*header], *([safe_line(cell) for cell in row] for row in rows)]
    widths = [max(map(_columns, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        say("  ".join(cell + " " * (width - _columns(cell)) for cell, width in zip(line, widths, strict=True)).rstrip())


def _columns(cell: str) -> int:
    """A letter may be two of them wide, or none."""
    if cell.isascii():
        return len(cell)
    from prompt_toolkit.utils import get_cwidth

    return get_cwidth(cell)


def show_json(*values: Mapping[str, object]) -> None:
    """Each in a line of its own, in ASCII: whatever stands in it reaches no terminal as a command."""
    import json

    for value in values:
        say(json.dumps(_plain(value)))


def _plain(value: object) -> object:
    import msgspec

    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, msgspec.Struct):
        return {name: _plain(item) for name, item in msgspec.structs.asdict(value).items()}
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return getattr(value, "value", value)


def day(time_ms: int) -> str:
    from lanline.client.moments import moment

    at = moment(time_ms)
    return "some day" if at is None else f"{at:%Y-%m-%d %H:%M}"


def size(size_bytes: int) -> str:
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f} {name}"
    return f"{size_bytes / 1000:.1f} kB"
