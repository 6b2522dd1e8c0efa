"""The server's log: lines on standard error, of what an admin may have to know. No secrets, nothing that people say."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from lanline.config import Logging
from lanline.errors import LanlineError
from lanline.model.text import safe_line

_OURS = "lanline"


def open_log(settings: Logging) -> None:
    """Of our own parts from the set level on, of the libraries only warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if settings.format == "json" else _TextLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(_OURS).setLevel(settings.level.upper())
    logging.raiseExceptions = False  # whoever read the log has gone; the server stays


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self.said(record))

    def said(self, record: logging.LogRecord) -> dict[str, str]:
        """A full disk is no mistake in the program: what has a sentence of its own needs no traceback."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        said = {"timestamp": time, "level": record.levelname.lower(), "event": record.getMessage()}
        cause = record.exc_info[1] if record.exc_info else None
        if isinstance(cause, LanlineError):
            said["reason"] = str(cause)
        elif record.exc_info and cause is not None:
            said["exception"] = self.formatException(record.exc_info)
        return said


class _TextLines(_JsonLines):
    """Names come from people: nothing of them may steer the admin's terminal."""

    def format(self, record: logging.LogRecord) -> str:
        said = self.said(record)
        head = f"{said['timestamp']} {said['level']:<7} {safe_line(said['event'])}"
        if "reason" in said:
            head += f" {safe_line(said['reason'])}"
        return "\n    ".join([head, *map(safe_line, said.get("exception", "").splitlines())])
