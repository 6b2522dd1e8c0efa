from __future__ import annotations

import pytest

from lanline.proto.link import sendstream
from lanline.testing.trace import first_difference
from sim.run import run_link_seed
from sim.scenario import PromiseBroken, Scenario

SEEDS_IN_CI = 40
SEEDS_THAT_ONCE_BROKE = (20058, 20128, 20656, 21184, 21582, 21595, 21787, 25509)


def run_some_seeds() -> None:
    for seed in range(1, 8):
        Scenario(seed).run()


@pytest.mark.parametrize("block", range(SEEDS_IN_CI // 20))
def test_no_seed_breaks_a_promise(block: int) -> None:
    problems = [run_link_seed(seed) for seed in range(block * 20, block * 20 + 20)]
    assert [f"seed {seed}: {problem}" for seed, _, problem in problems if problem] == []


def test_no_seed_that_once_broke_a_promise_does_so_again() -> None:
    problems = [run_link_seed(seed) for seed in SEEDS_THAT_ONCE_BROKE]
    assert [f"seed {seed}: {problem}" for seed, _, problem in problems if problem] == []


def test_the_same_seed_gives_identical_datagrams() -> None:
    first, second = Scenario(5, keep_records=True).run(), Scenario(5, keep_records=True).run()
    assert first.delivered > 0
    assert first_difference(first.network.trace.records, second.network.trace.records) is None


def test_another_seed_gives_other_datagrams() -> None:
    assert Scenario(5).run().network.trace.digest() != Scenario(6).run().network.trace.digest()


def test_the_checker_notices_a_message_reported_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    def report_all_written(stream: sendstream.SendStream) -> int | None:
        stream._delivered = stream.written
        news = stream._delivered != stream._reported
        stream._reported = stream._delivered
        return stream._delivered if news else None

    monkeypatch.setattr(sendstream.SendStream, "take_delivered", report_all_written)
    with pytest.raises(PromiseBroken, match="reported as delivered"):
        run_some_seeds()


def test_the_checker_notices_a_lost_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sendstream.SendStream, "resend", lambda stream, chunk: None)
    monkeypatch.setattr("lanline.proto.link.outgoing.Outgoing._add_unacknowledged", lambda self, p, c, room, **_: room)
    with pytest.raises(PromiseBroken, match="neither deliver nor fail"):
        run_some_seeds()
