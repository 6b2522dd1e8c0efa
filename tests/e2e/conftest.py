"""A person, and the servers they send to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mailhouse.certificates import Authority
from mailhouse.moody import Moody
from mailhouse.office import Office
from mailhouse.person import Person
from mailhouse.stage import Stage


@pytest.fixture
def person(tmp_path: Path, authority: Authority) -> Person:
    return Person(tmp_path, authority)


@pytest.fixture
def office(stage: Stage, authority: Authority) -> tuple[Office, int]:
    kept = Office()
    return kept, stage.serve(lambda: kept.protocol(authority.good.server_context()))


@pytest.fixture
def moody(stage: Stage, authority: Authority) -> Any:
    def build(answers: dict[str, Any] | None = None) -> tuple[Moody, int]:
        server = Moody(answers, authority.good.server_context())
        return server, stage.serve_streams(server)

    return build
