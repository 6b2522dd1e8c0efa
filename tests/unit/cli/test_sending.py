"""`lanline send`, when its node ends between taking the message and sending it."""

from __future__ import annotations

import pytest

from lanline.cli import sending
from lanline.client.node.call import NodeCall
from lanline.client.node.protocol import Answer, Said
from lanline.client.view.values import Message, MessageState
from lanline.errors import StillQueued
from lanline.model.content import Text
from unit.client.node.running import Played


def test_what_was_taken_stays_queued_also_when_no_node_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    message = Message(10, 0, b"x" * 16, 1, 0, Text("hi"), MessageState.QUEUED, "#lab")
    played = Played([[Answer(1, Said(message))]], [], [], [])
    monkeypatch.setattr(sending, "call_of", NodeCall)
    with pytest.raises(StillQueued, match="It stays queued here"):
        sending.send_text(played, "#lab", "hi", 1.0)
