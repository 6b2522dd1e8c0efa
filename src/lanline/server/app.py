"""The server as it runs: the folder, the store, the port and the core, opened in order and closed in the reverse."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import platform
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import structlog

from lanline.config import ServerConfig
from lanline.crypto.identity import Identity
from lanline.errors import LanlineError, StorageError
from lanline.model.invites import InviteLink
from lanline.server.chatserver import ChatServer
from lanline.server.datafolder import DataFolder, Running
from lanline.server.healthport import HealthPort
from lanline.server.loopclock import LoopClock
from lanline.server.hasher import Argon2Hasher
from lanline.storage.sqlite.engine import SqliteEngine
from lanline.storage.writer import WriterStore
from lanline.transport.datagrams import Address
from lanline.transport.lanaddress import LOOPBACK, lan_address
from lanline.transport.listener import Listener

_LOG = structlog.get_logger(__name__)

FIRST_INVITE_LIVES_S = 7 * 24 * 3600
_LAST_COMMITS_S = 20.0
_LAST_WORDS_S = 2.0
_HEALTH_ANSWERS_WITHIN_S = 4.0
_HEALTH_SETTING = "health"
_WILDCARDS = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 -- where a command on this machine calls instead


class RunningServer(msgspec.Struct, frozen=True):
    """What there is to tell about it."""

    name: str
    address: Address
    public_host: str
    public_port: int
    fingerprint: bytes
    metrics_port: int | None
    first_invite: InviteLink | None
    """While nobody has joined: whoever takes it rules the server."""


@contextlib.asynccontextmanager
async def serving(path: Path, config: ServerConfig, *, makes_key: bool = False) -> AsyncIterator[RunningServer]:
    """Raises LanlineError where it cannot begin. At the end all that was taken is written, and everybody is told."""
    folder = DataFolder(path)
    folder.check()
    asyncio.get_running_loop().set_exception_handler(_log_failure)
    _allow_many_files()
    async with contextlib.AsyncExitStack() as undo:
        # The folder's lock comes first: of two servers that begin at once, one makes the keys.
        store = WriterStore(SqliteEngine.open(path), asyncio.get_running_loop().call_soon_threadsafe)
        undo.push_async_callback(asyncio.to_thread, store.close)
        hasher = Argon2Hasher()
        undo.callback(hasher.close)
        chat = ChatServer(
            store,
            LoopClock(),
            hasher,
            os.urandom,
            config.chat_settings(platform.node() or "lanline"),
            folder.operator().fingerprint,
        )
        chat.open()
        identity = folder.identity(is_first=makes_key or not chat.has_accounts)
        listener = await Listener.open(config.host, config.port, identity, chat.on_accept)
        undo.push_async_callback(_close, listener, chat)
        metrics_port = await _open_health(undo, config, chat, store)
        yield await _introduce(undo, folder, config, chat, listener, identity, metrics_port)
        _LOG.info("stopping")


async def _open_health(
    undo: contextlib.AsyncExitStack, config: ServerConfig, chat: ChatServer, store: WriterStore
) -> int | None:
    if config.metrics_port is None:
        return None
    began = time.monotonic()

    def figures() -> dict[str, float]:
        return {**chat.figures(), "uptime_seconds": time.monotonic() - began}

    port = HealthPort(lambda: _problem(store), figures)
    undo.callback(port.close)
    return await port.open(config.metrics_port)


async def _introduce(
    undo: contextlib.AsyncExitStack,
    folder: DataFolder,
    config: ServerConfig,
    chat: ChatServer,
    listener: Listener,
    identity: Identity,
    metrics_port: int | None,
) -> RunningServer:
    host, port = listener.address
    public_host = config.public_host or (lan_address() if config.host in _WILDCARDS else config.host)
    public_port = config.public_port or port
    InviteLink.parse(str(InviteLink(public_host, public_port, identity.fingerprint, bytes(16))))  # or nobody can join
    invite = None
    if not chat.has_accounts:
        token = await chat.make_invite(1, FIRST_INVITE_LIVES_S, grants_admin=True)
        invite = InviteLink(public_host, public_port, identity.fingerprint, token)
    running = Running(_WILDCARDS.get(host, host), port, public_host, public_port, os.getpid())
    try:
        folder.write_running(running)
    except StorageError as problem:
        _LOG.warning("commands on this machine will not find the server", reason=str(problem))
    undo.callback(folder.remove_running)
    gc.freeze()  # what is there now stays: no collection need look at it again
    name = config.server_name or platform.node()
    return RunningServer(name, listener.address, public_host, public_port, identity.fingerprint, metrics_port, invite)


async def _close(listener: Listener, chat: ChatServer) -> None:
    """The acknowledgements of the last commit leave before the goodbye."""
    try:
        async with asyncio.timeout(_LAST_COMMITS_S):
            await chat.shut_down("The server is stopping.")
    except (LanlineError, TimeoutError) as problem:
        _LOG.warning("not all could be written", reason=str(problem))
    listener.close("The server is stopping.")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WORDS_S):
            await listener.wait_closed()


async def _problem(store: WriterStore) -> str:
    """A server that cannot write is not well, however well it reads: so something is written."""
    stamp = str(time.time_ns()).encode()
    try:
        async with asyncio.timeout(_HEALTH_ANSWERS_WITHIN_S):
            await store.write(lambda transaction: transaction.settings.put(_HEALTH_SETTING, stamp))
    except TimeoutError:
        return "The disk does not answer."
    except LanlineError as problem:
        return str(problem)
    return ""


def _log_failure(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    _LOG.error(context["message"], exc_info=context.get("exception"))


def _allow_many_files() -> None:
    """Each client over WebSocket is an open file, and the usual limit of 1024 is but a default."""
    try:
        import resource  # noqa: PLC0415 -- not on Windows
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
