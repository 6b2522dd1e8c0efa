"""What holds for all tests, and what tests of every kind share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from mailhouse.certificates import Authority
from mailhouse.stage import Stage

# How long an example takes is no property of ours, and depends on who else uses the machine.
settings.register_profile("lanline", deadline=None)
settings.load_profile("lanline")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as running:
        yield running


@pytest.fixture
def outbox_folder(tmp_path: Path) -> Path:
    return tmp_path / "outbox"
