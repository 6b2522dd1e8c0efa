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
    assert not mtu.on_timeouts(2, 1200, 0.0)
    assert not mtu.on_timeouts(9, 548, 0.0)
    assert mtu.on_timeouts(3, 1200, 0.0)
    assert mtu.current == 548
    assert not mtu.on_timeouts(4, 1200, 0.0)


def test_size_found_by_search_falls_to_the_base_first() -> None:
    mtu = PathMtu(1200, 548, 1500)
    probe(mtu, 0.0, 1)
    mtu.on_probe_arrived()
    assert mtu.on_timeouts(3, mtu.current, 0.0)
    assert mtu.current == 1200
    assert mtu.on_timeouts(4, 1200, 0.0)
    assert mtu.current == 548


def test_base_is_tried_again_and_again_until_it_passes() -> None:
    mtu = PathMtu(1200, 548, 1200)
    mtu.on_timeouts(3, 1200, 0.0)
    assert mtu.next_probe_bytes(RECOVER_AFTER_S - 0.1) is None
    for attempt in range(1, 4):
        now = attempt * RECOVER_AFTER_S
        for number in (1, 2):
            assert probe(mtu, now, number) == 1200
            mtu.on_probe_lost(now)
        assert mtu.next_probe_bytes(now + 1.0) is None
    probe(mtu, 1000.0, 5)
    mtu.on_probe_arrived()
    assert mtu.current == 1200
    assert mtu.next_probe_bytes(1e9) is None


def test_setting_below_the_floor_never_shrinks() -> None:
    mtu = PathMtu(500, 548, 500)
    assert not mtu.on_timeouts(5, 500, 0.0)
    assert mtu.current == 500
