"""A row of films takes minutes: what was measured is kept before the next one, which may fail."""

from __future__ import annotations

import asyncio

import pytest

import filmrows
import films
from section import Options, Section


def test_rows_before_one_that_fails_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def started(_: Options) -> list[list[str]]:
        return [["first picture", "1 ms"]]

    async def fails(_: Options) -> list[list[str]]:
        raise RuntimeError("the machine was needed elsewhere")

    monkeypatch.setattr(films, "why_no_ip_network", lambda: None)
    monkeypatch.setattr(films.shutil, "which", lambda _: "ffmpeg")
    monkeypatch.setattr(filmrows, "started", started)
    monkeypatch.setattr(filmrows, "stepped", fails)
    kept: list[Section] = []
    rows = (films.START, films.STEP)
    options = Options((), seconds=1.0, runs=1, quick=True, all_ip=False, seed=1, rows=rows, keep=kept.append)
    with pytest.raises(RuntimeError):
        asyncio.run(films.measure(options))
    assert [section.tables[0].splitlines()[-1] for section in kept] == ["| first picture | 1 ms     |"]
