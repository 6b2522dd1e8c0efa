"""Owns what the commands of a face about the chain do: how it stands, and what the person decides of it."""

from __future__ import annotations

from lanline.client.chat.client import ChatClient
from lanline.client.node import groupcommands as do
from lanline.client.node.sealservice import outside_text, wait_for_group
from lanline.client.sealing.groupcopy import BEHIND
from lanline.client.sealing.member import GroupMember
from lanline.client.sealing.otherpast import name_in
from lanline.crypto.groups import ids
from lanline.crypto.words import words_of
from lanline.errors import NotInGroup, RecordMissing
from lanline.model.names import folded_name

_LIMIT_S = 10.0


async def chain_result(client: ChatClient, command: do.ChainCommand) -> do.ChainReport:
    """How it stands after that."""
    member = client.node.seals.member
    await wait_for_group(client, _LIMIT_S)
    if member is None or not member.knows_group:
        raise NotInGroup(outside_text(client.node.seals))
    match command:
        case do.AcceptChain():
            member.decisions.accept()
        case do.TakeBack(name):
            _take_back(member, name)
        case do.GoOver(group_id):
            member.go_over(bytes.fromhex(group_id))
            await wait_for_group(client, _LIMIT_S)
            client.node.outbox.send()
        case do.AskChain():
            pass
    return _state(member)


def _state(member: GroupMember) -> do.ChainReport:
    copy = member.copy
    own, shown = copy.chain, copy.shown
    problem = member.problem or (BEHIND if copy.is_apart else "")
    names = tuple(name_in(shown, each) for each in copy.come_back)
    words = _words(own.group_id) if own.height and copy.offer is None else ""
    return do.ChainReport(
        own.height,
        own.head.hex(),
        shown.height,
        shown.head.hex(),
        problem,
        member.decisions.may_accept,
        names,
        words,
        _new_group(member),
    )


def _new_group(member: GroupMember) -> do.NewGroup | None:
    offer = member.copy.offer
    if offer is None:
        return None
    return do.NewGroup(offer.group_id.hex(), offer.founder, bool(offer.is_known), _words(offer.group_id))


def _words(group_id: bytes) -> str:
    return " ".join(words_of(ids.group_words_of(group_id)))


def _take_back(member: GroupMember, name: str) -> None:
    copy = member.copy
    found = [each for each in copy.come_back if folded_name(name_in(copy.shown, each)) == folded_name(name)]
    if not found:
        raise RecordMissing(f"{name} does not read by what the server shows, or was never sent away.")
    member.decisions.take_back(found[0])
