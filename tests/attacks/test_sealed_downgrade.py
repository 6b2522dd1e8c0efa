"""A server that shows words as unsealed, of its own or of before, where all is sealed: they are not shown as words."""

from __future__ import annotations

import msgspec
import pytest

from lanline.chain.reasons import Reason
from lanline.client.view.values import Unreadable
from lanline.storage.api import Transaction
from lanline.wire.chat.entries import Entries, LogEntry
from unit.client.chat.sealed.test_sealed_outbox import said, say
from unit.client.chat.village import Process, Village


def show_plain(process: Process, title: str, author: str, text: str) -> None:
    """As it comes from the server, in the name of somebody."""
    track = process.node.conversations.titled(title)
    person = process.node.directory.named(author)
    assert track is not None
    assert person is not None
    content = msgspec.msgpack.encode({"type": "text", "text": text})
    entry = LogEntry(track.shown.delivered + 1, text.encode().ljust(16, b"."), person.account, 1, 0, "plain", content)
    process.node.reader.on_entries(Entries(track.shown.log, (entry,)))


def is_read(process: Process, title: str) -> bool:
    track = process.node.conversations.titled(title)
    return track is not None and track.shown.delivered == track.shown.head > 0


def last(process: Process, title: str) -> str:
    track = process.node.conversations.titled(title)
    assert track is not None
    content = process.node.messages(track.shown.log)[-1].content
    return content.text if isinstance(content, Unreadable) else ""


@pytest.mark.parametrize("title", ["#lobby", "ann", "#board"])
def test_downgrade_to_plain_is_not_believed_where_anything_is_sealed(village: Village, title: str) -> None:
    ann, ben, _ = (home.processes[0] for home in village.homes)
    if title == "#board":  # nothing has been said there: that it is private is enough
        village.make_private_room()
        village.rest_until(lambda: is_read(ben, title))
    else:
        say(ann, "ben" if title == "ann" else title, "sealed")
        village.rest_until(lambda: said(ben, title) == ["sealed"])
    show_plain(ben, title, "ann", "pay the server")
    assert Reason.UNSEALED.value in last(ben, title)
    assert "pay the server" not in said(ben, title)


def test_nothing_is_sealed_and_nothing_goes_out_in_plain_when_the_server_says_there_is_no_group(
    village: Village,
) -> None:
    """It offers the protocol as ever, and says that nobody has founded anything."""
    from lanline.wire.chat import groups  # noqa: PLC0415 -- what such a server says

    ben = village.homes[1].processes[0]
    for wire in ben.open_wires:
        wire.die()
    village.rest_until(lambda: ben.member.is_current)
    ben.member.on_group(groups.GroupIs(0, 0, 0, 0, bytes(32)))
    say(ben, "#lobby", "for the group")
    for _ in range(20):
        village.rest()

    def count(transaction: Transaction) -> None:
        connection = transaction.groups._connection  # type: ignore[attr-defined]
        assert not connection.execute("SELECT 1 FROM entries WHERE suite = 'plain'").fetchall()
        assert not connection.execute("SELECT 1 FROM entries WHERE instr(content, 'for the group')").fetchall()

    assert village.house.engine.transact([count]) == [None]
