"""What a client says to a chat server, and a server to its clients."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from lanline.errors import ProtocolViolation
from lanline.model.blobs import MAX_BLOB_BYTES
from lanline.wire.chat import admin, blobs, conversations, entries, groups, offers, signin
from lanline.wire.chat.messages import decode_client_message, decode_server_message, encode_message


def fuzz_one(data: bytes) -> None:
    with contextlib.suppress(ProtocolViolation):
        message: Any = decode_client_message(data)
        assert decode_client_message(encode_message(message)) == message
        _check_bounds(message)
    with contextlib.suppress(ProtocolViolation):
        message = decode_server_message(data)
        # A float that is no number is equal to nothing, itself included.
        assert encode_message(decode_server_message(encode_message(message))) == encode_message(message)


def _check_bounds(message: Any) -> None:  # noqa: ANN401 -- of every kind
    for name in message.__struct_fields__:
        value = getattr(message, name)
        if isinstance(value, int):
            assert 0 <= value < 2**63
        elif isinstance(value, str | bytes | tuple):
            assert len(value) <= MAX_BLOB_BYTES


def seeds() -> list[bytes]:
    messages = (
        signin.Hello((2,), "lanline"),
        signin.SignIn(1),
        signin.Join(1, "ann", "correct horse", "laptop", bytes(16)),
        conversations.CreateRoom(1, "#lab", "topic"),
        conversations.SetRole(1, 1, 1, conversations.Role.OWNER),
        entries.Append(1, 1, bytes(16), "plain", b"hi"),
        entries.Follow(1, 0),
        entries.Advance((entries.LogCursor(1, 1, 1),)),
        blobs.PutBlob(1, b"x"),
        admin.MakeInvite(1, 1, 60),
        entries.Entries(1, (entries.LogEntry(1, bytes(16), 1, 1, 1, "plain", b"hi"),)),
        admin.ServerStatus(1, {"links": 1.0}),
        groups.ReadPastKeys(1, bytes(32), 0),
        groups.KeyEntries(1, 1, (entries.LogEntry(1, bytes(16), 1, 1, 1, "key/1", b"hi"),)),
        offers.OfferKeys(1, 1, (offers.OfferedItem("stub/1", b"hi"),), is_last=True),
        offers.Carry(1, 1, (offers.LostWords(bytes(16), b"hi", b""),)),
        offers.Carried(1, ("", "No.")),
        conversations.ConversationChanged(conversations.Conversation(1, 0, 0, 0, other=2)),
    )
    return [*map(encode_message, messages), msgspec.msgpack.encode([19, 1, 1])]
