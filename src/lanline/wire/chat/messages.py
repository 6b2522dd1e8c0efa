"""All messages, as the union that each side decodes. MessagePack; an array that begins with the message's number."""

from __future__ import annotations

import functools
from typing import TypeVar

import msgspec

from lanline.errors import InvalidInput, ProtocolViolation
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

ClientMessage = (
    signin.Hello
    | signin.SignIn
    | signin.Join
    | signin.ChangePassword
    | signin.Deregister
    | signin.SetAway
    | conversations.CreateRoom
    | conversations.JoinRoom
    | conversations.LeaveRoom
    | conversations.OpenDirect
    | conversations.SetTopic
    | conversations.SetAccess
    | conversations.InviteToRoom
    | conversations.SetRole
    | conversations.SetMuted
    | conversations.SendAway
    | conversations.SetBannedFromRoom
    | conversations.SetSlow
    | conversations.SetPinned
    | conversations.ListRooms
    | conversations.ListMembers
    | entries.Append
    | entries.Follow
    | entries.Unfollow
    | entries.ReadBefore
    | entries.Advance
    | blobs.PutBlob
    | blobs.GetBlob
    | admin.MakeInvite
    | admin.ListInvites
    | admin.DropInvite
    | admin.ListUsers
    | admin.SetBanned
    | admin.SetAdmin
    | admin.SetPassword
    | admin.RevokeDevice
    | admin.AskStatus
    | admin.ReadJournal
    | admin.ListGiven
    | admin.TakeBack
    | admin.AskUsage
    | admin.DeleteAccount
    | admin.DeleteRoom
    | groups.AskGroup
    | groups.BeginNewGroup
    | groups.AppendKey
    | groups.PutKeys
    | groups.GetKeys
    | groups.PutBoxes
    | groups.GetBoxes
    | groups.WantBoxes
    | groups.BeginEpoch
    | groups.GiveUp
    | groups.MakeGroupInvite
    | groups.LeaveRequest
    | groups.ListRequests
    | groups.RefuseRequest
    | devices.OfferDevice
    | devices.LeaveDevice
    | devices.ListWaitingDevices
    | devices.AnswerDevice
    | devices.ListOwnDevices
    | devices.ForgetLabel
    | devices.AddRecovery
    | films.FromClient
    | groups.ClaimEpoch
    | groups.AppendRoomKey
    | groups.ReadKeys
    | groups.ReadPastKeys
    | groups.PutRsaKey
    | groups.GetRsaHalf
    | offers.FromClient
)

ServerMessage = (
    signin.Welcome
    | signin.NoCommonVersion
    | signin.SignedIn
    | directory.People
    | directory.PeopleChanged
    | conversations.Conversations
    | conversations.ConversationChanged
    | conversations.ConversationGone
    | conversations.Opened
    | conversations.Rooms
    | conversations.Members
    | conversations.MemberChanged
    | conversations.InvitedToRoom
    | entries.Committed
    | entries.Entries
    | entries.EarlierEntries
    | entries.CursorMoved
    | blobs.BlobStored
    | blobs.BlobFound
    | admin.InviteMade
    | admin.Invites
    | admin.Users
    | admin.ServerStatus
    | admin.Journal
    | admin.Given
    | admin.Usage
    | films.FromServer
    | answers.Done
    | answers.Refused
    | answers.ServerSays
    | groups.GroupIs
    | groups.KeyTaken
    | groups.KeyEntries
    | groups.Keys
    | groups.Boxes
    | groups.BoxGiven
    | groups.BoxWanted
    | groups.EpochBegun
    | groups.ReadersLacking
    | groups.Requests
    | groups.RequestCame
    | devices.WaitingDevices
    | devices.DeviceAsks
    | devices.DeviceAnswered
    | devices.OwnDevices
    | offers.FromServer
)

BULK_KINDS = (
    blobs.PutBlob,
    blobs.GetBlob,
    groups.PutKeys,
    groups.GetKeys,
    groups.PutBoxes,
    groups.GetBoxes,
    films.PutFilmPiece,
)
"""What a client says on the bulk channel."""

T = TypeVar("T")

_encoder = msgspec.msgpack.Encoder()


@functools.cache
def _from_client() -> msgspec.msgpack.Decoder[ClientMessage]:
    """Made at first use, as the next one: a program hears one side only, and each takes 4 ms."""
    return msgspec.msgpack.Decoder(ClientMessage)


@functools.cache
def _from_server() -> msgspec.msgpack.Decoder[ServerMessage]:
    return msgspec.msgpack.Decoder(ServerMessage)


def encode_message(message: ClientMessage | ServerMessage) -> bytes:
    """Raises InvalidInput for text that is none, such as an argument of a command that was not UTF-8."""
    try:
        return _encoder.encode(message)
    except UnicodeEncodeError as cause:
        raise InvalidInput("The text holds half a character, which nobody could read.") from cause


def decode_client_message(data: bytes) -> ClientMessage:
    return _decode(_from_client(), data)


def decode_server_message(data: bytes) -> ServerMessage:
    return _decode(_from_server(), data)


def _decode(decoder: msgspec.msgpack.Decoder[T], data: bytes) -> T:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise ProtocolViolation("a message cannot be read") from cause
