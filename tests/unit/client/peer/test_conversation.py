"""A conversation of two hosts without any of the system: links of the test, its clock, and no chance."""

from __future__ import annotations

from typing import Any

import pytest

from lanline.client.peer.conversation import PeerConversation, PeerState
from lanline.client.peer.events import CallerRefused, Joined, Left, NotReached, PeerEvent, TextDelivered, TextReceived
from lanline.errors import CloseCode
from lanline.proto.events import LinkClosed, LinkEstablished
from lanline.testing.clock import HandClock
from lanline.testing.link import HandLink

ADDRESS = ("192.0.2.7", 5265)


class Nobody:
    """Nobody was met before."""

    def known_peer(self, label: str) -> None:
        return None

    def remember_peer(self, label: str, fingerprint: bytes, name: str) -> None: ...


class Two:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.calls = 0
        self.links: tuple[HandLink, ...] = ()
        self.ann = PeerConversation("ann", Nobody(), self.clock, bytes)
        self.bob = PeerConversation("bob", Nobody(), self.clock, lambda count: b"\x80" * count)
        self.ann.start(self._nowhere, None, None)
        self.bob.start(self._call, ADDRESS, "ann")

    def _nowhere(self) -> Any:
        raise AssertionError("ann has no address to call")

    def _call(self) -> HandLink:
        self.calls += 1
        self.links = HandLink.pair(b"a" * 32, b"b" * 32)
        return self.links[0]

    def answer(self) -> None:
        called, calling = self.links[1], self.links[0]
        self.ann.on_accept(called, ADDRESS)
        calling.give(LinkEstablished(b"a" * 32, b""))
        self.carry()

    def carry(self) -> None:
        while any(link.arrive(1) for link in self.links):
            pass


def events(conversation: PeerConversation) -> list[PeerEvent]:
    found = []
    while (event := conversation.next_event()) is not None:
        found.append(event)
    return found


@pytest.fixture(name="two")
def _two() -> Two:
    return Two()


def test_a_text_is_delivered_when_it_was_shown_and_not_before(two: Two) -> None:
    two.bob.say("hello")
    two.answer()
    assert two.ann.state is two.bob.state is PeerState.TALKING
    *_, received = [two.ann.next_event() for _ in range(3)]
    assert received == TextReceived("bob", "hello")
    assert two.bob.undelivered == ["hello"]
    two.ann.finish_event()
    two.carry()
    assert two.bob.undelivered == []
    assert [type(each) for each in events(two.bob)][-2:] == [Joined, TextDelivered]


def test_a_lost_link_is_called_again_after_a_drawn_pause_and_what_was_not_shown_comes_again(two: Two) -> None:
    two.answer()
    two.bob.say("hello")
    two.carry()
    two.links[0].close(CloseCode.UNREACHABLE, "silence")
    assert two.bob.state is PeerState.ALONE
    two.clock.turn(0.99)
    assert two.calls == 1
    two.clock.turn(0.02)
    assert two.calls == 2, "half of the way from half a second to one and a half"
    two.answer()
    kinds = [type(each) for each in events(two.ann)]
    assert kinds.count(TextReceived) == 1
    assert kinds.count(Left) == 1


@pytest.mark.parametrize("is_in_turn", [True, False])
@pytest.mark.parametrize("had_said_who", [True, False])
def test_who_was_killed_and_starts_again_before_that_is_noticed_goes_on(
    two: Two, *, is_in_turn: bool, had_said_who: bool
) -> None:
    if had_said_who:
        two.answer()
    else:
        two.ann.on_accept(two.links[1], ADDRESS)
    gone, dead = two.links
    tell, gone.handler = dead.handler, lambda _: None
    if is_in_turn:  # as when a caller is handed in: what its host has to tell of other links comes later
        dead.handler = lambda _: None
    two.ann.say("while you were away")
    two.bob = PeerConversation("bob", Nobody(), two.clock, lambda count: b"\x90" * count)
    two.bob.start(two._call, ADDRESS, "ann")
    two.answer()
    if is_in_turn:
        tell(LinkClosed(CloseCode.REPLACED, "The peer has called anew.", by_peer=False))
    assert two.ann.state is two.bob.state is PeerState.TALKING
    assert events(two.bob)[-1] == TextReceived("ann", "while you were away")
    told = [type(each) for each in events(two.ann) if isinstance(each, Joined | Left)]
    assert told == ([Joined, Left, Joined] if had_said_who else [Joined])


def test_who_does_not_say_who_it_is_is_hung_up_on(two: Two) -> None:
    stranger, ours = HandLink.pair(b"x" * 32, b"x" * 32)
    two.ann.on_accept(ours, ADDRESS)
    assert two.ann.state is PeerState.GREETING
    two.clock.turn(10.1)
    assert stranger.closed is not None
    assert two.ann.state is PeerState.ALONE
    refused = CallerRefused("Somebody at 192.0.2.7:5265 called and has not said who it is within 10 s.")
    assert events(two.ann)[-1] == refused


@pytest.mark.parametrize("hangs_up", [False, True])
def test_who_calls_what_is_no_peer_is_told_once(two: Two, hangs_up: bool) -> None:
    for _ in range(2):
        two.links[0].give(LinkEstablished(b"a" * 32, b""))
        if hangs_up:
            two.links[1].close(CloseCode.PROTOCOL_VIOLATION, "a viewer begins with subscribe")
        two.clock.turn(13.0)
    (told,) = [event for event in events(two.bob) if isinstance(event, NotReached)]
    what = "hung up (a viewer begins with subscribe)" if hangs_up else "has not said who it is within 10 s"
    assert told == NotReached("ann", f"192.0.2.7:5265 answers, but {what}: is that lanline peer?")
