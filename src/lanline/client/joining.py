"""Owns how a home joins a server: signs in once with a name and a password, and keeps the place and the key."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path

import msgspec

from lanline.client.chat import client as chat
from lanline.client.chat.connector import UDP_PROFILE, WEBSOCKET_PROFILE
from lanline.client.chat.history import History
from lanline.client.chat.sealed.seals import DeviceKeys
from lanline.client.chat.session import AsNewcomer
from lanline.client.home import Home
from lanline.client.pin import KnownServer, parse_server, read_pin, write_pin
from lanline.client.sealing.devices import spaced
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.member import GroupStanding
from lanline.client.sealing.ownentries import shown_of
from lanline.client.sealing.recovery import SeenGroup
from lanline.client.view.events import CallFailed, NodeEvent, SignedIn, SignInRefused
from lanline.client.view.values import NodeState
from lanline.crypto.groups import ids
from lanline.crypto.identity import Identity
from lanline.errors import (
    AddressUnavailable,
    HistoryProblem,
    InvalidInput,
    LinkError,
    NotJoined,
    RefusalCode,
    RequestRefused,
    ServerKeyChanged,
    ServerUnreachable,
)
from lanline.model.devices import DEVICE_WAITS_MS
from lanline.model.invites import DEVICE_TOKEN_BYTES, MEMBERS_TOKEN_BYTES
from lanline.model.names import checked_name, folded_name
from lanline.transport.dialer import Dialer

_CALL_AGAIN_S = 1.0
_LET_IN_WITHIN_S = 5.0
"""By a device that waits for this one, which it does that has made the link."""
OPENED_BY_PASSWORD = frozenset({RefusalCode.NAME_TAKEN, RefusalCode.INVITE_UNUSABLE, RefusalCode.BAD_CREDENTIALS})
"""With these a device is turned away that brought no password; the account may be its person's all the same."""


class Group(Enum):
    """How one stands to the group on the server."""

    NONE = "none"
    """The server has none: what is said there is not sealed."""
    IN = "in"
    ASKS = "asks"
    OUT = "out"


class RecoveryKey(msgspec.Struct, frozen=True):
    chance: bytes
    """Behind its words."""
    seen: SeenGroup | None = None

    @property
    def shown(self) -> bytes:
        return ids.recovery_shown_of(ids.recovery_secret_of(self.chance))


class Joined(msgspec.Struct, frozen=True):
    server: KnownServer
    name: str
    is_new_account: bool
    """False: this device was added to an account that there was."""
    group: Group = Group.NONE
    recovery: bytes | None = None
    """Of a group that was founded just now: the 16 bytes behind the words of the recovery key."""
    request: bytes | None = None
    """Of who waits to be let in: the bytes behind the words to compare."""
    problem: str = ""
    """Why this device is not in the group."""
    code: str | None = None
    """Of a further device: what another one of the account is to be told."""
    lacks_recovery: bool = False
    """There is no recovery key: if this device is lost, nobody can let its person in again."""

    @property
    def is_left_out(self) -> bool:
        """There is an account and no place in the group, for the reason in `problem`; nobody has been asked for one."""
        return bool(self.problem) and self.group is not Group.IN and self.request is None and self.code is None


class Patience:
    """How long one waits for a server, and who hears that it does not answer."""

    def __init__(self, limit_s: float = 30.0, on_wait: Callable[[str], None] | None = None) -> None:
        """`on_wait` is told once, why: it is called again after that."""
        self.limit_s = limit_s
        self.put_off: RequestRefused | None = None
        """The server says when to come again, which is later than that."""
        self._on_wait = on_wait

    def note_failed(self, problem: str) -> None:
        tell, self._on_wait = self._on_wait, None
        if tell is not None:
            tell(problem)

    def watch(self, event: NodeEvent) -> None:
        match event:
            case SignInRefused(code, text, retry_after_s) if retry_after_s >= self.limit_s:
                self.put_off = RequestRefused(code, text, retry_after_s)
            case CallFailed(reason):
                self.note_failed(reason)
            case _:
                pass


async def meet_server(folder: Path, server_text: str, name: str, patience: Patience) -> bytes | None:
    """The fingerprint of the key that a server shows which neither an invite nor this home names; or None.

    Nothing is said to it, not even by whose device it was called. Raises as join_server.
    """
    server, _ = checked_server(folder, server_text, name)
    if server.fingerprint is not None:
        return None
    dialer = Dialer(Identity.generate(), udp_profile=UDP_PROFILE, websocket_profile=WEBSOCKET_PROFILE)
    problem = f"The server at {server.place} does not answer."
    try:
        async with asyncio.timeout(patience.limit_s):
            while True:
                try:
                    connection = await dialer.connect(server.host, server.port)
                except (LinkError, AddressUnavailable) as cause:
                    problem = str(cause)
                    patience.note_failed(problem)
                else:
                    connection.close()
                    return connection.peer_fingerprint
                await asyncio.sleep(_CALL_AGAIN_S)
    except TimeoutError as cause:
        raise ServerUnreachable(problem) from cause
    finally:
        dialer.close()


async def join_server(
    folder: Path,
    server_text: str,
    name: str,
    proof: str | RecoveryKey,
    *,
    accepted_key: bytes | None = None,
    patience: Patience | None = None,
) -> Joined:
    """`proof`: the password, empty where a key or a link is enough; or the recovery key of the account.

    `server_text` is an invite, HOST or HOST:PORT. `accepted_key`: what `meet_server` found, when a person agreed.

    Raises InvalidInput, NotJoined (this home is somebody else already), RequestRefused, ServerKeyChanged,
    VersionMismatch, ServerUnreachable.
    """
    patience = patience or Patience()
    server, token = checked_server(folder, server_text, name)
    server = _with_key(server, accepted_key)
    nick = checked_name(name) if name else ""
    identity = Home(folder).identity()
    keys = DeviceKeys(Keystore.open(folder, os.urandom), identity.fingerprint, os.urandom, platform.node())
    recovery = proof if isinstance(proof, RecoveryKey) else None
    token = _kept(keys.store, token) if recovery is None else recovery.shown
    signed_in: list[SignedIn] = []

    def watch(event: NodeEvent) -> None:
        patience.watch(event)
        if isinstance(event, SignedIn):
            signed_in.append(event)
            _note_founding(keys.store, event)

    way = AsNewcomer(nick, proof if isinstance(proof, str) else "", token)
    async with chat.ChatClient.with_key(identity, server, way=way, keys=keys) as client:
        client.node.subscribe(watch)
        try:
            await client.wait_signed_in(patience.limit_s, unless=lambda: patience.put_off is not None)
        except RequestRefused:
            _forget_code(keys.store)
            raise
        if patience.put_off is not None:
            raise patience.put_off
        return await _settled(client, folder, signed_in[0], patience.limit_s, recovery)


def _with_key(server: KnownServer, accepted_key: bytes | None) -> KnownServer:
    if server.fingerprint is None:
        server = msgspec.structs.replace(server, fingerprint=accepted_key)
    if server.fingerprint is None:
        raise InvalidInput(f"Nobody has said yet whether the key of {server.place} is the right one. Nothing was sent.")
    return server


async def _settled(
    client: chat.ChatClient, folder: Path, event: SignedIn, limit_s: float, recovery: RecoveryKey | None
) -> Joined:
    """The account is there: the home keeps whose it is, and where, and this device comes into the group."""
    pin = msgspec.structs.replace(client.server, name=event.server_name, account=event.account, nick=event.name)
    write_pin(folder, pin)
    # The account is made: without this, history only counts as unread.
    if event.is_new and await client.wait_until(lambda: client.node.state is NodeState.SYNCHRONIZED, limit_s):
        _keep_start(client, folder)
    joined = await _enter_group(client, Joined(pin, event.name, event.is_new), limit_s, recovery)
    _keep_group(client, folder)
    return joined


def _note_founding(store: Keystore, event: SignedIn) -> None:
    """The first account on a server founds its group, also where this program ends before it has."""
    if event.is_new and event.is_admin:
        store.founds = True
        store.save()


def _kept(store: Keystore, token: bytes | None) -> bytes | None:
    """What is needed again until this device is in the group; and what the server is shown of it."""
    if token is None or len(token) not in {MEMBERS_TOKEN_BYTES, DEVICE_TOKEN_BYTES}:
        return token
    if len(token) == MEMBERS_TOKEN_BYTES:
        store.invite = token
        store.save()
        return shown_of(token)
    store.code, store.code_until_ms = ids.code_of_token(token), time.time_ns() // 1_000_000 + DEVICE_WAITS_MS
    store.save()
    return ids.device_shown_of(ids.approval_key_of(store.code))


def _forget_code(store: Keystore) -> None:
    """Of a link that is of no use any more: others may have seen it, and a code of one's own has to be secret."""
    store.code = None
    store.save()


async def _enter_group(client: chat.ChatClient, joined: Joined, limit_s: float, recovery: RecoveryKey | None) -> Joined:
    """All that follows from the keys of this device: it founds the group, comes in by its invite, or asks."""
    seals = client.node.seals
    member = seals.member
    assert member is not None
    if not seals.asks:
        return joined
    await client.wait_until(lambda: member.is_settled, limit_s)
    if recovery is not None:
        await member.recovery.use(recovery.chance, recovery.seen)
        await client.wait_until(lambda: member.is_settled, limit_s)
    elif member.standing is GroupStanding.WAITS and not joined.is_new_account:
        await client.wait_until(lambda: member.standing is GroupStanding.MEMBER, _LET_IN_WITHIN_S)
        await client.wait_until(lambda: member.is_settled, limit_s)
    standing, problem = _GROUPS[member.standing], member.problem or member.refusal
    return msgspec.structs.replace(
        joined,
        group=standing,
        recovery=member.entering.recovery_words,
        request=member.words if standing is Group.ASKS else None,
        problem=problem,
        code=member.code,
        lacks_recovery=member.lacks_recovery,
    )


_GROUPS = {
    GroupStanding.UNKNOWN: Group.OUT,
    GroupStanding.NO_GROUP: Group.NONE,
    GroupStanding.OUTSIDE: Group.OUT,
    GroupStanding.ASKS: Group.ASKS,
    GroupStanding.WAITS: Group.OUT,
    GroupStanding.MEMBER: Group.IN,
}


def expect_group(folder: Path, token: bytes) -> None:
    """A home that has joined the server comes into its group by a member's link: its node does it, when it runs."""
    store = Keystore.open(folder, os.urandom)
    store.invite = token
    store.save()


def note_recovery_shown(folder: Path) -> None:
    """Its words were shown, or lie in a file: this home keeps them no longer."""
    store = Keystore.open(folder, os.urandom)
    if store.unshown is not None:
        store.unshown = None
        store.save()


def group_lines(joined: Joined) -> list[str]:
    """What the person is told of the group, once: nothing keeps the words of a recovery key."""
    from lanline.crypto.words import secret_words, words_of  # noqa: PLC0415 -- 256 words, for once in a lifetime

    if joined.recovery is not None:
        why = "Write these words down. If this device is lost, only they prove who you are:"
        return [why, *in_lines(secret_words(joined.recovery))]
    if joined.request is not None:
        return [
            "An admin has to let you into its group, and until then you read nothing that is said there.",
            "The admin runs lanline admit, and compares these words with you by another way:",
            *in_lines(words_of(joined.request)),
        ]
    if joined.code is not None:
        return [
            "This device reads nothing yet. On another device of yours, type within ten minutes:",
            f"    lanline devices approve '{spaced(joined.code)}'",
            "Or, with the words of your recovery key, here: lanline recovery use",
        ]
    if joined.lacks_recovery:
        lost = "this device" if joined.is_new_account else "all your devices"
        return [f"If you lose {lost}, only a recovery key gets back what you may read: lanline recovery make"]
    return [joined.problem] if joined.problem and joined.group is not Group.IN else []


def in_lines(words: list[str]) -> list[str]:
    return ["    " + " ".join(words[start : start + 6]) for start in range(0, len(words), 6)]


def _keep_start(client: chat.ChatClient, folder: Path) -> None:
    path = folder / chat.HISTORY_FILE
    with contextlib.suppress(HistoryProblem), contextlib.closing(History.open(path)) as history:
        client.node.keep_start(history)


def _keep_group(client: chat.ChatClient, folder: Path) -> None:
    member, path = client.node.seals.member, folder / chat.HISTORY_FILE
    assert member is not None
    with contextlib.suppress(HistoryProblem), contextlib.closing(History.open(path)) as history:
        member.copy.keep_for(history.database)


def is_for_device(server_text: str) -> bool:
    """A link that another device of the same person has made."""
    _, token = parse_server(server_text)
    return token is not None and len(token) == DEVICE_TOKEN_BYTES


def checked_server(folder: Path, server_text: str, name: str) -> tuple[KnownServer, bytes | None]:
    """What can be known before anything is asked. Raises as join_server does."""
    server, token = parse_server(server_text)
    nick = checked_name(name) if name else ""  # what is shown may say whose device this is
    known = read_pin(folder)
    return (server if known is None else _same(folder, known, server, nick)), token


def _same(folder: Path, known: KnownServer, wanted: KnownServer, nick: str) -> KnownServer:
    """Joining again is how a server that has moved is found again; a home is never two people, or on two servers."""
    if nick and folded_name(known.nick) != folded_name(nick):
        raise NotJoined(
            f"{folder} is {known.nick} on {known.place} already. Choose another folder with --home to be {nick}."
        )
    if wanted.fingerprint is not None and wanted.fingerprint != known.fingerprint:
        raise ServerKeyChanged(
            f"{folder} has joined {known.place}, and this invite is of a server with another key. "
            "Choose another folder with --home for another server."
        )
    return msgspec.structs.replace(wanted, fingerprint=known.fingerprint)
