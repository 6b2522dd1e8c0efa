"""A conversation of two hosts without any of the system: links of the test, its clock, and no chance."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from lanline.client.peer.conversation import PeerConversation, PeerState
from lanline.client.peer.events import CallerRefused, Joined, Left, NotReached, PeerEvent, TextDelivered, TextReceived
from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEstablished, LinkEvent, MessageReceived, MessagesDelivered
from lanline.testing.clock import HandClock

ADDRESS = ("192.0.2.7", 5265)


class Nobody:
    """Nobody was met before."""

    def known_peer(self, label: str) -> None:
        return None

    def remember_peer(self, label: str, fingerprint: bytes, name: str) -> None: ...


class HalfLink:
    """One end; what is sent waits at the other until it is carried."""

    def __init__(self, fingerprint: bytes) -> None:
        self.peer_fingerprint = fingerprint
        self.other: HalfLink
        self.handler: Callable[[LinkEvent], None] = lambda _: None
        self.is_open = True
        self.is_in_turn = False
        """As when a caller is handed in: what its host has to tell of other links comes later."""
        self.arriving: deque[tuple[Channel, bytes]] = deque()
        self._sent = 0

    def set_handler(self, handler: Callable[[LinkEvent], None]) -> None:
        self.handler = handler

    def is_writable(self, channel: Channel) -> bool:
        return self.is_open

    def trust(self) -> None: ...

    def send_nowait(self, channel: Channel, payload: bytes) -> int:
        self._sent += 1
        self.other.arriving.append((channel, payload))
        return self._sent

    def carry(self) -> bool:
        if not self.arriving or not self.is_open:
            return False
        channel, payload = self.arriving.popleft()
        self.handler(MessageReceived(channel, payload))
        self.other.handler(MessagesDelivered(channel, self.other._sent - len(self.arriving)))
        return True

    def close(self, code: CloseCode = CloseCode.DONE, reason: str = "") -> None:
        if self.is_open:
            self.is_open = self.other.is_open = False
            if not self.is_in_turn:
                self.handler(LinkClosed(code, reason, by_peer=False))
            self.other.handler(LinkClosed(code, reason, by_peer=True))


class Two:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.calls = 0
        self.links: list[HalfLink] = []
        self.ann = PeerConversation("ann", Nobody(), self.clock, bytes)
        self.bob = PeerConversation("bob", Nobody(), self.clock, lambda count: b"\x80" * count)
        self.ann.start(self._nowhere, None, None)
        self.bob.start(self._call, ADDRESS, "ann")

    def _nowhere(self) -> Any:
        raise AssertionError("ann has no address to call")

    def _call(self) -> HalfLink:
        self.calls += 1
        self.links = [HalfLink(b"a" * 32), HalfLink(b"b" * 32)]
        self.links[0].other, self.links[1].other = self.links[1], self.links[0]
        return self.links[0]

    def answer(self) -> None:
        called, calling = self.links[1], self.links[0]
        self.ann.on_accept(called, ADDRESS)
        calling.handler(LinkEstablished(b"a" * 32, b""))
        self.carry()

    def carry(self) -> None:
        while any(link.carry() for link in self.links):
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
    dead = two.links[1]
    dead.is_in_turn, dead.other.handler = is_in_turn, lambda _: None
    two.ann.say("while you were away")
    two.bob = PeerConversation("bob", Nobody(), two.clock, lambda count: b"\x90" * count)
    two.bob.start(two._call, ADDRESS, "ann")
    two.answer()
    if is_in_turn:
        dead.handler(LinkClosed(CloseCode.REPLACED, "The peer has called anew.", by_peer=False))
    assert two.ann.state is two.bob.state is PeerState.TALKING
    assert events(two.bob)[-1] == TextReceived("ann", "while you were away")
    told = [type(each) for each in events(two.ann) if isinstance(each, Joined | Left)]
    assert told == ([Joined, Left, Joined] if had_said_who else [Joined])


def test_who_does_not_say_who_it_is_is_hung_up_on(two: Two) -> None:
    stranger, ours = HalfLink(b"x" * 32), HalfLink(b"x" * 32)
    stranger.other, ours.other = ours, stranger
    two.ann.on_accept(ours, ADDRESS)
    assert two.ann.state is PeerState.GREETING
    two.clock.turn(10.1)
    assert not stranger.is_open
    assert two.ann.state is PeerState.ALONE
    refused = CallerRefused("Somebody at 192.0.2.7:5265 called and has not said who it is within 10 s.")
    assert events(two.ann)[-1] == refused


@pytest.mark.parametrize("hangs_up", [False, True])
def test_who_calls_what_is_no_peer_is_told_once(two: Two, hangs_up: bool) -> None:
    for _ in range(2):
        two.links[0].handler(LinkEstablished(b"a" * 32, b""))
        if hangs_up:
            two.links[1].close(CloseCode.PROTOCOL_VIOLATION, "a viewer begins with subscribe")
        two.clock.turn(13.0)
    (told,) = [event for event in events(two.bob) if isinstance(event, NotReached)]
    what = "hung up (a viewer begins with subscribe)" if hangs_up else "has not said who it is within 10 s"
    assert told == NotReached("ann", f"192.0.2.7:5265 answers, but {what}: is that lanline peer?")
