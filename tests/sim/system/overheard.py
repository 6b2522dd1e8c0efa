"""What the programs write into their log: a failure that they hid from everybody else is a finding all the same."""

from __future__ import annotations

import logging
from typing import Self

from lanline.errors import StorageFull
from sim.system.ledger import PromiseBroken


class Overheard(logging.Handler):
    """Only that the disk is full may be complained about: here it is, now and then."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.complaints: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        cause = record.exc_info[1] if record.exc_info else None
        if not isinstance(cause, StorageFull):
            self.complaints.append(f"{record.getMessage()} {cause!r}")

    def __enter__(self) -> Self:
        logger = logging.getLogger("lanline")
        logger.addHandler(self)
        logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        logger = logging.getLogger("lanline")
        logger.removeHandler(self)
        logger.propagate = True

    def check(self) -> None:
        if self.complaints:
            raise PromiseBroken(f"a program complained in its log: {self.complaints[0]}")
