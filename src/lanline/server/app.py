"""The server as it runs: the folder, the store, the port and the core, opened in order and closed in the reverse."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import platform
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from lanline import __version__
from lanline.config import ServerConfig
from lanline.crypto.identity import Identity
from lanline.errors import InvalidInput, LanlineError, StorageError
from lanline.model.invites import InviteLink
from lanline.model.journal import Deed, NewJournalEntry
from lanline.model.settings import ServerSettings
from lanline.proto.link.profile import LinkProfile
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.server.chatserver import ChatServer
from lanline.server.datafolder import DataFolder, Running
from lanline.server.freedmemory import give_freed_memory_back
from lanline.server.hasher import Argon2Hasher
from lanline.server.healthport import HealthPort
from lanline.server.restored import end_if_restored
from lanline.storage.api import Database, Engine, Transaction
from lanline.storage.filmfolder import FilmFolder
from lanline.storage.sqlite.database import SqliteDatabase
from lanline.storage.writer import WriterStore
from lanline.transport.datagrams import Address
from lanline.transport.lanaddress import LOOPBACK, lan_address
from lanline.transport.listener import Listener
from lanline.transport.loopclock import LoopClock
from lanline.wire.chat.limits import MAX_MESSAGE_BYTES

_LOG = logging.getLogger(__name__)

FIRST_INVITE_LIVES_S = 7 * 24 * 3600
_SEND_BUFFER_BYTES = 256 * 1024
"""All that one slow reader may cost, for each channel; it reads on from the disk."""
_STRANGER_WINDOW_BYTES = 16 * 1024
"""Of a client that has not signed in. The largest message that it has to send is `Join`, of less than 8 KiB."""
UDP_PROFILE = LinkProfile(
    keepalive_s=10.0,
    dead_after_s=25.0,
    max_message_bytes=MAX_MESSAGE_BYTES,
    send_buffer_bytes=_SEND_BUFFER_BYTES,
    stranger_window_bytes=_STRANGER_WINDOW_BYTES,
)
WEBSOCKET_PROFILE = WebSocketProfile(
    keepalive_s=10.0,
    dead_after_s=25.0,
    max_message_bytes=MAX_MESSAGE_BYTES,
    send_buffer_bytes=_SEND_BUFFER_BYTES,
    stranger_window_bytes=_STRANGER_WINDOW_BYTES,
)
_KEPT_SHARE_OF_DISK = 0.05
"""At most, for admins."""
_WARNED_SHARE_OF_DISK = 0.1
"""Less than this is left, at most, when they are warned."""
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
    _check_public_host(config.public_host)
    folder = DataFolder(path)
    folder.check()
    asyncio.get_running_loop().set_exception_handler(_log_failure)
    _allow_many_files()
    async with contextlib.AsyncExitStack() as undo:
        # The folder's lock comes first: of two servers that begin at once, one makes the keys.
        engine, is_restored = _opened(folder)
        store = WriterStore(engine, asyncio.get_running_loop().call_soon_threadsafe)
        undo.push_async_callback(asyncio.to_thread, store.close)
        films = FilmFolder(path, asyncio.get_running_loop().call_soon_threadsafe)
        undo.callback(films.close)
        hasher = Argon2Hasher()
        undo.callback(hasher.close)
        chat = ChatServer(
            store,
            LoopClock(),
            hasher,
            os.urandom,
            _settings(config, folder.disk_bytes()),
            folder.operator().fingerprint,
            folder.free_bytes,
            shelf=films,
        )
        await chat.open()
        await _note_start(store, is_restored=is_restored)
        chat.core.housekeeping.begin()
        identity = folder.identity(is_first=makes_key or not chat.has_accounts)
        listener = await Listener.open(
            config.host,
            config.port,
            identity,
            chat.on_accept,
            udp_profile=UDP_PROFILE,
            websocket_profile=WEBSOCKET_PROFILE,
        )
        undo.push_async_callback(_close, listener, chat)
        for host in chat.core.presence.hosts():
            listener.remember_host(host)
        metrics_port = await _open_health(undo, config, chat, store)
        place = _public_place(config, listener.address)
        first_invite = await _first_invite(chat, place, identity)
        _announce(undo, folder, listener.address, place)
        give_freed_memory_back(LoopClock())
        gc.freeze()  # what is there now stays: no collection need look at it again
        name = config.server_name or platform.node()
        yield RunningServer(name, listener.address, *place, identity.fingerprint, metrics_port, first_invite)


def _settings(config: ServerConfig, disk_bytes: int) -> ServerSettings:
    """A small disk is not nearly full from the beginning."""
    settings = config.chat_settings(platform.node() or "lanline")
    least_free_bytes = min(settings.least_free_bytes, int(disk_bytes * _KEPT_SHARE_OF_DISK))
    warn_free_bytes = min(settings.warn_free_bytes, int(disk_bytes * _WARNED_SHARE_OF_DISK))
    return msgspec.structs.replace(settings, least_free_bytes=least_free_bytes, warn_free_bytes=warn_free_bytes)


def database_in(folder: Path) -> Database:
    return SqliteDatabase(folder)


def _opened(folder: DataFolder) -> tuple[Engine, bool]:
    """And whether it was put back to an older state."""
    engine = database_in(folder.path).open()
    try:
        is_restored = end_if_restored(engine, folder)
        if is_restored:
            _LOG.info("this folder was restored or copied: clients compare what they hold with it")
    except BaseException:
        engine.close()
        raise
    return engine, is_restored


async def _note_start(store: WriterStore, *, is_restored: bool) -> None:
    def work(transaction: Transaction) -> None:
        now_ms = time.time_ns() // 1_000_000
        if is_restored:
            transaction.journal.add(NewJournalEntry(now_ms, Deed.RESTORED))
        transaction.journal.add(NewJournalEntry(now_ms, Deed.STARTED, detail=f"with Lanline {__version__}"))

    try:
        await store.write(work)
    except StorageError as problem:
        _LOG.warning("The start could not be noted in the journal: %s", problem)


async def _open_health(
    undo: contextlib.AsyncExitStack, config: ServerConfig, chat: ChatServer, store: WriterStore
) -> int | None:
    if config.metrics_port is None:
        return None
    port = HealthPort(lambda: _problem(store), lambda: chat.core.housekeeping.warning, chat.figures)
    undo.callback(port.close)
    return await port.open(config.metrics_port)


def _public_place(config: ServerConfig, address: Address) -> Address:
    """Where others reach the server, as far as can be known here."""
    usual = lan_address() if config.host in _WILDCARDS else config.host
    return config.public_host or usual, config.public_port or address[1]


async def _first_invite(chat: ChatServer, place: Address, identity: Identity) -> InviteLink | None:
    if chat.has_accounts:
        return None
    token = await chat.core.make_first_invite(FIRST_INVITE_LIVES_S)
    return InviteLink(*place, identity.fingerprint, token)


def _announce(undo: contextlib.AsyncExitStack, folder: DataFolder, address: Address, place: Address) -> None:
    """To commands on this machine. A disk that is full does not keep the server from telling what was said."""
    host, port = address
    try:
        folder.write_running(Running(_WILDCARDS.get(host, host), port, *place, os.getpid()))
    except StorageError as problem:
        _LOG.warning("Commands on this machine will not find the server: %s", problem)
    undo.callback(folder.remove_running)


def _check_public_host(host: str | None) -> None:
    """Or nobody could read the invites."""
    try:
        if host is not None:
            InviteLink("", 1, b"", b"").reached_at(f"[{host}]" if ":" in host else host)
    except InvalidInput as cause:
        raise InvalidInput(
            f"'public_host' has to be a host name or an address without a port, not {host!r}."
        ) from cause


async def _close(listener: Listener, chat: ChatServer) -> None:
    """The acknowledgements of the last commit leave before the goodbye."""
    _LOG.info("stopping")
    try:
        async with asyncio.timeout(_LAST_COMMITS_S):
            await chat.shut_down("The server is stopping.")
    except (LanlineError, TimeoutError) as problem:
        _LOG.warning("Not all could be written: %s", problem)
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
    _LOG.error("%s", context["message"], exc_info=context.get("exception"))


def _allow_many_files() -> None:
    """Each client over WebSocket is an open file, and the usual limit of 1024 is but a default."""
    try:
        import resource  # noqa: PLC0415 -- not on Windows
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
