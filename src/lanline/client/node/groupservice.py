"""Owns what the commands of a face about the group do: letting in, comparing words."""

from __future__ import annotations

from lanline.client.chat.client import ChatClient
from lanline.client.chat.sealed.groupnews import GroupNews
from lanline.client.chat.sealed.sharedtrust import SharedTrust
from lanline.client.node import groupcommands as do
from lanline.client.node.chainservice import chain_result
from lanline.client.node.keyrenewal import renew_keys
from lanline.client.node.privaterooms import seal_pair_in_rsa
from lanline.client.node.protocol import Done
from lanline.client.node.sealservice import outside_text, seal_result, wait_for_group
from lanline.client.sealing.member import GroupMember
from lanline.crypto.words import words_of
from lanline.errors import InvalidInput, NotInGroup, RecordMissing
from lanline.model.names import folded_name
from lanline.model.text import safe_line

_LIMIT_S = 10.0


async def group_result(client: ChatClient, command: do.GroupCommand) -> do.GroupResult | Done:
    if isinstance(command, do.RenewKeys):
        return await renew_keys(client, command.limit_s)
    if isinstance(command, do.AskPlain | do.Seal):
        return await seal_result(client, command)
    if isinstance(command, do.AskChain | do.AcceptChain | do.GoOver | do.TakeBack):
        return await chain_result(client, command)
    return await _member_result(client, command)


async def _member_result(client: ChatClient, command: do.MemberCommand) -> do.GroupResult | Done:
    news, member, trust = client.node.seals.news, client.node.seals.member, client.node.trust
    if member is not None:
        await wait_for_group(client, _LIMIT_S)
    if news is None or member is None or trust is None or not member.copy.is_member:
        raise NotInGroup(outside_text(client.node.seals))
    match command:
        case do.Admit(name):
            await _admit(client, name)
        case do.ApproveDevice(code):
            waiting = await member.devices.find(code)
            await member.devices.approve(waiting, code)
            return do.DeviceLetIn(safe_line(waiting.label))
        case do.AskWords(name):
            return _words(news, name)
        case do.Verify() | do.AcceptPerson() | do.RenameDevice():
            await _note(client, trust, command)
        case do.SealInRsa(name):
            await seal_pair_in_rsa(client, name)
        case do.WaitNewKeys():
            return await _wait_new_keys(client, member, command)
    client.node.outbox.send()
    return Done()


async def _note(client: ChatClient, trust: SharedTrust, command: do.Verify | do.AcceptPerson | do.RenameDevice) -> None:
    match command:
        case do.Verify(name, words):
            trust.verify(name, words)
        case do.AcceptPerson(name) if name.startswith("#"):
            _accept_room(client, name)
        case do.AcceptPerson(name):
            trust.accept(name)
        case do.RenameDevice(device_id, label):
            labels = client.node.labels
            assert labels is not None
            # Who asks may know more of the group than this program has read yet.
            await client.wait_until(lambda: labels.may_rename(device_id), _LIMIT_S)
            labels.rename(device_id, label)


def _accept_room(client: ChatClient, title: str) -> None:
    """The person has seen that the server shows an entry there which does not hold."""
    track = client.node.conversations.titled(title)
    room = None if track is None else client.node.seals.room(track.shown)
    if room is None or room.broken is None:
        raise RecordMissing(f"There is nothing to accept in {title}.")
    room.accept()


def _words(news: GroupNews, name: str) -> do.WordsToCompare:
    words = news.words_with(name)
    return do.WordsToCompare(words, " ".join(words_of(words)), news.trust_of(name))


async def _admit(client: ChatClient, name: str) -> None:
    member = client.node.seals.member
    assert member is not None
    await member.changes.look_who_asks()
    askers = member.changes.askers
    found = [each for each in askers if not name or folded_name(each.name) == folded_name(name)]
    if not found:
        raise RecordMissing(f"{name or 'Nobody'} {'does not wait' if name else 'waits'} to be let in.")
    if len(found) > 1:
        raise InvalidInput("Several wait to be let in. Name one: /admit NICK")
    await member.changes.admit(found[0].account)


async def _wait_new_keys(client: ChatClient, member: GroupMember, command: do.WaitNewKeys) -> do.NewKeys:
    member.copy.note_seen_elsewhere(command.height, bytes.fromhex(command.head))
    renewal = client.node.renewal

    def is_here() -> bool:
        return member.is_current and member.copy.chain.holds(command.height, bytes.fromhex(command.head))

    await client.wait_until(lambda: is_here() and not renewal.left(), command.limit_s)
    return do.NewKeys(is_here(), tuple(renewal.left()))
