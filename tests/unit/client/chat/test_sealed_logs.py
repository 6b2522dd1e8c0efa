"""A server that shows members different logs is found out when somebody speaks, and told; and never by mistake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from lanline.client.sealing.logchain import NOTHING, LogChain
from lanline.crypto.groups.ids import log_link_of, log_start_of
from lanline.storage.api import Transaction
from lanline.wire.chat.entries import LogEntry
from unit.client.chat.sealed.test_sealed_outbox import said, say
from unit.client.chat.village import Process, Village

START = log_start_of(b"r" * 32)


def entry(place: int, content: bytes = b"sealed") -> LogEntry:
    return LogEntry(place, place.to_bytes(16, "big"), 1, 1, 1000 + place, "said/1", content)


def change_the_first(village: Village) -> None:
    """On the server's disk, for who has not read it yet."""

    def change(transaction: Transaction) -> None:
        changed = "UPDATE entries SET time_ms = time_ms - 1 WHERE suite = 'said/1' AND sequence = 1"
        transaction.groups._connection.execute(changed)  # type: ignore[attr-defined]

    village.house.engine.transact([change])


def test_server_shows_members_different_logs_and_it_is_told_at_the_next_word(village: Village) -> None:
    ann, ben, cai = (home.processes[0] for home in village.homes)
    cai.crash()
    say(ann, "#lobby", "meet at nine")
    village.rest_until(lambda: said(ben, "#lobby") == ["meet at nine"])

    change_the_first(village)
    home = village.homes[2]
    home.processes = [Process(home)]
    village.rest_until(lambda: said(home.processes[0], "#lobby") == ["meet at nine"])
    say(ben, "#lobby", "as ann says")
    village.rest_until(lambda: len(said(home.processes[0], "#lobby")) == 2)
    assert home.warnings == [
        "The server shows ben and you different things in #lobby. Compare by another way what was said."
    ]
    assert [each.warnings for each in village.homes[:2]] == [[], []]


def test_a_difference_within_one_page_is_told_as_if_it_had_come_word_by_word(village: Village) -> None:
    ann, ben, cai = (home.processes[0] for home in village.homes)
    cai.crash()
    for who, text in ((ann, "meet at nine"), (ben, "as ann says")):
        say(who, "#lobby", text)
        village.rest_until(lambda text=text: text in said(ann, "#lobby") and text in said(ben, "#lobby"))
    change_the_first(village)
    home = village.homes[2]
    home.processes = [Process(home)]
    village.rest_until(lambda: len(said(home.processes[0], "#lobby")) == 2)
    assert [each.partition(" and you ")[0] for each in home.warnings] == ["The server shows ben"]
    assert [each.warnings for each in village.homes[:2]] == [[], []]


def test_the_same_log_has_the_same_hash_and_another_one_another() -> None:
    one, other = LogChain(0, START), LogChain(0, START)
    for chain in (one, other):
        chain.add([entry(1), entry(2)])
    assert one.seen == other.seen != NOTHING
    one.add([entry(3)])
    other.add([entry(3, b"another")])
    assert not one.differs((2, other._hashes[2]))
    assert one.differs(other.seen)


def test_who_begins_in_the_middle_takes_the_first_hash_and_holds_others_to_it() -> None:
    whole, late = LogChain(0, START), LogChain(5, None)
    whole.add([entry(place) for place in range(1, 9)])
    late.add([entry(place) for place in range(6, 9)])
    assert late.seen == NOTHING
    assert not late.differs((6, whole._hashes[6]))
    assert late.seen == whole.seen
    assert late.differs((7, b"x" * 32))


def test_what_comes_twice_counts_once_and_after_a_gap_nothing_is_known() -> None:
    chain = LogChain(0, START)
    chain.add([entry(1), entry(1), entry(2)])
    chain.add([entry(2)])
    once = LogChain(0, START)
    once.add([entry(1), entry(2)])
    assert chain.seen == once.seen
    chain.add([entry(9)])
    assert chain.seen == NOTHING


@pytest.mark.parametrize("places", [[1, 2, 3, 4], [1, 1, 2, 3], [1, 2, 4, 5]])
@pytest.mark.parametrize("known", [range(1, 6), range(2, 4), ()])
@pytest.mark.parametrize("start", [START, None])
def test_what_is_known_of_what_comes_changes_nothing(
    places: Sequence[int], known: Iterable[int], start: bytes | None
) -> None:
    came = [entry(place) for place in places]
    links = {at: log_link_of(at, e.entry_id, e.time_ms, e.suite, e.content) for at, e in zip(places, came, strict=True)}
    one, other = LogChain(0, start), LogChain(0, start)
    for page in (came[:2], came[2:]):
        one.add(page)
        other.add(page, {at: links[at] for at in known if at in links})
    assert vars(one) == vars(other)


def test_of_a_long_log_the_newest_is_kept() -> None:
    chain = LogChain(0, START)
    chain.add([entry(place) for place in range(1, 3001)])
    chain.forget_old()
    assert chain.seen[0] == 3000
    assert len(chain._hashes) <= 1002
    assert chain.differs((2500, b"x" * 32))
    assert not chain.differs((1, b"x" * 32))
