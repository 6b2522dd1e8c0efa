"""Owns what the commands of a face about the group do: letting in, comparing words."""

from __future__ import annotations

from lanline.client.chat.client import ChatClient
from lanline.client.chat.groupnews import GroupNews
from lanline.client.node import groupcommands as do
from lanline.client.node.keyrenewal import renew_keys
from lanline.client.node.protocol import Done
from lanline.client.node.sealservice import seal_result, wait_for_group
from lanline.crypto.words import words_of
from lanline.errors import InvalidInput, NotInGroup, RecordMissing
from lanline.model.names import folded_name
from lanline.model.text import safe_line

_LIMIT_S = 10.0


async def group_result(client: ChatClient, command: do.GroupCommand) -> do.GroupResult | Done:
    if isinstance(command, do.AskPlain | do.Seal):
        return await seal_result(client, command)
    if isinstance(command, do.RenewKeys):
        return await renew_keys(client, command.limit_s)
    news, member = client.node.seals.news, client.node.seals.member
    if member is not None:
        await wait_for_group(client, _LIMIT_S)
    if news is None or member is None or not member.copy.is_member:
        raise NotInGroup("This device is in no group on this server.")
    match command:
        case do.Admit(name):
            await _admit(client, name)
        case do.ApproveDevice(code):
            waiting = await member.devices.find(code)
            await member.devices.approve(waiting, code)
            return do.DeviceLetIn(safe_line(waiting.label))
        case do.AskWords(name):
            return _words(news, name)
        case do.Verify(name, words):
            news.verify(name, words)
        case do.AcceptPerson(name):
            news.accept(name)
    client.node.outbox.send()
    return Done()


def _words(news: GroupNews, name: str) -> do.Words:
    words = news.words_with(name)
    return do.Words(words, " ".join(words_of(words)), news.trust_of(name))


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
