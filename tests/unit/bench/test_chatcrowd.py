"""The load on a chat server: how many messages are on their way, and what counts as delivered."""

from __future__ import annotations

import asyncio

import pytest

from chatcrowd import Conversation
from chatcrowds import MESSAGE_BYTES, NUMBER_BYTES, text_of


class Echo:
    """A room of two listeners, who hear everything one turn of the loop later."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.most_at_once = 0
        self._open = 0

    def say(self, numbers: range) -> None:
        self._open += len(numbers)
        self.most_at_once = max(self.most_at_once, self._open)
        for number in numbers:
            asyncio.get_running_loop().call_soon(self._heard, number)

    def _heard(self, number: int) -> None:
        self._open -= 1
        self._conversation.on_heard(number)
        self._conversation.on_heard(number)


def test_a_message_has_its_number_and_its_size() -> None:
    text = text_of(42)
    assert len(text) == MESSAGE_BYTES
    assert int(text[:NUMBER_BYTES]) == 42


@pytest.mark.parametrize("in_flight", [1, 50])
def test_so_many_messages_are_on_their_way_and_no_more(in_flight: int) -> None:
    async def run() -> tuple[Echo, dict[str, float]]:
        conversation = Conversation(listeners=2)
        echo = conversation.crowd = Echo(conversation)
        return echo, await conversation.run(in_flight, 0.02)

    echo, ran = asyncio.run(run())
    assert echo.most_at_once == in_flight
    assert ran["deliveries"] >= 2 * in_flight
    assert ran["p50_ms"] <= ran["p99_ms"] <= ran["max_ms"]


def test_a_paced_speaker_says_one_each_interval() -> None:
    async def run() -> dict[str, float]:
        conversation = Conversation(listeners=2)
        conversation.crowd = Echo(conversation)
        return await conversation.pace(0.002, 0.02)

    assert asyncio.run(run())["deliveries"] == 20
