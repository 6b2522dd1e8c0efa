from __future__ import annotations

import os

import pytest

from lanline.media.sdlaudio import _quiet_library


def test_what_a_sound_library_writes_while_it_looks_is_not_seen(capfd: pytest.CaptureFixture[str]) -> None:
    with _quiet_library():
        os.write(2, b"ALSA lib confmisc.c: cannot find card\n")
    os.write(2, b"ours")
    assert capfd.readouterr().err == "ours"
