"""Lanline's members, each with a socket and a link of its own: the wire alone, with no history on a disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from chatcrowds import NUMBER_BYTES, OnHeard, text_of
from lanline.crypto.identity import Identity
from lanline.errors import LinkError
from lanline.ids import new_entry_id
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessageReceived
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.conversations import Conversations
from lanline.wire.chat.entries import Advance, Append, Entries, Follow
from lanline.wire.chat.messages import ServerMessage, decode_server_message, encode_message
from lanline.wire.chat.signin import VERSIONS, Hello, SignIn

AT_ONCE = 32
CALLS = 5
SIGN_IN_LIMIT_S = 60.0


def keys_path(folder: Path, number: int) -> Path:
    return folder / "keys" / f"{number}.pem"


class Member:
    def __init__(self, connection: Connection, on_heard: OnHeard | None) -> None:
        self._connection = connection
        self._on_heard = on_heard
        self._requests = 1
        self._log = 0
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        connection.set_handler(self._on_event)
        self._send(Hello(VERSIONS, "bench"))
        self._send(SignIn(1))

    def _send(self, message: Hello | SignIn | Follow | Append | Advance) -> None:
        self._connection.send_nowait(Channel.CHAT, encode_message(message))

    def _on_event(self, event: LinkEvent) -> None:
        if type(event) is MessageReceived:
            self._on_message(decode_server_message(event.payload))
        elif type(event) is LinkClosed and not self.joined.done():
            self.joined.set_exception(ConnectionError(event.reason))

    def _on_message(self, message: ServerMessage) -> None:
        if type(message) is Entries:
            if self._on_heard is not None:
                for entry in message.entries:
                    self._on_heard(int(entry.content[:NUMBER_BYTES]))
        elif type(message) is Conversations and message.conversations:
            (conversation,) = message.conversations
            self._log = conversation.log
            self._send(Follow(conversation.log, conversation.head))
            self.joined.set_result(None)
        elif type(message) is Refused:
            raise ConnectionError(message.text)

    def say(self, numbers: range) -> None:
        now_ms = int(time.time() * 1000)
        for number in numbers:
            self._requests += 1
            entry_id = new_entry_id(now_ms, os.urandom)
            self._send(Append(self._requests, self._log, entry_id, "plain", text_of(number)))


M = TypeVar("M", bound=Member)


class LanlineCrowd:
    def __init__(self, hosts: list[LinkHost], members: Sequence[Member]) -> None:
        self._hosts = hosts
        self._members = members

    def say(self, numbers: range) -> None:
        self._members[0].say(numbers)


async def gather(host: str, port: int, members: int, folder: Path, on_heard: OnHeard) -> LanlineCrowd:
    return LanlineCrowd(*await gather_members(Member, host, port, members, folder, on_heard))


async def _called(link_host: LinkHost, address: tuple[str, int]) -> Connection:
    """Again, as clients do, where the server lets no more in from one network for the moment."""
    for _ in range(CALLS):
        with contextlib.suppress(LinkError):
            return await link_host.connect(address)
    return await link_host.connect(address)


async def gather_members(
    kind: type[M], host: str, port: int, members: int, folder: Path, on_heard: OnHeard
) -> tuple[list[LinkHost], list[M]]:
    turns = asyncio.Semaphore(AT_ONCE)
    hosts: list[LinkHost] = []

    async def join(number: int) -> M:
        async with turns:
            identity = Identity.from_pem(keys_path(folder, number).read_bytes())
            link_host = LinkHost(await UdpSocket.bind("0.0.0.0", 0), identity)
            hosts.append(link_host)
            connection = await _called(link_host, (host, port))
            member = kind(connection, on_heard if number else None)
            await asyncio.wait_for(member.joined, SIGN_IN_LIMIT_S)
        return member

    return hosts, list(await asyncio.gather(*map(join, range(members))))
