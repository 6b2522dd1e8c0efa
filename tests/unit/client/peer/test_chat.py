"""Conversations over a network inside the process. A face is played by whoever asks for the next event."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from lanline.client.home import Home
from lanline.client.peer.chat import PeerChat
from lanline.client.peer.events import (
    CallerRefused,
    Ended,
    Joined,
    Left,
    PeerEvent,
    TextDelivered,
    TextReceived,
    Waiting,
)
from lanline.transport.datagrams import Address
from lanline.transport.memory import MemoryNetwork

LIMIT_S = 60.0
E = TypeVar("E", bound=PeerEvent)


class House:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.network = MemoryNetwork()
        self.chats: list[PeerChat] = []

    @staticmethod
    def address(name: str) -> Address:
        return f"host-of-{name}", 1

    def enter(self, name: str, *, calls: str | None = None, home: str = "", **settings: Any) -> PeerChat:
        chat = PeerChat(Home(self.folder / (home or name)), name, **settings)
        peer = None if calls is None else self.address(calls)
        place = home or name
        chat.start_on(self.network.bind(self.address(place)), peer, calls)
        self.chats.append(chat)
        return chat

    def crash(self, chat: PeerChat) -> None:
        """Without a goodbye."""
        assert chat._host is not None
        chat._host._driver.stop()
        chat._host._socket.close()
        self.chats.remove(chat)


def run(folder: Path, scenario: Any) -> None:
    async def main() -> None:
        house = House(folder)
        async with asyncio.timeout(LIMIT_S):
            await scenario(house)
        for chat in house.chats:
            await chat.close()

    asyncio.run(main())


async def wait_for(chat: PeerChat, kind: type[E]) -> E:
    while not isinstance(event := await chat.next_event(), kind):
        assert not isinstance(event, Ended), event.error
    return event


async def texts(chat: PeerChat, count: int) -> list[str]:
    return [(await wait_for(chat, TextReceived)).text for _ in range(count)]


async def meanwhile(*works: Coroutine[Any, Any, Any]) -> list[Any]:
    return list(await asyncio.gather(*works))


def test_two_meet_and_hear_each_other_in_order(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        ann, bob = house.enter("ann"), house.enter("bob", calls="ann")
        assert isinstance(await ann.next_event(), Waiting)
        at_ann, at_bob = await meanwhile(wait_for(ann, Joined), wait_for(bob, Joined))
        assert (at_ann.name, at_ann.words, at_ann.first_met) == ("bob", bob.words, "")
        assert (at_bob.name, at_bob.words) == ("ann", ann.words)
        for number in range(50):
            ann.say(f"a{number}")
            bob.say(f"b{number}")
        assert await meanwhile(texts(ann, 50), texts(bob, 50)) == [
            [f"{who}{number}" for number in range(50)] for who in "ba"
        ]

    run(tmp_path, scenario)


def test_both_may_call_at_the_same_moment(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        ann, bob = house.enter("ann", calls="bob"), house.enter("bob", calls="ann")
        ann.say("from ann")
        bob.say("from bob")
        assert await meanwhile(texts(ann, 1), texts(bob, 1)) == [["from bob"], ["from ann"]]

    run(tmp_path, scenario)


def test_delivered_means_shown_and_not_merely_arrived(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        ann, bob = house.enter("ann"), house.enter("bob", calls="ann")
        await meanwhile(wait_for(ann, Joined), wait_for(bob, Joined))
        bob.say("hello")
        await wait_for(ann, TextReceived)
        arrived = asyncio.create_task(wait_for(bob, TextDelivered))
        # An exchange in the other direction would bring a receipt along, if there were one.
        ann.say("answer")
        while ann.undelivered:  # noqa: ASYNC110 -- each turn of the loop is a step
            await asyncio.sleep(0)
        assert bob.undelivered == ["hello"]
        showing = asyncio.create_task(ann.next_event())
        assert (await arrived).text == "hello"
        assert bob.undelivered == []
        showing.cancel()

    run(tmp_path, scenario)


def test_whoever_waits_for_room_goes_on_when_there_is_some(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        ann, bob = house.enter("ann"), house.enter("bob", calls="ann")
        bob.say("hello")
        waiting = asyncio.create_task(bob.wait_undelivered_below(1))
        await wait_for(ann, TextReceived)
        assert not waiting.done()
        showing = asyncio.create_task(ann.next_event())
        await waiting
        showing.cancel()

    run(tmp_path, scenario)


def test_who_shows_a_text_and_leaves_at_once_still_confirms_it(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        ann, bob = house.enter("ann"), house.enter("bob", calls="ann")
        await meanwhile(wait_for(ann, Joined), wait_for(bob, Joined))
        bob.say("hello")
        await wait_for(ann, TextReceived)
        showing = asyncio.create_task(ann.next_event())
        await asyncio.sleep(0)
        await ann.close()
        showing.cancel()
        house.chats.remove(ann)
        await wait_for(bob, TextDelivered)

    run(tmp_path, scenario)


def test_what_was_not_shown_before_a_crash_comes_again_after_it(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        ann, bob = house.enter("ann"), house.enter("bob", calls="ann")
        await meanwhile(wait_for(ann, Joined), wait_for(bob, Joined))
        bob.say("one")
        bob.say("two")
        assert await texts(ann, 1) == ["one"]
        house.crash(ann)
        bob.say("three")
        again = house.enter("ann", calls="bob")
        assert await texts(again, 3) == ["one", "two", "three"]

    run(tmp_path, scenario)


def test_a_new_link_to_the_same_life_doubles_nothing(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        ann, bob = house.enter("ann"), house.enter("bob", calls="ann")
        await meanwhile(wait_for(ann, Joined), wait_for(bob, Joined))
        for number in range(20):
            bob.say(str(number))
        assert await texts(ann, 10) == [str(number) for number in range(10)]
        assert ann.conversation._connection is not None
        ann.conversation._connection.close(reason="cut")
        bob.say("20")
        assert await texts(ann, 11) == [str(number) for number in range(10, 21)]
        assert not isinstance(ann.conversation.next_event(), TextReceived)

    run(tmp_path, scenario)


def test_a_changed_key_stops_the_caller_and_not_the_listener(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        ann, bob = house.enter("ann"), house.enter("bob", calls="ann")
        await meanwhile(wait_for(ann, Joined), wait_for(bob, Joined))
        house.crash(ann)
        await bob.close()
        house.chats.remove(bob)
        (tmp_path / "ann" / "identity.pem").unlink()
        ann = house.enter("ann")
        bob = house.enter("bob", calls="ann")
        with pytest.raises(AssertionError, match="has changed"):
            await wait_for(bob, Joined)
        assert "hung up" in (await wait_for(ann, CallerRefused)).reason
        await bob.close()
        house.chats.remove(bob)
        bob = house.enter("bob", calls="ann", accepts_new_key=True)
        assert (await wait_for(bob, Joined)).first_met == ""

    run(tmp_path, scenario)


def test_a_name_with_another_key_is_turned_away_and_gets_nothing(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        ann, bob = house.enter("ann"), house.enter("bob", calls="ann")
        await meanwhile(wait_for(ann, Joined), wait_for(bob, Joined))
        await bob.close()
        house.chats.remove(bob)
        assert not (await wait_for(ann, Left)).will_return
        impostor = house.enter("bob", calls="ann", home="elsewhere")
        with pytest.raises(AssertionError, match="The name bob belongs to another key here"):
            await wait_for(impostor, TextReceived)
        assert "has changed" in (await wait_for(ann, CallerRefused)).reason
        ann.say("secret")
        assert await texts(house.enter("bob", calls="ann"), 1) == ["secret"]

    run(tmp_path, scenario)


def test_a_third_is_told_that_two_are_talking(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        ann, bob = house.enter("ann"), house.enter("bob", calls="ann")
        await meanwhile(wait_for(ann, Joined), wait_for(bob, Joined))
        eve = house.enter("eve", calls="ann")
        with pytest.raises(AssertionError, match="Two are talking here already"):
            await wait_for(eve, Joined)
        bob.say("still here")
        assert await texts(ann, 1) == ["still here"]

    run(tmp_path, scenario)


def test_texts_for_one_who_is_away_are_given_to_nobody_else(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        ann, bob = house.enter("ann"), house.enter("bob", calls="ann")
        await meanwhile(wait_for(ann, Joined), wait_for(bob, Joined))
        await bob.close()
        house.chats.remove(bob)
        await wait_for(ann, Left)
        ann.say("for bob")
        eve = house.enter("eve", calls="ann")
        with pytest.raises(AssertionError, match="refuses to talk"):
            await wait_for(eve, TextReceived)
        assert "messages for bob wait" in (await wait_for(ann, CallerRefused)).reason
        assert await texts(house.enter("bob", calls="ann"), 1) == ["for bob"]

    run(tmp_path, scenario)


def test_escapes_in_names_and_texts_reach_no_face(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        ann, bob = house.enter("ann"), house.enter("bob", calls="ann")
        bob.conversation.name = "b\x1b[2Job\r\n"
        bob.say("\x1b]0;title\x07\r\x9b1m")
        assert (await wait_for(ann, Joined)).name == "b[2Job"
        assert await texts(ann, 1) == ["\ufffd]0;title\ufffd\n\ufffd1m"]

    run(tmp_path, scenario)
