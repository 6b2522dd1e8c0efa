"""What holds for all tests, and what tests of every kind share."""

from __future__ import annotations

import contextlib
import gc
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies

import runfolder
import workers
from lanline.storage.sqlite.engine import SqliteEngine
from mailhouse.certificates import Authority
from mailhouse.person import Person
from mailhouse.stage import Stage
from programhouse.starting import loaded_starts

# How long an example takes, or takes to be drawn, is no property of ours: it depends on who else uses the machine. And
# a gate gives one answer for one source: `pytest --hypothesis-profile=searching` draws other examples each time.
settings.register_profile("searching", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("lanline", settings.get_profile("searching"), derandomize=True, database=None)
settings.load_profile("lanline")

# Whoever starts the tests in the background of a shell, or by nohup, has them ignore these signals, and so would every
# program that a test starts and ends by one. What is handled here, by doing nothing, a new program takes by default.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fresh-starts", action="store_true", help="programs load all that they need at each start")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.option.basetemp is None:  # a worker is given one by the process that has started it
        runfolder.remove_left()
        config.option.basetemp = str(runfolder.run_folder())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    folder = Path(session.config.option.basetemp)
    if exitstatus == 0 and folder.name == runfolder.run_folder().name:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is loaded and collected stays to the end: nothing of it is looked at again for what could be freed."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    workers.order(items, side_by_side=hasattr(config, "workerinput"))


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        strategies.text().validate()  # keeps a table of all letters, which else each process of the tests makes


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> workers.Scheduling:
    return workers.Scheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def _starts(pytestconfig: pytest.Config) -> Iterator[None]:
    with contextlib.nullcontext() if pytestconfig.getoption("--fresh-starts") else loaded_starts():
        yield


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server, made once: its tables take longer than most tests of it."""
    folder = tmp_path_factory.mktemp("store") / "data"
    SqliteEngine.open(folder).close()
    return folder


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as running:
        yield running


@pytest.fixture
def person(tmp_path: Path, authority: Authority) -> Person:
    return Person(tmp_path, authority)


@pytest.fixture
def outbox_folder(tmp_path: Path) -> Path:
    return tmp_path / "outbox"
