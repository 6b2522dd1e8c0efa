"""Owns `server.json` of a home: the server that it has joined, where it is, and the key that it must show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from lanline.client.node.place import JOINED_FILE
from lanline.errors import IdentityProblem, InvalidInput, NotJoined
from lanline.model.addresses import address_text
from lanline.model.invites import DEFAULT_PORT, SCHEME, InviteLink
from lanline.wholefile import replace_whole


class KnownServer(msgspec.Struct, frozen=True):
    host: str
    port: int
    fingerprint: bytes | None
    """None: not met yet; the first key it shows is trusted and kept."""
    name: str = ""
    account: int = 0
    nick: str = ""

    @property
    def place(self) -> str:
        return address_text((self.host, self.port))


class _OnDisk(msgspec.Struct, frozen=True, omit_defaults=True):
    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    fingerprint: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    name: str = ""
    account: int = 0
    nick: str = ""


def read_pin(folder: Path) -> KnownServer | None:
    """None: this home has joined no server."""
    path = folder / JOINED_FILE
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_OnDisk)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise IdentityProblem(
            f"The server's key in {path} cannot be read. Restore the file, or remove it and join anew."
        ) from cause
    return KnownServer(kept.host, kept.port, bytes.fromhex(kept.fingerprint), kept.name, kept.account, kept.nick)


def joined_pin(folder: Path) -> KnownServer:
    pin = read_pin(folder)
    if pin is None:
        raise NotJoined(f"{folder} has joined no server yet. Join one: lanline join INVITE --name NICK")
    return pin


def write_pin(folder: Path, pin: KnownServer) -> None:
    assert pin.fingerprint is not None
    kept = _OnDisk(pin.host, pin.port, pin.fingerprint.hex(), pin.name, pin.account, pin.nick)
    path = folder / JOINED_FILE
    try:
        replace_whole(path, msgspec.json.format(msgspec.json.encode(kept), indent=1))
    except OSError as cause:
        raise IdentityProblem(f"The server's key cannot be kept in {path}: {cause.strerror}.") from cause


def parse_server(text: str) -> tuple[KnownServer, bytes | None]:
    """An invite, or HOST or HOST:PORT; the invite's token with it. Raises InvalidInput."""
    text = text.strip()
    if text.lower().startswith(SCHEME):
        link = InviteLink.parse(text)
        return KnownServer(link.host, link.port, link.fingerprint), link.token
    try:
        place = InviteLink("", DEFAULT_PORT, b"", b"").reached_at(text)
    except InvalidInput as cause:
        raise InvalidInput(
            f"'{text[:80]}' names no server. Give an invite (lanline://…), HOST, HOST:PORT, or [IPv6]:PORT."
        ) from cause
    return KnownServer(place.host, place.port, None), None
