"""Owns what a conversation of two hosts needs of the world: the socket, the clock, and whoever waits for an event."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable

from lanline.client.home import Home
from lanline.client.peer.conversation import PeerConversation, PeerState
from lanline.client.peer.events import PeerEvent
from lanline.client.port import open_port
from lanline.crypto.words import fingerprint_words
from lanline.model.addresses import address_text
from lanline.model.text import MAX_TEXT_BYTES
from lanline.proto.link.outbox import INITIAL_LIMIT_BYTES
from lanline.proto.link.profile import LinkProfile
from lanline.transport.connection import Connection
from lanline.transport.datagrams import Address, DatagramSocket
from lanline.transport.linkhost import LinkHost
from lanline.transport.loopclock import LoopClock

_OVERHEAD_BYTES = 64
PROFILE = LinkProfile(
    keepalive_s=5.0,
    dead_after_s=15.0,
    max_message_bytes=MAX_TEXT_BYTES + _OVERHEAD_BYTES,
    stranger_window_bytes=INITIAL_LIMIT_BYTES,
)
_LAST_WORDS_S = 1.0


class PeerChat:
    def __init__(self, home: Home, name: str, *, accepts_new_key: bool = False) -> None:
        self.conversation = PeerConversation(
            name, home, LoopClock(), os.urandom, accepts_new_key=accepts_new_key, on_step=self._on_step
        )
        self._identity = home.identity()
        self._host: LinkHost | None = None
        self._has_stepped = asyncio.Event()

    @property
    def name(self) -> str:
        return self.conversation.name

    @property
    def words(self) -> list[str]:
        return fingerprint_words(self._identity.fingerprint)

    @property
    def undelivered(self) -> list[str]:
        return self.conversation.undelivered

    @property
    def is_connected(self) -> bool:
        return self.conversation.state is PeerState.TALKING

    @property
    def port(self) -> int:
        assert self._host is not None
        return self._host.address[1]

    async def start(self, listen_host: str, listen_port: int, peer_host: str | None, peer_port: int) -> None:
        sock, address = await open_port(listen_host, listen_port, peer_host, peer_port)
        self.start_on(sock, address, None if peer_host is None else address_text((peer_host, peer_port)))

    def start_on(self, sock: DatagramSocket, peer_address: Address | None, label: str | None) -> None:
        self._host = host = LinkHost(sock, self._identity, profile=PROFILE, on_accept=self.conversation.on_accept)

        def connect() -> Connection:
            assert peer_address is not None
            return host.connect_nowait(peer_address)

        self.conversation.start(connect, peer_address, label)

    def say(self, text: str) -> int:
        """Keep a text until it was shown at the other side; return its number."""
        return self.conversation.say(text)

    async def next_event(self) -> PeerEvent:
        """Asking again says that the event before was shown: only then does the other side learn of its delivery."""
        while (event := self.conversation.next_event()) is None:
            await self._step()
        return event

    def finish_event(self) -> None:
        """The event that was given out last was shown; for whoever does not ask for another one."""
        self.conversation.finish_event()

    async def wait_undelivered_below(self, count: int) -> None:
        await self._wait_until(lambda: len(self.undelivered) < count)

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._step()

    async def _step(self) -> None:
        self._has_stepped.clear()
        await self._has_stepped.wait()

    def _on_step(self) -> None:
        self._has_stepped.set()

    async def close(self) -> None:
        """A goodbye gives up what is under way: first let the receipts arrive, or texts that were shown seem lost."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._wait_until(lambda: not self.conversation.has_under_way)
        self.conversation.close()
        if self._host is not None:
            self._host.close()
