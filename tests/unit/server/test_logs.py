"""Each in a process of its own: logging is one for all of a process."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import logging, sys
from lanline.config import Logging
from lanline.server.logs import open_log
open_log(Logging(level={level!r}, format={format!r}))
log = logging.getLogger("lanline.server.test")
log.debug("small")
log.info("%s joined", "an\\x1b[2Jn b")
logging.getLogger("lanline.storage").warning("%d writes", 4)
logging.getLogger("websockets").info("chatter")
from lanline.errors import StorageFull
try:
    raise StorageFull("no room") from OSError(28)
except StorageFull:
    logging.getLogger("lanline.storage").exception("A request failed.")
try:
    raise ValueError("bo\\x1b[0mom")
except ValueError as error:
    log.error("a session failed", exc_info=error)
"""


def lines(level: str = "info", form: str = "text") -> list[str]:
    program = PROGRAM.format(level=level, format=form)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stderr.splitlines()


def test_lines_tell_when_how_bad_and_what() -> None:
    first, second, known, third, *trace = lines()
    assert first.endswith("Z info    an\N{REPLACEMENT CHARACTER}[2Jn b joined")
    assert second.endswith("Z warning 4 writes")
    assert known.endswith("Z error   A request failed. no room")
    assert third.endswith("Z error   a session failed")
    assert all(line.startswith("    ") for line in trace)
    assert trace[-1].endswith("ValueError: bo\N{REPLACEMENT CHARACTER}[0mom")


def test_nothing_of_a_name_steers_the_terminal() -> None:
    for form in ("text", "json"):
        assert "\x1b" not in "".join(lines(form=form))


def test_json_is_one_object_a_line() -> None:
    entries = [json.loads(line) for line in lines("debug", "json")]
    assert [entry["level"] for entry in entries] == ["debug", "info", "warning", "error", "error"]
    assert entries[1]["event"] == "an\x1b[2Jn b joined"
    assert entries[3]["reason"] == "no room"
    assert "ValueError" in entries[4]["exception"]


def test_the_level_holds() -> None:
    assert len(lines("error")[0].split(" error ")) == 2
