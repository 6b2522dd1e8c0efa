"""A person, and the servers they send to; a group that is there already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from e2e.founded import Founded
from mailhouse.certificates import Authority
from mailhouse.moody import Moody
from mailhouse.office import Office
from mailhouse.person import Person
from mailhouse.stage import Stage


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    return Founded(tmp_path_factory.mktemp("founded"))


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
