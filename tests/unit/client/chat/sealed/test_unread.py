"""What stands in place of words that do not open: why, and what mends it, as it is just then."""

from __future__ import annotations

import pytest

from lanline.chain.reasons import Reason
from lanline.client.chat import following
from lanline.client.chat.sealed.content import UNREAD
from lanline.model.content import Text
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import EPOCH_SUITE, SAID_SUITE
from unit.client.chat.sealed.test_shared_trust import second_device
from unit.client.chat.village import Process, Village


def sealed_by(process: Process, title: str) -> LogEntry:
    content = process.node.seals.seal(process.shown(title), b"s" * 16, b"words")
    assert content is not None
    return LogEntry(process.shown(title).head + 1, b"s" * 16, process.node.own.account, 1, 0, SAID_SUITE, content)


def test_each_reason_has_its_sentence_and_none_stays_that_is_not_true_any_more(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, ben, cai = (home.processes[0] for home in village.homes)
    ben.node.outbox.say("cai", Text("hello"), b"t" * 16)
    village.rest_until(lambda: not list(ben.node.outbox.messages))
    entry, shown, copy = sealed_by(ben, "cai"), ben.shown("cai"), ben.member.copy

    def told() -> str:
        return ben.node.seals.why_unread(shown, entry)

    assert "its author has seen more of the group than the server shows here" in told()  # the key is here
    secrets = dict(copy.secrets)
    copy.secrets.clear()
    assert told() == UNREAD
    seeds = dict(ben.member._context.seeds)
    ben.member._context.seeds.clear()
    assert "another device of yours has to be online once" in told()
    ben.member._context.seeds.update(seeds)
    village.homes.pop()
    cai.crash()
    gone = ann.member.changes.remove([copy.chain.names[b"cai"]])
    village.rest_until(lambda: gone.is_settled and b"cai" not in copy.chain.names)
    assert "nobody gives it any more" in told()
    copy.secrets.update(secrets)
    assert "nobody gives it any more" not in told()
    monkeypatch.setattr(type(copy), "is_member", False)
    assert "this device is not in the group any more" in told()


def test_words_without_their_statement_wait_for_it(village: Village) -> None:
    ben = village.homes[1].processes[0]
    entry = sealed_by(ben, "#lobby")
    torn = entry.content[:1] + bytes(16) + entry.content[17:]
    strange = LogEntry(entry.sequence, b"x" * 16, entry.account, 1, 0, SAID_SUITE, torn)
    assert "yet: what says under which key" in ben.node.seals.why_unread(ben.shown("#lobby"), strange)


def test_words_whose_statement_is_damaged_on_the_server_wait_for_nothing(village: Village) -> None:
    ben = village.homes[1].processes[0]
    entry, shown, copy = sealed_by(ben, "#lobby"), ben.shown("#lobby"), ben.member.copy
    [(at, _, statement)] = [each for each in copy._tables.items() if each[1] == EPOCH_SUITE]
    copy.forget_epochs()
    assert copy.add_statement(copy.chain, at, statement[:-1] + bytes([statement[-1] ^ 1])) is Reason.SIGNATURE
    assert "what says under which key is damaged on the server" in ben.node.seals.why_unread(shown, entry)
    assert copy.add_statement(copy.chain, at, statement) is None  # it is whole again
    assert "damaged" not in ben.node.seals.why_unread(shown, entry)


def test_a_device_that_waited_when_it_began_to_read_asks_for_the_keys_of_before_once_it_is_let_in(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its copy of a talk begins behind the statement of the epoch under which what it has was sealed."""
    ann, ben = (home.processes[0] for home in village.homes[:2])
    for number in range(3):
        ann.node.outbox.say("ben", Text(f"number {number}"), bytes([number]) * 16)
    village.rest_until(lambda: not list(ann.node.outbox.messages) and ben.node.conversations.titled("ann") is not None)
    monkeypatch.setattr(following, "FETCHED_AT_FIRST", 2)
    second = second_device(village)
    shown = second.shown("ben")
    assert shown.first
    village.rest_until(
        lambda: [each.content for each in second.node.messages(shown.log)] == [Text("number 1"), Text("number 2")]
    )
