from __future__ import annotations

from lanline.client.video.timeline import Timeline


def test_a_time_goes_on_where_its_bits_wrap_around() -> None:
    line = Timeline()
    begin = line.unwrap(2**32 - 10_000, 50.0)
    assert line.unwrap(10_000, 50.02) == begin + 20_000
    assert line.unwrap(2**32 - 5_000, 50.03) == begin + 5_000


def test_a_publisher_that_counts_anew_is_followed() -> None:
    line = Timeline()
    begin = line.unwrap(2_000_000_000, 50.0)
    assert line.unwrap(7, 53.0) == begin + 3_000_000
    assert line.unwrap(20_007, 53.02) == begin + 3_020_000
