"""Owns what a client is told when a command fails. Internal causes go to the log alone."""

from __future__ import annotations

import logging

from lanline.errors import (
    FilmsUnusable,
    InvalidInput,
    InviteUnusable,
    NameTaken,
    RecordExists,
    RecordMissing,
    RefusalCode,
    RequestRefused,
    StorageError,
    StorageFull,
)

_LOG = logging.getLogger(__name__)
RETRY_STORAGE_S = 5.0
RETRY_OTHERWISE_S = 0.5
_CODES: dict[type[Exception], RefusalCode] = {
    InvalidInput: RefusalCode.INVALID,
    NameTaken: RefusalCode.NAME_TAKEN,
    InviteUnusable: RefusalCode.INVITE_UNUSABLE,
    RecordMissing: RefusalCode.NOT_FOUND,
    RecordExists: RefusalCode.INVALID,
}


def as_refusal(problem: BaseException) -> RequestRefused:
    if isinstance(problem, RequestRefused):
        return problem
    code = _CODES.get(type(problem))  # type: ignore[arg-type]
    if code is not None:
        return RequestRefused(code, str(problem))
    _LOG.error("A request failed.", exc_info=problem)
    if isinstance(problem, StorageFull):
        text = "The server's disk is full. Nothing was kept of this; it will do once there is room again."
        return RequestRefused(RefusalCode.STORAGE_FULL, text, RETRY_STORAGE_S)
    if isinstance(problem, FilmsUnusable):
        text = "The server's folder of films cannot be used just now. Its admin finds the reason in its log."
        return RequestRefused(RefusalCode.SERVER_PROBLEM, text, RETRY_STORAGE_S)
    if isinstance(problem, StorageError):
        text = "The server cannot write to its disk. Nothing was kept of this; try again later."
        return RequestRefused(RefusalCode.SERVER_PROBLEM, text, RETRY_STORAGE_S)
    return RequestRefused(RefusalCode.SERVER_PROBLEM, "The server failed at this. Its log says more.")


def slow_down(wait_s: float) -> RequestRefused:
    text = "That is more than the server takes from one person at once. It goes on in a moment."
    return RequestRefused(RefusalCode.SLOW_DOWN, text, wait_s)


def disk_nearly_full() -> RequestRefused:
    text = "The server's disk is nearly full: only its admins can add anything until there is room again."
    return RequestRefused(RefusalCode.STORAGE_FULL, text, RETRY_STORAGE_S)


def stale_keys() -> RequestRefused:
    text = "Somebody who could read has left: what is said now is sealed anew. It goes on by itself."
    return RequestRefused(RefusalCode.STALE_KEYS, text)


def not_sealed() -> RequestRefused:
    text = "What is said on this server has to be sealed, so that it cannot read it. It goes on by itself."
    return RequestRefused(RefusalCode.STALE_KEYS, text)


def sealed_otherwise() -> RequestRefused:
    text = "Another program of this device has sealed these words already. They are there in a moment, and it goes on."
    return RequestRefused(RefusalCode.STALE_KEYS, text, RETRY_OTHERWISE_S)


def somebody_begins(wait_s: float) -> RequestRefused:
    text = "Somebody else is about to seal what is said from now on anew. It goes on by itself."
    return RequestRefused(RefusalCode.STALE_KEYS, text, wait_s)
