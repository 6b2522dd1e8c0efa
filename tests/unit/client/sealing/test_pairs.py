"""What two say to each other is sealed for the two, under epochs that lie in their own log."""

from __future__ import annotations

from lanline.client.sealing.scopes import Pair
from lanline.client.sealing.words import Body, Lacks
from unit.client.sealing.devices import Device, Town


def test_the_first_word_begins_the_epoch_of_the_two(town: Town, three: tuple[Device, Device, Device]) -> None:
    ana, ben, eve = three
    place = ana.pair(ben)
    ana.say("between us", place)
    ben.say("yes", ben.pair(ana))
    assert ben.texts(ben.pair(ana)) == ana.texts(place) == ["between us", "yes"]
    # Somebody shows her all there is of it.
    assert set(eve.words.open(place, ben.heard(ben.pair(ana)))) <= {Lacks.EPOCH, Lacks.KEY}
    assert set(eve.words.open(Pair(place.log, "ben"), ben.heard(ben.pair(ana)))) <= {Lacks.EPOCH, Lacks.KEY}


def test_it_is_read_by_who_was_away_and_after_caches_are_thrown_away(
    town: Town, three: tuple[Device, Device, Device]
) -> None:
    ana, ben, _ = three
    place = ana.pair(ben)
    ben.disconnect()
    ana.say("for later", place)
    ana.disconnect()
    ben.history.database.read("DELETE FROM epoch_secrets")
    ben.restart()
    ben.connect()
    town.pass_time(0.2)
    assert ben.texts(Pair(place.log, "ana")) == ["for later"]


def test_notes_to_oneself_are_sealed(three: tuple[Device, Device, Device]) -> None:
    ana, _, _ = three
    ana.say("buy glass", ana.pair(ana))
    assert ana.texts(ana.pair(ana)) == ["buy glass"]


def test_a_box_that_does_not_open_is_mended_by_the_other_of_the_two(
    town: Town, three: tuple[Device, Device, Device]
) -> None:
    ana, ben, _ = three
    place = ana.pair(ben)
    ben.disconnect()
    ana.say("mended", place)
    town.house.engine.transact(
        [
            lambda t: t.groups._connection.execute(  # type: ignore[attr-defined]
                "UPDATE boxes SET data = ? WHERE recipient = ?", (b"garbage", ben.member.copy.account_id)
            )
        ]
    )
    ben.connect()
    town.pass_time(0.2)
    assert ben.texts(Pair(place.log, "ana")) == ["mended"]


def test_words_under_one_name_are_not_believed_under_another(three: tuple[Device, Device, Device]) -> None:
    """The server shows what ana said to ben as if eve were meant, and in eve's name."""
    ana, ben, _ = three
    ana.say("meet me", ana.pair(ben))
    assert ben.texts(ben.pair(ana)) == ["meet me"]
    said = ben.heard(ben.pair(ana))[0]
    shown = Pair(ben.pair(ana).log, "eve")
    assert not isinstance(ben.words.open(shown, [said])[0], Body)
    assert not isinstance(ben.words.open(ben.pair(ana), [said._replace(author="eve")])[0], Body)
    assert isinstance(ben.words.open(ben.pair(ana), [said])[0], Body)


def test_with_who_is_not_in_the_group_nothing_is_sealed(town: Town, three: tuple[Device, Device, Device]) -> None:
    ana, ben, _ = three
    assert ana.words.seal(Pair(99, "nobody"), bytes(16), b"text") is None
    place = ana.pair(ben)
    ana.say("before", place)
    town.done(ana.member.changes.remove([ben.member.copy.account_id]))
    town.pass_time(0.2)
    assert ana.words.seal(place, bytes(16), b"after") is None
    assert ana.texts(place) == ["before"]
