"""Owns how a message is reported: what of it is shown to whom. Not the proof, which `client/sealing/reports` makes."""

from __future__ import annotations

import os
import time

from lanline.client.chat.client import ChatClient
from lanline.client.sealing.reports import text_of, time_of
from lanline.client.view.rendering import words_of
from lanline.client.view.values import ENDED_MARK, Conversation, Message, NoWords, Unreadable
from lanline.errors import InvalidInput
from lanline.ids import new_entry_id
from lanline.model.content import MAX_REPORTED_BEFORE, Report
from lanline.wire.chat.entries import EarlierEntries, ReadBefore

_MOST_ADMINS = 20
_MAX_LINE_CHARS = 500


async def report(client: ChatClient, log: int, sequence: int, reason: str) -> tuple[tuple[str, ...], bool]:
    """To whom it went, and whether it is proven who said it. Raises LanlineError."""
    node = client.node
    shown = node.conversations.shown(log)
    found = node.messages(log, before=sequence + 1, last=MAX_REPORTED_BEFORE + 1)
    if shown is None or not found or found[-1].sequence != sequence:
        raise InvalidInput(f"There is no message ^{sequence} here; /history shows the numbers.")
    meant = found[-1]
    if meant.is_own or isinstance(meant.content, Unreadable | NoWords) or not text_of(meant.content):
        raise InvalidInput("Only words that somebody else has said can be reported.")
    author = node.directory.name_of(meant.account).removesuffix(ENDED_MARK)
    admins = _admins(client, meant)
    proof = await _proof(client, shown, sequence)
    content = Report(
        shown.title if shown.is_room else author,
        author,
        time_of(proof) if proof else meant.time_ms,
        text_of(meant.content),
        reason,
        tuple(_line(client, each) for each in found[:-1] if words_of(each)),
        proof,
    )
    for name in admins:
        node.outbox.say(name, content, new_entry_id(time.time_ns() // 1_000_000, os.urandom))
    return admins, bool(proof)


def _admins(client: ChatClient, meant: Message) -> tuple[str, ...]:
    """Not the one who is reported, nor oneself."""
    node = client.node
    others = {meant.account, node.own.account}
    found = [each for each in node.directory.people if each.is_admin and not each.is_banned]
    admins = tuple(each.name for each in found if each.account not in others)
    if not admins:
        raise InvalidInput("There is no other admin here who could be told.")
    return admins[:_MOST_ADMINS]


async def _proof(client: ChatClient, shown: Conversation, sequence: int) -> bytes:
    """The entry is asked for again as it lies on the server: here it is kept opened, without its signature."""
    answer = await client.ask(ReadBefore(0, shown.log, sequence + 1, 1))
    if not isinstance(answer, EarlierEntries) or not answer.entries or answer.entries[-1].sequence != sequence:
        return b""
    return client.node.seals.proof(shown, answer.entries[-1])


def _line(client: ChatClient, message: Message) -> str:
    name = client.node.own.name if message.is_own else client.node.directory.name_of(message.account)
    return f"{name}: {words_of(message)}"[:_MAX_LINE_CHARS]
