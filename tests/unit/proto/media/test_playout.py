"""How long sound and pictures are held, as the path becomes slower and quicker. The clocks of both ends differ."""

from __future__ import annotations

import pytest

from lanline.proto.media.playout import Kind, Playout

RESERVE_S = 0.045
SOUND_FRAME_S = 0.020
PUBLISHER_AHEAD_S = 7000.0


class Path:
    """Frames of sound, each as late as is said. None of them overtakes another."""

    def __init__(self) -> None:
        self.playout = Playout(RESERVE_S)
        self.captured_s = 100.0
        self.now = 0.0

    def carry(self, seconds: float, late_s: float, grows_per_s: float = 0.0) -> None:
        for count in range(round(seconds / SOUND_FRAME_S)):
            self.carry_one(late_s + grows_per_s * count * SOUND_FRAME_S)

    def carry_one(self, late_s: float) -> None:
        self.captured_s += SOUND_FRAME_S
        self.now = max(self.now, self.captured_s + late_s)
        self.playout.on_frame(Kind.SOUND, self.captured_s + PUBLISHER_AHEAD_S, self.now)

    def stop(self, seconds: float, late_s: float) -> None:
        """Nothing comes for so long, and then all of it at once."""
        begun_s = self.captured_s
        for _ in range(round(seconds / SOUND_FRAME_S)):
            self.carry_one(begun_s + seconds + late_s - self.captured_s - SOUND_FRAME_S)

    @property
    def delay_s(self) -> float:
        """As if the clocks were one."""
        assert self.playout.delay_s is not None
        return self.playout.delay_s + PUBLISHER_AHEAD_S


def test_the_delay_is_what_frames_take_and_what_the_speaker_needs() -> None:
    path = Path()
    path.carry(5.0, 0.030)
    assert path.delay_s == pytest.approx(0.030 + RESERVE_S)


def test_it_grows_at_once_and_shrinks_so_slowly_that_nobody_hears_it() -> None:
    path = Path()
    path.carry(5.0, 0.030)
    path.carry(1.0, 0.150)
    assert path.delay_s == pytest.approx(0.150 + RESERVE_S)
    path.carry(14.0, 0.030)
    assert 0.090 < path.delay_s - RESERVE_S < 0.110


def test_a_path_that_has_become_slow_by_seconds_is_followed_within_one() -> None:
    path = Path()
    path.carry(5.0, 0.030)
    path.carry(0.7, 2.0)
    assert path.delay_s >= 2.0


def test_a_queue_that_grows_for_long_is_followed_all_the_way() -> None:
    path = Path()
    path.carry(5.0, 0.030)
    for late_s in range(6):
        path.carry(1.0, 0.030 + late_s, grows_per_s=1.0)
        assert path.delay_s >= 0.030 + late_s + 0.98


def test_what_a_pause_held_up_is_not_waited_for_from_then_on() -> None:
    path = Path()
    path.carry(5.0, 0.030)
    path.stop(2.0, 0.030)
    path.carry(0.1, 0.030)
    assert path.delay_s <= 0.030 + 0.6 + RESERVE_S + 0.001


def test_after_a_queue_of_seconds_it_is_within_one_at_once_and_near_after_a_while() -> None:
    path = Path()
    path.carry(8.0, 4.0)
    assert path.delay_s == pytest.approx(4.0 + RESERVE_S)
    path.captured_s += 4.0
    path.carry(0.1, 0.030)
    assert path.delay_s <= 0.030 + 0.6 + RESERVE_S + 1.0
    path.carry(16.0, 0.030)
    assert path.delay_s <= 0.030 + RESERVE_S + 0.3


def test_spikes_that_come_again_and_again_are_provided_for_all_the_time() -> None:
    path = Path()
    for _ in range(8):
        path.carry(6.0, 0.030)
        path.carry(0.2, 0.600)
    path.carry(6.0, 0.030)
    assert path.delay_s > 0.550


def test_pictures_that_take_longer_are_waited_for_within_reason() -> None:
    path = Path()
    for late_s, most_s in ((0.200, 0.201), (0.900, 0.376)):
        for _ in range(250):
            path.carry_one(0.030)
            captured_s = path.captured_s - late_s + PUBLISHER_AHEAD_S
            path.playout.on_frame(Kind.PICTURE, captured_s, path.now - 0.030)
        assert most_s - 0.040 <= path.delay_s <= most_s


def test_without_sound_pictures_are_due_at_once() -> None:
    path = Path()
    assert path.playout.due_at(1.0, 50.0) == 50.0
    path.carry(1.0, 0.030)
    assert path.playout.due_at(path.captured_s + PUBLISHER_AHEAD_S, path.now) == pytest.approx(path.now + RESERVE_S)
    path.now += 2.0
    assert path.playout.due_at(path.captured_s + PUBLISHER_AHEAD_S, path.now) == path.now
