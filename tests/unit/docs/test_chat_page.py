"""docs/protocol/chat.md says what the code does: every message with its number and fields, the codes, the vectors."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import msgspec
import pytest
from msgspec import NODEFAULT
from msgspec.structs import fields

from lanline.core import appends, cursors
from lanline.errors import RefusalCode
from lanline.gateways.lanline import session
from lanline.gateways.lanline.followers import CHUNK_BYTES
from lanline.model import content
from lanline.model.rooms import Access, Role, Standing
from lanline.wire.chat import (
    admin,
    answers,
    blobs,
    conversations,
    devices,
    directory,
    entries,
    films,
    groups,
    offers,
    signin,
)
from lanline.wire.chat.messages import (
    ClientMessage,
    ServerMessage,
    decode_client_message,
    decode_server_message,
    encode_message,
)

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "protocol" / "chat.md").read_text(encoding="utf-8")
_MESSAGE = re.compile(r"^\| (\d+) \| ([A-Z][A-Za-z]+) \| ([^|]+) \|", re.MULTILINE)
_STRUCTURE = re.compile(
    r"^\| ([A-Z][A-Za-z]+) \| ((?:account|entry|name|log|request|sequence|token_hash|device): ?[^|]+|request[^|]+) \|$",
    re.MULTILINE,
)
_CODE = re.compile(r"^\| (\d+) \| ([A-Z_]+)[ :|]", re.MULTILINE)
_KIND = re.compile(r"^\| ([a-z]+) \| ([a-z_, =]+) \|$", re.MULTILINE)
_VECTOR = re.compile(r"^([a-z][a-z ]+) = ([0-9a-f ]+)$", re.MULTILINE)

KINDS: dict[str, type] = {
    kind.__name__: kind for kind in (*typing.get_args(ClientMessage), *typing.get_args(ServerMessage))
}
STRUCTURES = (
    directory.Person,
    conversations.RoomInfo,
    conversations.Member,
    conversations.Conversation,
    entries.Place,
    entries.LogEntry,
    entries.LogCursor,
    admin.InviteInfo,
    admin.DeviceInfo,
    admin.UserInfo,
    admin.JournalInfo,
    admin.GivenRight,
    admin.RoomUsage,
    admin.PersonUsage,
    groups.NewBox,
    groups.FoundBox,
    groups.Reader,
    groups.WaitingRequest,
    offers.OfferedItem,
    offers.Branch,
    offers.LostWords,
    devices.WaitingDevice,
    films.FileInfo,
    films.FilmInfo,
    films.PartsOf,
)
ENTRY_ID = bytes(range(16))
VECTORS: dict[str, ClientMessage | ServerMessage] = {
    "hello": signin.Hello((2,), "lanl"),
    "welcome": signin.Welcome(2, "Harbour", is_open=False, now_ms=1_700_000_000_000),
    "sign in": signin.SignIn(1),
    "join": signin.Join(1, "ann", "correct horse", "laptop", bytes(16)),
    "signed in": signin.SignedIn(1, 5, "ann", 7, is_admin=False, epoch=ENTRY_ID),
    "people": directory.People((directory.Person(5, "ann", True, "192.0.2.1:4000", 1_700_000_000_000),), is_last=True),
    "conversations": conversations.Conversations(
        (
            conversations.Conversation(
                3,
                9,
                8,
                7,
                conversations.RoomInfo(3, "#lab", "", Access.OPEN, 2),
                conversations.Member(5, Role.OWNER, Standing.JOINED, is_muted=False),
            ),
            conversations.Conversation(4, 1, 1, 1, other=6, other_delivered=1),
        ),
        is_last=True,
    ),
    "create room": conversations.CreateRoom(2, "#lab", "plans", Access.INVITE_ONLY),
    "set role": conversations.SetRole(3, 3, 6, Role.MODERATOR),
    "follow": entries.Follow(3, 8),
    "append": entries.Append(4, 3, ENTRY_ID, "plain", msgspec.msgpack.encode(content.Text("hi"))),
    "committed": entries.Committed((entries.Place(4, 9, 1_700_000_000_000),)),
    "entries": entries.Entries(3, (entries.LogEntry(9, ENTRY_ID, 5, 7, 1_700_000_000_000, "plain", b"hi"),)),
    "advance": entries.Advance((entries.LogCursor(3, 9, 8),)),
    "cursor moved": entries.CursorMoved(3, 5, 9, 8),
    "put blob": blobs.PutBlob(5, b"hi"),
    "refused": answers.Refused(4, RefusalCode.SLOW_DOWN, "Wait.", 250),
    "done": answers.Done(3),
}


def _names(kind: type) -> list[str]:
    return [field.name for field in fields(kind)]


def _stated_names(cell: str) -> list[str]:
    return [part.split(":")[0].strip() for part in re.split(r", (?=[a-z_]+(?::|,|$))", cell.strip())]


def _check_defaults(kind: type, cell: str) -> None:
    for field, part in zip(fields(kind), re.split(r", (?=[a-z_]+(?::|,|$))", cell.strip()), strict=True):
        assert ("=" in part) == (field.default is not NODEFAULT), (kind, part)


def test_every_message_is_on_the_page_with_its_number_and_its_fields() -> None:
    stated = {name: (int(number), cell) for number, name, cell in _MESSAGE.findall(PAGE)}
    assert set(stated) == set(KINDS)
    for name, (number, cell) in stated.items():
        assert number == KINDS[name].__struct_config__.tag, name  # type: ignore[attr-defined]
        assert _stated_names(cell) == _names(KINDS[name]), name
        _check_defaults(KINDS[name], cell)


@pytest.mark.parametrize("kind", STRUCTURES, ids=lambda kind: kind.__name__)
def test_every_structure_is_on_the_page_with_its_fields(kind: type) -> None:
    [cell] = re.findall(rf"^\| {kind.__name__} \| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert _stated_names(cell) == _names(kind)
    _check_defaults(kind, cell)


def test_every_code_is_on_the_page() -> None:
    section = PAGE.partition("## 12.")[2].partition("## 13.")[0]
    assert {int(number): name for number, name in _CODE.findall(section)} == {
        code.value: code.name for code in RefusalCode
    }


def test_every_kind_of_content_is_on_the_page_with_its_keys() -> None:
    section = PAGE.partition("## 14.")[2].partition("## 15.")[0]
    stated = {name: [key.split(" =")[0] for key in cell.split(", ")] for name, cell in _KIND.findall(section)}
    kinds = typing.get_args(content.Content)
    assert stated == {kind.__struct_config__.tag: _names(kind) for kind in kinds} | {"type": ["keys"]}


def test_the_limits_on_the_page_are_those_of_the_code() -> None:
    assert (appends.MAX_UNCOMMITTED, appends.MAX_UNCOMMITTED_BYTES) == (256, 1024**2)
    assert "At most 256 appends and 1 MiB" in PAGE
    assert session._MAX_MESSAGES_BEFORE_SIGN_IN == 16
    assert "more than 16 messages" in PAGE
    assert (cursors.WRITE_INTERVAL_S, CHUNK_BYTES) == (1.0, 256 * 1024)
    assert f"{content.MAX_SAID_BYTES:,} bytes" in PAGE


def test_every_vector_of_the_page_is_what_the_code_makes() -> None:
    section = PAGE.partition("## 15.")[2].partition("## 16.")[0]
    stated = {name: bytes.fromhex(data) for name, data in _VECTOR.findall(section)}
    assert stated == {name: encode_message(message) for name, message in VECTORS.items()}


def test_the_vectors_decode() -> None:
    for message in VECTORS.values():
        decode = decode_client_message if isinstance(message, ClientMessage) else decode_server_message
        assert decode(encode_message(message)) == message
