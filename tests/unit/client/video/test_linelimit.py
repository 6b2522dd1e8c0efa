from __future__ import annotations

from lanline.client.video.linelimit import AGAIN_S, LineLimit


def test_one_subject_is_told_of_again_after_a_while_only() -> None:
    told: list[str] = []
    limit = LineLimit(told.append, most=10)
    for now in (0.0, 1.0, AGAIN_S - 0.1, AGAIN_S):
        limit.tell(f"at {now:g}", "door", now)
    assert told == ["at 0", f"at {AGAIN_S:g}"]


def test_only_so_many_subjects_are_told_of_at_once() -> None:
    told: list[str] = []
    limit = LineLimit(told.append, most=3)
    for number in range(1000):
        limit.tell(f"{number}", f"{number}", number / 1000)
    assert told == ["0", "1", "2"]
    limit.tell("later", "later", AGAIN_S)
    assert told[-1] == "later"
