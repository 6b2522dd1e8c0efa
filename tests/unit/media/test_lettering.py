from __future__ import annotations

import numpy as np

from lanline.media import lettering


def test_letters_differ_and_unknown_ones_are_a_question() -> None:
    seen = {letter: lettering.lettered(letter, 1).tobytes() for letter in "0123456789ABCXYZ:.%"}
    assert len(set(seen.values())) == len(seen)
    assert (lettering.lettered("é", 1) == lettering.lettered("?", 1)).all()
    assert (lettering.lettered("a", 1) == lettering.lettered("A", 1)).all()


def test_the_scale_multiplies_both_sides() -> None:
    small, large = lettering.lettered("12:30", 1), lettering.lettered("12:30", 3)
    assert (small.shape[0] * 3, small.shape[1] * 3) == large.shape
    assert large.shape == (lettering.height_of(3), lettering.width_of("12:30", 3))


def test_what_stands_over_the_edge_is_cut_off() -> None:
    pixels = np.full((10, 12, 3), 77, dtype=np.uint8)
    lettering.write(pixels, "WIDE", 6, 5, 2)
    assert (pixels[:5] == 77).all()
    assert (pixels[:, :6] == 77).all()
    assert set(np.unique(pixels[5:, 6:])) == {16, 235}
