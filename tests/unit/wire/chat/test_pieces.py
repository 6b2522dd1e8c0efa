"""Lists of any length fit into messages, and come out as they went in."""

from __future__ import annotations

import pytest

from lanline.errors import ProtocolViolation
from lanline.model.rooms import Access, Role, Standing
from lanline.wire.chat.admin import (
    DeviceInfo,
    Given,
    GivenRight,
    InviteInfo,
    Invites,
    Journal,
    JournalInfo,
    UserInfo,
    Users,
)
from lanline.wire.chat.conversations import Member, Members, RoomInfo, Rooms
from lanline.wire.chat.limits import MAX_MESSAGE_BYTES
from lanline.wire.chat.messages import decode_server_message, encode_message
from lanline.wire.chat.pieces import PIECE_BYTES, Listing, joined, pieces

KEY = bytes(32)
LONG = "\N{MAHJONG TILE EAST WIND}" * 64
DEVICES = tuple(DeviceInfo(number, LONG, KEY, 10**12, True, False) for number in range(256))
LISTS: list[Listing] = [
    Rooms(7, tuple(RoomInfo(n, LONG, LONG * 4, Access.OPEN, n) for n in range(3000))),
    Members(7, 1, tuple(Member(2**40 + n, Role.MEMBER, Standing.INVITED, True) for n in range(60_000))),
    Invites(7, tuple(InviteInfo(KEY, 1, 10**12, True, n, 10**12) for n in range(20_000))),
    Users(7, tuple(UserInfo(n, LONG, 10**12, False, False, 0, DEVICES) for n in range(60))),
    Journal(7, tuple(JournalInfo(n, 10**12, "banned", n, LONG, LONG, LONG, LONG * 4, 1) for n in range(1000))),
    Given(7, tuple(GivenRight(n, "moderator", LONG) for n in range(5000))),
]


@pytest.mark.parametrize("listing", LISTS, ids=lambda each: type(each).__name__)
def test_a_list_larger_than_a_message_goes_in_pieces(listing: Listing) -> None:
    assert len(encode_message(listing)) > MAX_MESSAGE_BYTES
    sent = list(map(encode_message, pieces(listing)))
    assert max(map(len, sent)) <= PIECE_BYTES + 1024
    came = list(map(decode_server_message, sent))
    assert [each.is_last for each in came] == [False] * (len(came) - 1) + [True]  # type: ignore[union-attr]
    assert joined(came) == listing  # type: ignore[arg-type]


def test_an_empty_list_is_one_piece() -> None:
    assert list(pieces(Rooms(7, ()))) == [Rooms(7, ())]


def test_pieces_of_two_lists_make_none() -> None:
    with pytest.raises(ProtocolViolation):
        joined([Rooms(7, (), is_last=False), Users(7, ())])
    with pytest.raises(ProtocolViolation):
        joined([Rooms(7, (), is_last=False)])
