"""Which quality comes next, by what the way carries and what is here: the steps that are not seen from a whole film."""

from __future__ import annotations

from lanline.model.films import PartInfo
from lanline.proto.films.quality import QualityChoice

SIZES = {240: 60_000, 720: 520_000, 1440: 1_500_000}


def coming() -> dict[int, list[PartInfo]]:
    return {lines: [PartInfo(2.0 * n, 2.0 * n + 2.0, size, True) for n in range(12)] for lines, size in SIZES.items()}


def test_the_least_quality_is_left_as_soon_as_the_next_one_lasts_for_a_while() -> None:
    rate = 230_000.0  # less than 720p takes: what is here shrinks while it is fetched
    assert QualityChoice().choose(coming(), 240, 2.6, rate, 0.0) == 240
    assert QualityChoice().choose(coming(), 240, 4.2, rate, 0.0) == 720


def test_a_part_that_has_mostly_come_is_not_given_up_for_a_little_less_time_than_it_takes() -> None:
    rate = 250_000.0
    needs_s = 150_000 / rate
    assert QualityChoice().instead(1440, 150_000, SIZES, needs_s * 1.05, rate, 0.0) is None
    assert QualityChoice().instead(1440, 150_000, SIZES, needs_s * 0.95, rate, 0.0) == 240


def test_a_part_of_which_little_has_come_is_given_up_early() -> None:
    rate = 250_000.0
    needs_s = 1_400_000 / rate
    assert QualityChoice().instead(1440, 1_400_000, SIZES, needs_s * 1.05, rate, 0.0) == 720
    assert QualityChoice().instead(1440, 1_400_000, SIZES, needs_s * 1.2, rate, 0.0) is None
