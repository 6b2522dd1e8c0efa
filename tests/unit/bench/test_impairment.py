from itertools import groupby

import pytest

from impairment import Impairment, Line

SIZE_BYTES = 1000
PACKETS = 100_000


def lost(impairment: Impairment, every_s: float = 0.0, packets: int = PACKETS) -> list[bool]:
    line = Line(impairment, "1")
    return [line.admit(SIZE_BYTES, number * every_s) is None for number in range(packets)]


def mean_burst(fates: list[bool]) -> float:
    runs = [len(list(run)) for value, run in groupby(fates) if value]
    return sum(runs) / len(runs)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.30])
def test_independent_loss_keeps_to_its_share(share: float) -> None:
    assert sum(lost(Impairment(loss=share))) / PACKETS == pytest.approx(share, rel=0.1)


def test_burst_loss_keeps_to_its_share_and_its_mean_length() -> None:
    fates = lost(Impairment(loss=0.05, burst=4.0))
    assert sum(fates) / PACKETS == pytest.approx(0.05, rel=0.1)
    assert mean_burst(fates) == pytest.approx(4.0, rel=0.1)


def test_burst_passes_while_nobody_sends() -> None:
    fates = lost(Impairment(loss=0.05, burst=4.0), every_s=1.0, packets=PACKETS // 10)
    assert sum(fates) / len(fates) == pytest.approx(0.05, rel=0.2)
    assert mean_burst(fates) < 1.2


def test_independent_loss_has_no_long_bursts() -> None:
    assert mean_burst(lost(Impairment(loss=0.05))) == pytest.approx(1 / 0.95, rel=0.05)


def fates(impairment: Impairment, seed: str) -> list[float | None]:
    line = Line(impairment, seed)
    return [line.admit(SIZE_BYTES, now / 100) for now in range(1000)]


def test_same_seed_gives_the_same_fates_and_another_seed_others() -> None:
    bad = Impairment(delay_s=0.01, loss=0.1, burst=4.0, jitter_s=0.005, reorder=0.1)
    assert fates(bad, "1") == fates(bad, "1")
    assert fates(bad, "1") != fates(bad, "2")


def test_jitter_does_not_change_which_packets_are_lost() -> None:
    steady = fates(Impairment(loss=0.1), "1")
    shaky = fates(Impairment(loss=0.1, jitter_s=0.005), "1")
    assert [fate is None for fate in steady] == [fate is None for fate in shaky]


def test_delay_is_exact_without_jitter() -> None:
    assert Line(Impairment(delay_s=0.01), "1").admit(SIZE_BYTES, 5.0) == pytest.approx(5.01)


def test_reordered_packet_is_overtaken_by_its_successor() -> None:
    line = Line(Impairment(delay_s=0.01, reorder=0.2), "1")
    due = [line.admit(SIZE_BYTES, number / 1000) for number in range(100)]
    assert due != sorted(due)
    assert {round(leaves - number / 1000, 6) for number, leaves in enumerate(due)} == {0.01, 0.02}


def test_calm_line_loses_nothing_until_it_is_told_and_then_what_its_seed_says() -> None:
    calm = Line(Impairment(loss=0.5), "1", calm=True)
    assert all(calm.admit(SIZE_BYTES, 0.0) is not None for _ in range(100))
    calm.begin_loss()
    stormy = Line(Impairment(loss=0.5), "1")
    assert [calm.admit(SIZE_BYTES, 0.0) for _ in range(100)] == [stormy.admit(SIZE_BYTES, 0.0) for _ in range(100)]


def test_narrow_pipe_spaces_packets_out() -> None:
    line = Line(Impairment(rate_bps=8e6), "1")
    assert [line.admit(SIZE_BYTES, 0.0) for _ in range(3)] == pytest.approx([0.001, 0.002, 0.003])


def test_full_queue_drops_and_counts() -> None:
    line = Line(Impairment(rate_bps=8e6, queue_bytes=2 * SIZE_BYTES), "1")
    fates_at_once = [line.admit(SIZE_BYTES, 0.0) for _ in range(5)]
    assert fates_at_once[2:] == [None, None, None]
    assert line.counters.overflowed_packets == 3
    assert line.counters.offered_bytes == 5 * SIZE_BYTES
