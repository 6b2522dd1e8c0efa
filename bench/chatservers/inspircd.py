"""InspIRCd, over plain TCP, its limits on floods lifted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatservers import Place, Serving, running

TITLE = "InspIRCd 3 (clear text, keeps nothing)"
CROWD = "irc"
PATH = os.environ.get("PATH", "") + ":/usr/sbin"

_SETTINGS = """
<server name="irc.example.test" description="bench" id="00A" network="bench">
<admin name="bench" nick="bench" email="bench@example.test">
<bind address="{host}" port="{port}" type="clients">
<connect allow="*" timeout="60" hardsendq="100M" softsendq="100M" recvq="10M" threshold="1000000000"
 commandrate="1000000000" fakelag="no" localmax="100000" globalmax="100000" resolvehostnames="no" useident="no"
 limit="100000" maxchans="20" pingfreq="600">
<performance netbuffersize="65534" somaxconn="4096" quietbursts="yes" softlimit="100000">
<options prefixquit="" prefixpart="" suffixpart="" syntaxhints="no">
<pid file="{folder}/inspircd.pid">
<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="{folder}/inspircd.log">
"""


def why_not() -> str | None:
    return None if shutil.which("inspircd", path=PATH) else "inspircd is not installed"


@contextmanager
def serving(folder: Path, members: int, place: Place) -> Iterator[Serving]:
    del members
    settings = folder / "inspircd.conf"
    settings.write_text(_SETTINGS.format(host=place.host, port=place.port, folder=folder), encoding="ascii")
    program = shutil.which("inspircd", path=PATH)
    assert program is not None, "asked for before"
    command = [program, "--nofork", "--config", str(settings)]
    with running([*command, "--runasroot"] if os.geteuid() == 0 else command, place) as server:
        yield server
