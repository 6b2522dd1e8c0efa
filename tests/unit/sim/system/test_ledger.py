from __future__ import annotations

import pytest

from sim.system.ledger import Ledger, Marks, PromiseBroken, Stands, check


def ledger_of(*texts: str) -> Ledger:
    """Ann has typed these, they stand in #lobby, and bob has read them."""
    ledger = Ledger()
    for text in texts:
        ledger.type("ann", "ann", "#lobby", text).was_sent = True
    ledger.commit("#lobby", [Stands(place, "ann", text) for place, text in enumerate(texts, 1)])
    ledger.histories["bob", "#lobby"] = list(ledger.logs["#lobby"])
    ledger.current.add(("bob", "#lobby"))
    return ledger


def test_all_that_was_promised_is_no_problem() -> None:
    check(ledger_of("one", "two", "three"))


def test_acknowledged_and_lost() -> None:
    ledger = ledger_of("one")
    ledger.type("ann", "ann", "#lobby", "two").was_sent = True
    with pytest.raises(PromiseBroken, match="acknowledged and is lost"):
        check(ledger)


def test_one_entry_twice() -> None:
    ledger = ledger_of("one")
    ledger.commit("#lobby", [Stands(2, "ann", "one")])
    ledger.current.clear()
    with pytest.raises(PromiseBroken, match="twice"):
        check(ledger)


def test_two_of_one_sender_in_the_other_order() -> None:
    ledger = Ledger()
    for text in ("one", "two"):
        ledger.type("ann", "ann", "#lobby", text)
    ledger.commit("#lobby", [Stands(1, "ann", "two"), Stands(2, "ann", "one")])
    with pytest.raises(PromiseBroken, match="typed earlier"):
        check(ledger)


def test_two_devices_of_one_person_keep_no_common_order() -> None:
    ledger = Ledger()
    ledger.type("ann", "ann's desk", "#lobby", "one")
    ledger.type("ann", "ann's phone", "#lobby", "two")
    ledger.commit("#lobby", [Stands(1, "ann", "two"), Stands(2, "ann", "one")])
    check(ledger)


def test_a_gap_in_a_history() -> None:
    ledger = ledger_of("one", "two", "three")
    del ledger.histories["bob", "#lobby"][1]
    with pytest.raises(PromiseBroken, match="3 after 1"):
        check(ledger)


def test_a_history_that_ends_early() -> None:
    ledger = ledger_of("one", "two")
    ledger.histories["bob", "#lobby"].pop()
    with pytest.raises(PromiseBroken, match="up to 1, and it goes to 2"):
        check(ledger)


def test_a_history_that_says_something_else() -> None:
    ledger = ledger_of("one", "two")
    ledger.histories["bob", "#lobby"][1] = Stands(2, "ann", "zwei")
    with pytest.raises(PromiseBroken, match="where #lobby has"):
        check(ledger)


def test_what_was_typed_and_is_nowhere() -> None:
    ledger = ledger_of("one")
    ledger.type("ann", "ann", "#lobby", "two")
    with pytest.raises(PromiseBroken, match="vanished"):
        check(ledger)


def test_what_stays_queued_for_no_reason() -> None:
    ledger = ledger_of("one")
    ledger.type("ann", "ann", "#lobby", "two")
    ledger.queued.add("two")
    with pytest.raises(PromiseBroken, match="still queued"):
        check(ledger)
    ledger.blocked.add("ann")
    check(ledger)


def test_refused_and_there_all_the_same() -> None:
    ledger = ledger_of("one")
    ledger.typed["one"].was_refused = True
    with pytest.raises(PromiseBroken, match="refused and stands there"):
        check(ledger)


def test_refused_and_nowhere_is_no_problem() -> None:
    ledger = ledger_of("one")
    ledger.type("ann", "ann", "#lobby", "two").was_refused = True
    check(ledger)


def test_an_entry_that_nobody_typed() -> None:
    ledger = ledger_of("one")
    ledger.commit("#lobby", [Stands(2, "eve", "two")])
    ledger.current.clear()
    with pytest.raises(PromiseBroken, match="nobody typed"):
        check(ledger)


def test_a_log_that_is_another_after_a_crash() -> None:
    ledger = ledger_of("one", "two")
    with pytest.raises(PromiseBroken, match=r"was .* and now is"):
        ledger.commit("#lobby", [Stands(2, "ann", "three")])
    with pytest.raises(PromiseBroken, match="goes from 2 to 4"):
        ledger.commit("#lobby", [Stands(4, "ann", "four")])
    with pytest.raises(PromiseBroken, match="after a crash has 1"):
        ledger.expect_kept("#lobby", 1)


def test_a_mark_that_goes_back() -> None:
    marks = Marks()
    marks.see("ann in #lobby", 3)
    marks.see("ann in #lobby", 3)
    marks.see("bob in #lobby", 1)
    with pytest.raises(PromiseBroken, match="ann in #lobby went back from 3 to 2"):
        marks.see("ann in #lobby", 2)
