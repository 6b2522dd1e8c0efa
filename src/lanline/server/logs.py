"""The server's log: lines on standard error, of what an admin may have to know. No secrets, nothing that people say."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from lanline.config import Logging
from lanline.errors import LanlineError
from lanline.model.text import safe_line

_OURS = "lanline"


def open_log(settings: Logging) -> None:
    """Of our own parts from the set level on, of the libraries only warnings."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _tell_reason,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer() if settings.format == "json" else _line,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(_OURS).setLevel(settings.level.upper())
    logging.raiseExceptions = False  # whoever read the log has gone; the server stays


def _tell_reason(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A full disk is no mistake in the program: what has a sentence of its own needs no traceback."""
    exc_info = event.get("exc_info")
    cause = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(cause, LanlineError):
        del event["exc_info"]
        event["reason"] = str(cause)
    return event


def _line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    """Names come from people: nothing of them may steer the admin's terminal."""
    exception = str(event.pop("exception", "")).splitlines()
    head = f"{event.pop('timestamp', '')} {event.pop('level', ''):<7} {safe_line(str(event.pop('event', '')))}"
    return "\n    ".join([f"{head}{_pairs(event)}", *map(safe_line, exception)])


def _pairs(event: Mapping[str, Any]) -> str:
    return "".join(f" {name}={_value(str(value))}" for name, value in event.items())


def _value(text: str) -> str:
    shown = safe_line(text)
    return f'"{shown}"' if not shown or " " in shown else shown
