"""Which worker gets which tests, and when: what takes long begins first, so that no worker ends alone with it.

One worker does a file as a whole. Tests that take seconds, and share nothing, go one by one.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_LONGEST = (
    "tests/e2e/test_containers.py",
    "tests/chaos/",
    "tests/e2e/test_member_pages.py",
    "tests/e2e/test_restored_group.py",
    "tests/e2e/test_films.py",
    "tests/e2e/test_members.py",
    "tests/e2e/test_suite_rsa.py",
    "tests/e2e/test_from_plain.py",
    "tests/e2e/test_video_sound.py",
    "tests/unit/client/smtp/test_injection.py",
    "tests/interop/",
    "tests/e2e/",
    "tests/sim/",
    "tests/attacks/",
    "tests/storage/",
)
"""Beginnings of what stands first; the rest follows as it is found."""
_APART = ("tests/e2e/", "tests/sim/", "tests/chaos/")
_TOGETHER = ("tests/e2e/test_containers.py", "tests/e2e/test_members.py")
"""Whose tests share what takes long to make."""


def place(nodeid: str) -> int:
    return next((number for number, first in enumerate(_LONGEST) if nodeid.startswith(first)), len(_LONGEST))


def order(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: place(item.nodeid))


class Scheduling(LoadScopeScheduling):
    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False  # or files with many tests came first
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file.startswith(_APART) and file not in _TOGETHER else file
