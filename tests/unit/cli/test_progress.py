"""What is told while something takes long, and when a person interrupts it."""

from __future__ import annotations

import pytest

from lanline.cli.video.progress import ProgressBar, said_to_be_kept


def test_who_interrupts_is_told_on_a_line_of_its_own_that_it_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)

    def interrupted() -> None:
        with said_to_be_kept(), ProgressBar("lake") as bar:
            bar.show(0.5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    shown = capsys.readouterr().err.splitlines()
    assert "lake [" in shown[-2]
    assert shown[-1].startswith("Not finished. What is done is kept")
