"""A home on a disk that takes nothing more: what is there can be read, and what is wrong is said."""

from __future__ import annotations

import resource
import signal
import subprocess

import pytest

from e2e.town import COMMAND, LIMIT_S, OUTSIDE, Town
from lanline.client.node.start import stop_node

QUEUED = 75


def on_full_disk(town: Town, *words: str) -> subprocess.CompletedProcess[str]:
    """No file of it, or of what it starts, can be longer than nothing; pipes can."""
    return subprocess.run(
        [*COMMAND, *words, "--home", str(town.folder / "ann")],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env=OUTSIDE,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY)),
    )


@pytest.mark.parametrize("has_server", [True, False])
def test_what_this_device_has_can_be_read_on_a_full_disk(town: Town, has_server: bool) -> None:
    assert town.run("ann", "send", "#lobby", "the kiln is at 900 degrees").returncode == 0
    stop_node(town.folder / "ann")
    if not has_server:
        town.close(signal.SIGKILL)
    done = on_full_disk(town, "log", "#lobby")
    assert "the kiln is at 900 degrees" in done.stdout
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_that_takes_no_file_is_said_to_be_so(town: Town) -> None:
    assert town.run("ann", "send", "#lobby", "one").returncode == 0
    stop_node(town.folder / "ann")
    for name in ("node.log", "node.lock"):  # in the place of a file system that is only read
        (town.folder / "ann" / name).unlink()
        (town.folder / "ann" / name).mkdir()
    for words in (("log", "#lobby"), ("send", "#lobby", "two")):
        done = town.run("ann", *words)
        assert (done.returncode, done.stdout) == (1, "")
        where = town.folder / "ann" / "node.lock"
        assert done.stderr == (
            f"lanline: {where} cannot be written: Is a directory. Lanline writes to its home; --home names another.\n"
        )


def test_what_cannot_be_kept_is_said_to_be_so(town: Town) -> None:
    assert town.run("ann", "send", "#lobby", "one").returncode == 0
    stop_node(town.folder / "ann")
    done = on_full_disk(town, "send", "#lobby", "two")
    assert done.returncode == 1
    assert "disk" in done.stderr
    assert "Is it full?" in done.stderr
    assert "Traceback" not in done.stderr
    stop_node(town.folder / "ann")
    assert town.texts("ann", "#lobby") == ["one"]
