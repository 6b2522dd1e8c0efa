"""Owns what `lanline send` does. Loaded alone, without the options of the command, for the plainest way to type it."""

from __future__ import annotations

import os
import sys
import time

from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, call_of, show_line, show_note
from lanline.client.node.call import NodeCall
from lanline.client.node.protocol import Forget, Outcome, Result, Said, Say, WaitSent
from lanline.client.node.start import NodeStart
from lanline.client.view.values import Message, MessageState
from lanline.errors import InvalidInput, LanlineError, RefusalCode, RequestRefused, StillQueued
from lanline.ids import new_entry_id
from lanline.model.content import MAX_SAID_BYTES, Text


def send_plainly(node: NodeStart, to: str, *text: str) -> None:
    """As typed without any option."""
    send_text(node, to, " ".join(text), DEFAULT_TIMEOUT_S)


def send_text(node: NodeStart, to: str, text: str, limit_s: float, *, as_json: bool = False) -> None:
    entry_id = new_entry_id(time.time_ns() // 1_000_000, os.urandom)
    with call_of(node) as call:
        said = call.ask(Say(to, Text(text), entry_id))  # from here on it is not lost
        assert isinstance(said, Said)
        try:
            outcome = _outcome(call, WaitSent(entry_id, limit_s))
        except KeyboardInterrupt:
            show_note("lanline: if it was not sent yet, the message stays queued here.")
            raise
        assert isinstance(outcome, Outcome)
        if as_json:
            _show(said.message, outcome)
        _check(call, outcome, entry_id)


def _outcome(call: NodeCall, wait: WaitSent) -> Result:
    """A node that cannot be started again has the message on its disk all the same."""
    try:
        return call.ask(wait)
    except LanlineError as problem:
        return Outcome(MessageState.QUEUED, str(problem))


def _check(call: NodeCall, outcome: Outcome, entry_id: bytes) -> None:
    match outcome.state:
        case MessageState.REFUSED:
            call.ask(Forget(entry_id))  # it is told here and now
            raise RequestRefused(RefusalCode(outcome.code), outcome.problem)
        case MessageState.QUEUED if outcome.code == RefusalCode.UNKNOWN_DEVICE:
            raise StillQueued(f"Not sent: {outcome.problem} What waits here cannot be sent from here any more.")
        case MessageState.QUEUED:
            raise StillQueued(
                f"Not sent yet: {outcome.problem.rstrip('.')}. It stays queued here, and goes out by itself as soon as "
                "it can. Do not send it again."
            )
        case _:
            pass


def _show(message: Message, outcome: Outcome) -> None:
    import json as encoder

    value = {"id": message.entry_id.hex(), "to": message.destination, "state": outcome.state.value}
    show_line(encoder.dumps(value))


def text_of(words: list[str]) -> str:
    if words and words != ["-"]:
        return " ".join(words)
    if sys.stdin is None:
        raise InvalidInput("There is no text: give it as an argument, or through a pipe.")
    if sys.stdin.isatty():
        show_note("Type the message; Ctrl+D on a line of its own sends it.")
    raw = sys.stdin.buffer.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise InvalidInput(f"A message holds at most {MAX_SAID_BYTES // 1024} kB. Say it in parts.")
    try:
        return raw.decode().removesuffix("\n")
    except UnicodeDecodeError as cause:
        raise InvalidInput("What came in is not UTF-8 text.") from cause


_MAX_BYTES = 128 * 1024
"""More than any message holds, and less than what the node takes of a face."""
