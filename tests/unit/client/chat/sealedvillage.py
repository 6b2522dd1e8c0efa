"""A village whose group is sealed and at rest, as tests begin with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.client.chat.village import Village


@pytest.fixture(name="village")
def sealed_village(tmp_path: Path) -> Iterator[Village]:
    made = Village(tmp_path, 1)
    made.seal()
    made.come_to_rest()
    yield made
    made.close()
