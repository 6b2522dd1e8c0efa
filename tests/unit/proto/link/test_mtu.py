"""The size that passes: searched upwards step by step, lowered after timeouts, tried again later."""

from __future__ import annotations

from lanline.proto.link.mtu import RECOVER_AFTER_S, SEARCH_AGAIN_AFTER_S, PathMtu


def probe(mtu: PathMtu, now: float, number: int) -> int:
    size = mtu.next_probe_bytes(now)
    assert size is not None
    mtu.on_probe_sent(number, size)
    assert mtu.is_probe(number)
    assert not mtu.is_probe(number + 1)
    # One at a time.
    assert mtu.next_probe_bytes(now) is None
    return size


def test_size_grows_step_by_step_up_to_the_most() -> None:
    mtu, sizes = PathMtu(1200, 548, 9000), []
    for number in range(3):
        sizes.append(probe(mtu, 0.0, number))
        mtu.on_probe_arrived()
        assert mtu.current == sizes[-1]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] <= 9000
    assert mtu.next_probe_bytes(1e9) is None


def test_step_that_does_not_pass_is_tried_twice_and_again_much_later() -> None:
    mtu = PathMtu(1200, 548, 9000)
    for number in range(2):
        probe(mtu, 5.0, number)
        mtu.on_probe_lost(5.0)
    assert mtu.current == 1200
    assert mtu.next_probe_bytes(5.0 + SEARCH_AGAIN_AFTER_S - 1.0) is None
    assert mtu.next_probe_bytes(5.0 + SEARCH_AGAIN_AFTER_S) is not None


def test_size_falls_after_three_timeouts_of_large_packets_only() -> None:
    mtu = PathMtu(1200, 548, 1200)
    assert not mtu.on_timeouts(2, 1200)
    assert not mtu.on_timeouts(9, 548)
    assert mtu.on_timeouts(3, 1200)
    assert mtu.current == 548
    assert not mtu.on_timeouts(4, 1200)


def narrowed() -> PathMtu:
    """From 1452 to 1200 and on to 548, and nothing has passed yet."""
    mtu = PathMtu(1200, 548, 1500)
    probe(mtu, 0.0, 1)
    mtu.on_probe_arrived()
    for timeouts, size in ((3, 1200), (4, 548)):
        assert mtu.on_timeouts(timeouts, mtu.current)
        assert mtu.current == size
    return mtu


def test_what_passed_before_a_silence_is_tried_as_soon_as_anything_passes() -> None:
    mtu = narrowed()
    assert mtu.next_probe_bytes(1e9) is None, "nothing passes"
    mtu.on_arrived(7.0)
    assert probe(mtu, 7.0, 2) == 1452
    mtu.on_probe_arrived()
    assert mtu.current == 1452
    assert mtu.next_probe_bytes(1e9) is None


def test_what_passed_before_two_silences_is_tried_first() -> None:
    """The second one came before the probe after the first was answered."""
    mtu = PathMtu(1200, 548, 9000)
    for number in range(3):
        probe(mtu, 0.0, number)
        mtu.on_probe_arrived()
    assert mtu.current == 8952
    for silence, size in ((1.0, 1200), (2.0, 548)):
        assert mtu.on_timeouts(3, mtu.current)
        assert mtu.current == size
        mtu.on_arrived(silence)
        assert probe(mtu, silence, 4) == 8952
    mtu.on_probe_arrived()
    assert mtu.current == 8952


def test_what_was_found_not_to_pass_any_more_is_forgotten() -> None:
    mtu = narrowed()
    mtu.on_arrived(7.0)
    for number in (2, 3):
        assert probe(mtu, 7.0, number) == 1452
        mtu.on_probe_lost(7.1)
    assert probe(mtu, 7.1, 4) == 1200
    mtu.on_probe_arrived()
    assert mtu.on_timeouts(3, 1200)
    mtu.on_arrived(8.0)
    assert probe(mtu, 8.0, 5) == 1200


def test_where_that_passes_no_more_the_base_is_tried_at_once_and_the_larger_one_much_later() -> None:
    mtu = narrowed()
    mtu.on_arrived(7.0)
    for number in (2, 3):
        assert probe(mtu, 7.0, number) == 1452
        mtu.on_probe_lost(7.1)
    assert probe(mtu, 7.1, 4) == 1200
    mtu.on_probe_arrived()
    for number in (5, 6):
        assert probe(mtu, 7.2, number) == 1452
        mtu.on_probe_lost(7.3)
    assert mtu.next_probe_bytes(7.3 + SEARCH_AGAIN_AFTER_S - 1.0) is None


def test_base_is_tried_again_and_again_until_it_passes() -> None:
    mtu = PathMtu(1200, 548, 1200)
    mtu.on_timeouts(3, 1200)
    mtu.on_arrived(0.0)
    for attempt in range(4):
        now = attempt * RECOVER_AFTER_S
        for number in (1, 2):
            assert probe(mtu, now, number) == 1200
            mtu.on_probe_lost(now)
        assert mtu.next_probe_bytes(now + RECOVER_AFTER_S - 0.1) is None
    probe(mtu, 1000.0, 5)
    mtu.on_probe_arrived()
    assert mtu.current == 1200
    assert mtu.next_probe_bytes(1e9) is None


def test_setting_below_the_floor_never_shrinks() -> None:
    mtu = PathMtu(500, 548, 500)
    assert not mtu.on_timeouts(5, 500)
    assert mtu.current == 500
