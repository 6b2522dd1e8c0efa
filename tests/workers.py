"""Which worker gets which tests, and when: what takes long begins first, so that no worker ends alone with it.

One worker does a file as a whole. Tests that take seconds, and share nothing, go one by one. Those that wait, for other
programs most of all, are spread evenly among those that compute: else all workers would wait at first, and then all
want the processors.
"""

from __future__ import annotations

from collections.abc import Callable
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
    "tests/unit/client/chat/sealed/test_adoption.py",
    "tests/unit/client/sealing/test_suite_rsa.py",
    "tests/unit/transport/test_ended.py",
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
_WAITING = ("tests/e2e/", "tests/chaos/", "tests/interop/")


def place(nodeid: str) -> int:
    return next((number for number, first in enumerate(_LONGEST) if nodeid.startswith(first)), len(_LONGEST))


def order(items: list[pytest.Item], *, side_by_side: bool) -> None:
    items.sort(key=lambda item: place(item.nodeid))
    if side_by_side:
        items.sort(key=_evenly([scope_of(item.nodeid) for item in items]))


def _evenly(scopes: list[str]) -> Callable[[pytest.Item], float]:
    """How far each scope stands in the row of its kind, from 0 to 1; the order within a kind stays."""
    shares: dict[str, float] = {}
    for waits in (True, False):
        kind = list(dict.fromkeys(scope for scope in scopes if scope.startswith(_WAITING) is waits))
        shares |= {scope: number / len(kind) for number, scope in enumerate(kind)}
    return lambda item: shares[scope_of(item.nodeid)]


def scope_of(nodeid: str) -> str:
    file = nodeid.partition("::")[0]
    return nodeid if file.startswith(_APART) and file not in _TOGETHER else file


class Scheduling(LoadScopeScheduling):
    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False  # or files with many tests came first
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
