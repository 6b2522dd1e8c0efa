"""ngIRCd, over plain TCP, its limits on floods lifted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatservers import Place, Serving, running

TITLE = "ngIRCd 26 (clear text, keeps nothing)"
CROWD = "irc"
PATH = os.environ.get("PATH", "") + ":/usr/sbin"

_SETTINGS = """[Global]
Name = irc.example.test
Info = bench
Listen = {host}
Ports = {port}
[Limits]
ConnectRetry = 60
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxPenaltyTime = 0
PingTimeout = 600
[Options]
DNS = no
Ident = no
PAM = no
SyslogFacility = local1
"""


def why_not() -> str | None:
    return None if shutil.which("ngircd", path=PATH) else "ngircd is not installed"


@contextmanager
def serving(folder: Path, members: int, place: Place) -> Iterator[Serving]:
    del members
    settings = folder / "ngircd.conf"
    settings.write_text(_SETTINGS.format(host=place.host, port=place.port), encoding="ascii")
    program = shutil.which("ngircd", path=PATH)
    assert program is not None, "asked for before"
    with running([program, "--nodaemon", "--config", str(settings)], place) as server:
        yield server
