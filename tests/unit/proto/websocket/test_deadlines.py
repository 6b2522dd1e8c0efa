"""What a link does when nothing happens."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.proto.websocket.states import ENDED_STATES, TRANSITIONS, LinkState
from unit.proto.websocket.pair import Pair, make_client, make_server

PROFILE = WebSocketProfile()


def test_a_quiet_link_stays_alive() -> None:
    pair = Pair().establish()
    pair.advance(3600)
    assert pair.client.closed is None
    assert pair.server.closed is None


def test_a_quiet_hour_costs_little() -> None:
    pair = Pair().establish()
    before = pair.transferred
    pair.advance(3600)
    # Two pings and two pongs of 24 to 32 bytes every ten seconds at the most.
    assert 0 < pair.transferred - before < 360 * 4 * 40


def test_a_talking_link_sends_no_pings() -> None:
    pair = Pair().establish()
    for _ in range(10):
        pair.advance(PROFILE.keepalive_s * 0.9)
        pair.client.link.send_message(Channel.CHAT, b"x")
        before = pair.transferred
        pair.settle()
        # The message and its confirmation.
        assert pair.transferred - before < 100


def test_a_peer_that_falls_silent_is_reported() -> None:
    pair = Pair().establish()
    pair.client.link.send_message(Channel.CHAT, b"lost")
    pair.advance(PROFILE.dead_after_s - 0.1, connected=False)
    assert pair.client.closed is None
    pair.advance(0.1, connected=False)
    assert [end.closed and (end.closed.code, end.closed.by_peer) for end in pair.ends] == [
        (CloseCode.UNREACHABLE, False)
    ] * 2


@pytest.mark.parametrize("make", [make_client, make_server])
def test_a_handshake_that_goes_nowhere_ends(make: type) -> None:
    end = make()
    end.link.handle_timer(PROFILE.handshake_timeout_s - 0.1)
    end.drain()
    assert end.closed is None
    end.link.handle_timer(PROFILE.handshake_timeout_s)
    end.drain()
    assert end.closed == LinkClosed(CloseCode.HANDSHAKE_FAILED, "The handshake took too long.", by_peer=False)


def test_bytes_do_not_prolong_the_handshake() -> None:
    server, client = make_server(), make_client()
    hello = client.link.bytes_to_send(0.0)
    for second in range(9):
        server.link.receive_bytes(hello[second : second + 1], float(second))
    assert server.link.next_deadline() == PROFILE.handshake_timeout_s


def test_a_peer_that_does_not_say_goodbye_back_is_not_waited_for() -> None:
    pair = Pair().establish()
    pair.client.link.close(CloseCode.DONE, "", pair.now)
    assert pair.client.link.bytes_to_send(pair.now)
    assert not pair.client.link.is_closed
    assert pair.client.link.next_deadline() == PROFILE.close_timeout_s
    pair.client.link.handle_timer(PROFILE.close_timeout_s)
    assert pair.client.link.is_closed
    assert pair.client.link.next_deadline() is None


def test_an_early_timer_changes_nothing() -> None:
    pair = Pair().establish()
    for end in pair.ends:
        end.link.handle_timer(1.0)
        assert end.link.bytes_to_send(1.0) == b""


def test_every_state_can_end_and_no_end_is_left() -> None:
    assert set(TRANSITIONS) == set(LinkState)
    for state in set(LinkState) - ENDED_STATES:
        assert TRANSITIONS[state] >= ENDED_STATES
    assert TRANSITIONS[LinkState.CLOSED] == frozenset()
    path = [LinkState.SECURING, LinkState.UPGRADING, LinkState.OPEN, LinkState.CLOSING, LinkState.CLOSED]
    assert all(after in TRANSITIONS[before] for before, after in pairwise(path))


@pytest.mark.parametrize("setting", [{"receive_window_bytes": 1000}, {"keepalive_s": 30.0, "dead_after_s": 30.0}])
def test_a_profile_that_cannot_work_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"receive_window_bytes|dead_after_s"):
        WebSocketProfile(**setting)  # type: ignore[arg-type]
