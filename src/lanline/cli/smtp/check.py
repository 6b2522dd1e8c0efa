"""Owns `lanline smtp check`: tells what a server offers."""

from __future__ import annotations

import datetime as dt
import sys

from lanline.cli.smtp.options import WayOptions, parsed, passage, way
from lanline.cli.smtp.screen import dialogue_sink, preparing, say, stopping
from lanline.client.smtp.survey import in_words, survey
from lanline.errors import MailRefused
from lanline.transport.smtp.connecting import Interrupt

_HELP = """Tell what a server offers, and send nothing.

TLS versions, each certificate and its expiry, ways to sign in, limits, and whether mail would be sent there.
"""


def check(words: list[str]) -> None:
    options = parsed(WayOptions, "check", _HELP, words)
    with preparing():
        found = passage(way(options), options.timeout)
    with stopping(Interrupt()) as interrupt:
        seen = survey(found, dialogue_sink(options.verbose), interrupt)
    for line in in_words(seen, dt.datetime.now(dt.UTC)):
        say(line, sys.stdout)
    if seen.objection:
        sys.exit(MailRefused.exit_status)
