"""A film is played in virtual time: whatever the rate of the way, it begins soon, goes on, and does not swing."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from lanline.model.films import FilmPlan, FilmQuality, PartInfo
from lanline.proto.films.playing import Playing, State
from unit.proto.films.cinema import Evening, Trace, mobile, plan, random_steps, short_stays, steady, stepped


@pytest.mark.parametrize(
    ("rate", "lines", "starts_within_s"),
    [(steady(0.6), 240, 1.5), (steady(3), 690, 0.5), (steady(8), 1350, 0.3), (steady(1000), 1400, 0.1)],
    ids=["0.6", "3", "8", "1000"],
)
def test_at_a_steady_rate_it_takes_what_fits_and_stays(rate: Trace, lines: float, starts_within_s: float) -> None:
    evening = Evening(Playing(plan()), rate).run(200)
    assert evening.playing.state is State.ENDED
    assert evening.playing.stalled_s == 0
    assert evening.mean_lines >= lines
    assert evening.switches <= 2
    assert evening.began_at is not None
    assert evening.began_at < starts_within_s


def test_it_follows_a_way_that_narrows_and_recovers() -> None:
    evening = Evening(Playing(plan()), stepped((0, 8), (40, 2), (80, 8))).run(200)
    assert evening.playing.stalled_s == 0
    assert evening.switches <= 6
    assert evening.mean_lines > 700


@pytest.mark.parametrize("before", [2.0, 2.5])
def test_a_way_that_becomes_wider_is_used_within_half_a_second(before: float) -> None:
    evening = Evening(Playing(plan(), lines=1440), stepped((0, before), (20, 8))).run(20.5)
    assert evening.playing.window.rate > 6.5 * 125_000


def test_a_part_stays_to_be_exchanged_until_it_is_soon_shown() -> None:
    evening = Evening(Playing(plan()), steady(8))
    while len(evening.taken) < 5:
        evening.run(evening.now + 0.05)
    assert evening.taken[-1].from_s - evening.playing.position_s <= 0.75


def test_after_long_in_the_least_quality_a_wide_way_is_noticed() -> None:
    evening = Evening(Playing(plan()), stepped((0, 0.7), (60, 10))).run(200)
    assert evening.shown[0][1] == 240
    assert evening.shown[-1][1] == 1440
    assert evening.shown[-1][0] > 40


@pytest.mark.parametrize("seed", range(8))
def test_on_any_way_it_follows_and_never_swings(seed: int) -> None:
    """No way up is taken back soon, unless the way has meanwhile become narrower; and there are few changes in all."""
    steps = random_steps(seed)
    evening = Evening(Playing(plan(96.0, seed=seed)), stepped(*steps), seed=seed).run(200)
    assert evening.playing.state is State.ENDED
    assert evening.playing.stalled_s == 0
    changed_s = [at_s for at_s, _ in steps[1:] if at_s < 96]
    assert evening.switches <= 2 * len(changed_s) + 2, evening.shown
    narrower_s = [at_s for (_, before), (at_s, after) in pairwise(steps) if after < before]
    for begins_s, ends_s in short_stays(evening.shown, 8.0):
        assert any(begins_s - 15 < at_s < ends_s for at_s in narrower_s), evening.shown


@pytest.mark.parametrize("seed", range(6))
def test_on_the_way_of_a_telephone_it_neither_stands_still_nor_swings(seed: int) -> None:
    evening = Evening(Playing(plan()), mobile(seed)).run(200)
    assert evening.playing.state is State.ENDED
    assert evening.playing.stalled_s == 0
    assert evening.switches <= 6


def test_where_packets_are_lost_the_window_still_grows() -> None:
    evening = Evening(Playing(plan()), steady(8), loss=0.05).run(200)
    assert evening.playing.stalled_s == 0
    assert evening.mean_lines > 500


def test_a_word_hardly_waits_for_the_film() -> None:
    """At 8 Mbit/s and a round trip of 40 ms, while the film takes all that it gets."""
    evening = Evening(Playing(plan(), lines=1440), steady(8)).run(100)
    assert evening.queue_at(0.5) < 0.020
    assert evening.queue_at(0.99) < 0.045


def test_a_way_that_carries_nothing_for_a_while_makes_it_wait_and_go_on() -> None:
    evening = Evening(Playing(plan(), lines=720), stepped((0, 3), (10, 0.0001), (70, 8))).run(300)
    assert evening.playing.state is State.ENDED
    assert 5 < evening.playing.stalled_s < 60


def test_a_seek_begins_anew_and_at_once_where_the_film_is_here() -> None:
    evening = Evening(Playing(plan()), steady(20)).run(20)
    evening.sought(100.0)
    assert evening.playing.state is State.STARTING
    evening.run(21)
    assert evening.playing.state is State.RUNNING
    assert evening.playing.position_s >= 100.0
    evening.run(25)
    evening.sought(evening.playing.position_s + 8)
    assert evening.playing.state is State.RUNNING, "it was fetched already"


def test_the_part_of_the_first_picture_is_handed_over_while_it_comes() -> None:
    evening = Evening(Playing(plan(), 5.0, lines=1440), steady(8))
    came: list[tuple[int, float, int]] = []
    while evening.playing.state is State.STARTING:
        evening.run(evening.now + 0.02)
        if (part := evening.playing.early_part()) is not None:
            assert not part.is_whole
            came.append((part.number, part.from_s, len(part.data)))
    assert len(came) > 10
    assert {(number, from_s) for number, from_s, _ in came} == {(2, 5.0)}
    assert came == sorted(came)
    assert evening.taken[0].is_whole
    assert evening.taken[0].is_more_of(msgspec.structs.replace(evening.taken[0], data=b"", is_whole=False))
    assert evening.playing.early_part() is None


def test_until_the_first_picture_is_shown_no_more_is_asked_for_than_it_takes_to_begin() -> None:
    evening = Evening(Playing(plan(), lines=1440), steady(1000))
    evening.playing.is_awaited = True
    evening.run(1)
    assert [part.number for part in evening.taken] == [0]
    assert evening.playing.next_request(evening.now) is None
    evening.playing.is_awaited = False
    assert evening.playing.next_request(evening.now) is not None


def test_a_quality_by_hand_is_there_soon_and_without_a_hole() -> None:
    evening = Evening(Playing(plan()), steady(20)).run(40)
    evening.playing.choose(240)
    evening.run(46)
    assert evening.shown[-1][1] == 240
    evening.playing.choose(None)
    evening.run(80)
    assert evening.shown[-1][1] == 1440
    assert evening.playing.stalled_s == 0


def test_a_quality_can_be_chosen_when_all_of_the_film_is_here() -> None:
    evening = Evening(Playing(plan(20.0)), steady(50)).run(12)
    assert evening.playing.is_all_here
    evening.playing.choose(720)
    evening.playing.choose(None)
    evening.playing.choose(240)
    assert evening.run(60).playing.state is State.ENDED
    assert evening.shown[-1][1] == 240


def test_a_paused_film_stands_and_is_fetched_no_further_than_enough() -> None:
    evening = Evening(Playing(plan()), steady(20)).run(10)
    evening.playing.pause(is_paused=True)
    position_s = evening.playing.position_s
    evening.run(100)
    assert evening.playing.position_s == position_s
    assert evening.playing.ahead_s < 35
    evening.playing.pause(is_paused=False)
    assert evening.run(300).playing.state is State.ENDED


def test_parts_that_are_not_aligned_are_joined_at_the_very_time() -> None:
    low = tuple(PartInfo(number * 3.0, number * 3.0 + 3.0, 100_000, number % 2 == 0) for number in range(20))
    high = tuple(PartInfo(number * 4.0, number * 4.0 + 4.0, 1_000_000, True) for number in range(15))
    film = FilmPlan("odd", "v", (FilmQuality(240, b"", low), FilmQuality(720, b"", high)))
    playing = Playing(film, lines=720)
    evening = Evening(playing, steady(50))
    evening.run(5)
    playing.choose(240)
    evening.run(20)
    change = next(place for place, part in enumerate(evening.taken) if part.lines == 240)
    before, part = evening.taken[change - 1 : change + 1]
    assert part.is_first
    assert part.from_s == before.end_s
    assert part.number % 2 == 0


def test_what_fails_is_asked_for_again() -> None:
    playing = Playing(plan())
    request = playing.next_request(0.0)
    assert request is not None
    playing.fail(request.number, 0.1, 0.5)
    assert playing.next_request(0.2) is None
    again = playing.next_request(0.7)
    assert again is not None
    assert msgspec.structs.replace(again, number=0) == msgspec.structs.replace(request, number=0)


def test_another_film_under_the_name_goes_on_at_the_same_time() -> None:
    evening = Evening(Playing(plan()), steady(8)).run(30)
    evening.playing.replan(plan(60.0, version="v2"), evening.now)
    evening.sought(evening.playing.position_s)
    assert evening.playing.position_s == pytest.approx(30, abs=1)
    assert evening.run(200).playing.state is State.ENDED
