"""What is told of words that are not sent when a chat ends."""

from __future__ import annotations

import pytest

from lanline.client.view.values import Message, MessageState
from lanline.errors import LanlineError, LinkError, RefusalCode, RequestRefused, StillQueued
from lanline.faces.chat.unsent import telling_queued
from lanline.model.content import Text

LATER = Message(1, 0, b"id", 1, 0, Text("later"), MessageState.QUEUED)


def told(problem: LanlineError) -> str:
    with pytest.raises(StillQueued) as caught, telling_queued(lambda: [LATER]):
        raise problem
    return str(caught.value)


def test_a_device_that_was_revoked_sends_nothing_any_more() -> None:
    text = told(RequestRefused(RefusalCode.UNKNOWN_DEVICE, "The key of this device was revoked."))
    assert text.startswith("The key of this device was revoked. 1 message stays queued,")
    assert "cannot be sent from here any more: later" in text


def test_after_any_other_end_it_is_sent_when_the_server_is_there_again() -> None:
    assert "will be sent when you are connected again: later" in told(LinkError("It is gone."))
