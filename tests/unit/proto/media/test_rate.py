"""Which rung and how much parity, judged by what viewers report."""

from __future__ import annotations

import pytest

from lanline.proto.media.parity import LossEstimate, parity_for
from lanline.proto.media.rate import RateChoice
from lanline.proto.media.reassembler import ClosedFrame
from lanline.proto.media.reports import LossLedger, ReportWriter
from lanline.proto.media.transit import TransitTimes
from lanline.wire.video import Report

RATES = (400_000.0, 1_100_000.0, 2_600_000.0, 5_500_000.0)


def report(mbit: float, queue_ms: float = 0.0, trend_ms: float = 0.0, chunks: int = 30, lost: int = 0) -> Report:
    received = round(mbit * 1e6 / 8 / 10)
    return Report(100_000, received, chunks, lost, 0, round(queue_ms * 1000), round(trend_ms * 1000))


class Clocked:
    def __init__(self, rung: int, top: int = 3, *, fps: float = 30.0, is_intra_only: bool = True) -> None:
        self.choice = RateChoice(rung, top, (fps,) * 4, is_intra_only=is_intra_only)
        self.now = 100.0

    def hear(self, *reports: Report, sent_bytes: int | None = None) -> int:
        """All that was sent has arrived, where nothing else is said."""
        for said in reports:
            self.now += 0.1
            self.choice.on_report(said, sent_bytes or said.received_bytes or 10_000, RATES, self.now)
        return self.choice.rung


def test_a_growing_queue_leads_down_at_once_to_what_the_link_carries() -> None:
    assert Clocked(3).hear(report(2.0, queue_ms=60, trend_ms=60)) == 1


def test_a_rung_that_begins_with_a_key_frame_is_chosen_with_room_for_it() -> None:
    queueing = report(1.5, queue_ms=60, trend_ms=60)
    assert Clocked(3).hear(queueing) == 1
    assert Clocked(3, is_intra_only=False).hear(queueing) == 0


def test_loss_without_a_queue_does_not() -> None:
    clocked = Clocked(3)
    assert clocked.hear(*[report(5.5, lost=3)] * 50) == 3
    assert 0.08 < clocked.choice.loss < 0.12


def test_a_link_without_a_queue_that_drops_what_is_too_much_leads_down() -> None:
    assert Clocked(3).hear(*[report(2.0, lost=18)] * 4) == 1


def test_what_an_outage_takes_leads_nowhere_down_and_is_no_loss_of_the_link() -> None:
    clocked = Clocked(3)
    clocked.hear(*[report(5.5)] * 10)
    assert clocked.hear(*[report(0.0)] * 20) == 3
    assert clocked.hear(report(1.0, chunks=200, lost=180), report(4.0, chunks=60, lost=40), report(5.5)) == 3
    assert clocked.choice.loss < 0.01


def test_a_lossy_moment_does_not_keep_a_small_rung_from_trials_for_ever() -> None:
    clocked = Clocked(0)
    clocked.hear(report(0.4, lost=20))
    for _ in range(20):
        clocked.hear(report(max(0.4, clocked.choice.trial_bits_per_s / 1e6), chunks=2))
        if clocked.choice.rung > 0:
            break
    assert clocked.choice.rung > 0


def test_constant_delay_and_jitter_are_no_queue() -> None:
    assert Clocked(3).hear(*[report(5.5, queue_ms=40, trend_ms=trend) for trend in (5, -5) * 20]) == 3


def test_a_queue_that_drains_leads_no_further_down() -> None:
    clocked = Clocked(3)
    clocked.hear(report(2.0, queue_ms=60, trend_ms=60))
    assert clocked.hear(report(2.0, 150, 90), report(2.0, 200, 50), report(2.0, 150, -50), report(1.2, 20, -80)) == 1


def test_one_goes_up_only_after_a_trial_at_the_higher_rate() -> None:
    clocked = Clocked(1)
    seen: list[float] = []
    for _ in range(30):
        clocked.hear(report(max(1.1, clocked.choice.trial_bits_per_s / 1e6)))
        if clocked.choice.rung == 2:
            break
        seen.append(clocked.choice.trial_bits_per_s)
    assert clocked.choice.rung == 2
    assert seen[0] == 0.0
    assert max(seen) >= 1.1 * RATES[2]
    assert clocked.now < 102.5


def test_a_trial_that_fails_changes_nothing_but_the_time_of_the_next() -> None:
    clocked = Clocked(1)
    while not clocked.choice.trial_bits_per_s:
        clocked.hear(report(1.1))
    assert clocked.hear(report(2.0, queue_ms=40, trend_ms=40)) == 1
    assert clocked.choice.trial_bits_per_s == 0.0
    failed_at = clocked.now
    while not clocked.choice.trial_bits_per_s:
        clocked.hear(report(1.1))
    assert 0.9 < clocked.now - failed_at < 5.0


def test_a_trial_of_which_too_little_arrives_fails_though_no_queue_grew() -> None:
    clocked = Clocked(2)
    while not clocked.choice.trial_bits_per_s:
        clocked.hear(report(2.6))
    while clocked.choice.trial_bits_per_s and clocked.now < 110.0:
        clocked.hear(report(5.0), sent_bytes=79_000)
    assert clocked.choice.rung == 2
    assert not clocked.choice.trial_bits_per_s


def test_a_trial_of_which_a_part_is_still_under_way_is_looked_at_once_more() -> None:
    clocked = Clocked(2)
    while not clocked.choice.trial_bits_per_s:
        clocked.hear(report(2.6))
    clocked.hear(*[report(4.0)] * 4, sent_bytes=79_000)
    assert clocked.choice.rung == 2
    clocked.hear(*[report(6.3)] * 10, sent_bytes=79_000)
    assert clocked.choice.rung == 3


def test_a_trial_that_stands_in_a_queue_is_given_up_before_its_time() -> None:
    clocked = Clocked(0)
    while clocked.choice.trial_bits_per_s < 1.0e6:
        clocked.hear(report(0.4))
    begun_at = clocked.now
    while clocked.choice.trial_bits_per_s:
        clocked.hear(report(0.4), sent_bytes=14_000)
    assert clocked.now - begun_at <= 0.6
    assert clocked.choice.rung == 0


def test_after_a_dip_the_old_rung_is_tried_at_once() -> None:
    clocked = Clocked(3)
    clocked.hear(*[report(5.5)] * 10, report(0.3, queue_ms=60))
    assert clocked.choice.rung == 0
    begun_at = clocked.now
    while clocked.choice.rung == 0:
        clocked.hear(report(max(0.4, clocked.choice.trial_bits_per_s / 1e6)))
    assert clocked.choice.rung == 3
    assert clocked.now - begun_at < 3.0


def test_reports_that_differ_by_themselves_are_no_queue() -> None:
    clocked = Clocked(3)
    for number in range(100):
        clocked.hear(report(5.5, queue_ms=(2, 35, 8, 28)[number % 4] if number > 4 else 0))
    assert clocked.choice.rung >= 2
    assert clocked.hear(*[report(5.5, queue_ms=(2, 35, 8, 28)[number % 4]) for number in range(100)]) == 3


def test_what_is_lost_as_usual_fails_no_trial() -> None:
    clocked = Clocked(2)
    while not clocked.choice.trial_bits_per_s:
        clocked.hear(report(2.6, lost=3))
    for _ in range(10):
        clocked.hear(report(5.7, lost=3), sent_bytes=79_000)
    assert clocked.choice.rung == 3


def test_frames_of_the_larger_rung_that_are_given_up_late_lead_no_further_down() -> None:
    given_up = report(1.5, chunks=60, lost=40)
    clocked = Clocked(3, is_intra_only=False)
    clocked.hear(report(2.0, queue_ms=60, trend_ms=60))
    assert clocked.hear(*[given_up] * 6) == 1
    assert clocked.hear(*[given_up] * 5) == 0


def test_repairs_pass_again_once_a_smaller_rung_that_begins_with_a_key_frame_was_chosen() -> None:
    queueing = report(2.0, queue_ms=60, trend_ms=60)
    for is_intra_only in (True, False):
        clocked = Clocked(3, is_intra_only=is_intra_only)
        clocked.hear(queueing)
        assert clocked.choice.was_full(clocked.now) is is_intra_only


def test_after_any_failures_one_is_back_up_within_ten_seconds() -> None:
    clocked = Clocked(3)
    clocked.hear(report(2.0, queue_ms=60, trend_ms=60))
    for _ in range(300):
        is_too_much = clocked.choice.trial_bits_per_s > 2e6
        clocked.hear(report(2.0, 60, 60) if is_too_much else report(1.1))
    widened_at = clocked.now
    while clocked.choice.rung < 3:
        clocked.hear(report(max(RATES[clocked.choice.rung], clocked.choice.trial_bits_per_s) / 1e6))
    assert clocked.now - widened_at < 10.0


def test_nobody_is_sent_more_than_was_wanted() -> None:
    clocked = Clocked(1, top=1)
    assert clocked.hear(*[report(1.1)] * 100) == 1
    assert clocked.choice.trial_bits_per_s == 0.0


@pytest.mark.parametrize(("loss", "parity"), [(0.0, 0), (0.001, 0), (0.01, 1), (0.05, 2), (0.10, 3), (0.5, 3)])
def test_parity_follows_loss_up_to_thirty_percent(loss: float, parity: int) -> None:
    assert parity_for(9, loss) == parity


def test_parity_is_the_same_for_every_block() -> None:
    assert parity_for(150, 0.05) % 3 == 0
    assert parity_for(150, 0.9) <= 0.32 * 150


def test_an_estimate_rises_fast_and_falls_slowly() -> None:
    estimate = LossEstimate()
    for _ in range(10):
        estimate.on_report(30, 3)
    assert estimate.rate > 0.08
    for _ in range(10):
        estimate.on_report(30, 0)
    assert estimate.rate > 0.015
    estimate.on_report(0, 0)
    for _ in range(300):
        estimate.on_report(30, 0)
    assert estimate.rate < 0.001


# Reports.


def writer() -> tuple[ReportWriter, LossLedger]:
    made = ReportWriter()
    ledger = made.add_stream()
    made.start(0.0)
    made.look(0.05)
    return made, ledger


def test_a_quiet_viewer_reports_twice_a_second() -> None:
    made, _ = writer()
    said = []
    for tick in range(1, 21):
        made.on_packet(1000)
        said += made.look(0.05 + tick / 10)
    assert len(said) == 4
    assert [entry.received_bytes for entry in said] == [5000] * 4


def test_news_is_reported_at_once_and_apart_from_the_quiet_before_it() -> None:
    made, ledger = writer()
    for tick in range(1, 4):
        made.on_packet(1000)
        assert made.look(0.05 + tick / 10) == []
    ledger.on_closed(ClosedFrame(True, 100, 9, 0, [102]), 0.36)
    made.on_packet(500)
    quiet, news = made.look(0.45)
    assert (quiet.received_bytes, quiet.lost_before_repair) == (3000, 0)
    assert (news.received_bytes, news.lost_before_repair, news.lost_after_repair) == (500, 1, 0)


def test_repeats_of_a_trial_are_news() -> None:
    made, _ = writer()
    made.on_repeat()
    assert len(made.look(0.15)) == 1


def test_the_queue_is_that_of_the_quickest_packet_of_late() -> None:
    made, _ = writer()
    for at, excess in ((0.06, 0.001), (0.11, 0.040), (0.12, 0.030), (0.13, 0.050), (0.14, 0.045)):
        made.on_transit(excess, at)
    said = made.look(0.15)[-1]
    assert (said.queue_us, said.trend_us) == (30_000, 30_000)


def test_where_few_packets_come_older_ones_count_too() -> None:
    made, _ = writer()
    made.on_transit(0.002, 0.06)
    made.on_transit(0.060, 0.13)
    made.on_repeat()
    assert made.look(0.15)[-1].queue_us == 2_000


def test_a_packet_that_was_only_late_is_not_lost() -> None:
    ledger = LossLedger()
    ledger.on_closed(ClosedFrame(True, 0, 9, 2, [3, 4]), 0.0)
    ledger.on_straggler(3)
    assert ledger.settle(0.01) == (0, 0, 0)
    assert ledger.settle(0.06) == (9, 1, 0)


def test_what_a_repair_brought_was_lost_before_it_and_not_after_it() -> None:
    ledger = LossLedger()
    ledger.on_repair(3)
    ledger.on_closed(ClosedFrame(True, 0, 9, 0, []), 0.0)
    ledger.on_closed(ClosedFrame(False, 9, 9, 0, [10, 11]), 0.0)
    assert ledger.settle(1.0) == (18, 3, 2)


def test_transit_times_survive_the_wrap_of_the_clock() -> None:
    transit = TransitTimes()
    sent = 2**32 - 10_000
    excess = [transit.measure((sent + step * 5000) % 2**32, 50.0 + step * 0.005) for step in range(6)]
    assert max(excess) < 1e-5
    assert abs(transit.quickest_arrival((sent + 50_000) % 2**32) - 50.05) < 1e-5


def test_an_old_baseline_is_forgotten() -> None:
    transit = TransitTimes()
    transit.measure(0, 0.0)
    assert transit.measure(5_000_000, 5.050) > 0.049
    for second in range(6, 30):
        excess = transit.measure(second * 1_000_000, second + 0.050)
    assert excess < 0.001
