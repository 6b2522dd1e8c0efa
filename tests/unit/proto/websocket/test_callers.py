"""Who holds a connection before it is a link, and whose handshake begins next."""

from __future__ import annotations

from lanline.proto.websocket.callers import (
    HANDSHAKES_AT_ONCE,
    HANDSHAKES_PER_S,
    MAX_CALLERS,
    MAX_CALLERS_OF_NETWORK,
    Callers,
)

THIEF, MEMBER, LOCAL = "192.0.2.1", "198.51.100.1", "127.0.0.1"


def crowd(callers: Callers[str], count: int, host: str = THIEF) -> list[str | None]:
    """Who yields to each of so many."""
    return [callers.admit(f"{host} {number}", host) for number in range(count)]


def test_whoever_calls_too_often_pushes_out_their_own_callers() -> None:
    callers: Callers[str] = Callers()
    assert callers.admit("member", MEMBER) is None
    yielding = crowd(callers, 3 * MAX_CALLERS_OF_NETWORK)
    assert yielding == [None] * MAX_CALLERS_OF_NETWORK + [
        f"{THIEF} {number}" for number in range(2 * MAX_CALLERS_OF_NETWORK)
    ]
    assert len(callers) == MAX_CALLERS_OF_NETWORK + 1
    assert "member" in callers.all()


def test_when_all_places_are_taken_the_fullest_network_yields() -> None:
    callers: Callers[str] = Callers()
    callers.admit("member", MEMBER)
    for number in range(10):
        crowd(callers, MAX_CALLERS_OF_NETWORK, f"192.0.2.{number}")
    assert len(callers) == MAX_CALLERS
    assert "member" in callers.all()
    assert callers.admit("another", "203.0.113.1") not in {None, "member"}


def test_behind_a_tunnel_only_the_sum_is_bounded() -> None:
    callers: Callers[str] = Callers()
    assert crowd(callers, MAX_CALLERS, LOCAL) == [None] * MAX_CALLERS
    assert callers.admit("next", LOCAL) == f"{LOCAL} 0"


def test_who_has_become_a_link_or_is_gone_makes_room() -> None:
    callers: Callers[str] = Callers()
    crowd(callers, MAX_CALLERS_OF_NETWORK)
    callers.drop(f"{THIEF} 7")
    assert callers.admit("next", THIEF) is None
    assert callers.yield_one() == f"{THIEF} 0"
    assert len(callers) == MAX_CALLERS_OF_NETWORK - 1
    assert Callers[str]().yield_one() is None


def test_handshakes_go_round_the_networks() -> None:
    callers: Callers[str] = Callers()
    crowd(callers, 3)
    callers.admit("member", MEMBER)
    for number in range(3):
        callers.want_handshake(f"{THIEF} {number}", THIEF)
    callers.want_handshake("member", MEMBER)
    order = [callers.next_handshake(0.0) for _ in range(5)]
    assert order == [f"{THIEF} 0", "member", f"{THIEF} 1", f"{THIEF} 2", None]
    assert not callers.want_handshakes


def test_so_many_handshakes_begin_at_once_and_so_many_in_a_second() -> None:
    callers: Callers[int] = Callers()
    for number in range(MAX_CALLERS):
        callers.admit(number, LOCAL)
        callers.want_handshake(number, LOCAL)

    def begun(now: float) -> int:
        count = 0
        while callers.next_handshake(now) is not None:
            count += 1
        return count

    assert begun(100.0) == HANDSHAKES_AT_ONCE
    assert begun(100.0) == 0
    assert sum(begun(100.0 + step / 100) for step in range(1, 101)) in range(HANDSHAKES_PER_S - 2, HANDSHAKES_PER_S + 2)
    assert callers.want_handshakes


def test_who_is_gone_takes_no_turn() -> None:
    callers: Callers[int] = Callers()
    for number in range(10 * HANDSHAKES_AT_ONCE):
        callers.admit(number, LOCAL)
        callers.want_handshake(number, LOCAL)
        callers.drop(number)
    callers.admit(-1, LOCAL)
    callers.want_handshake(-1, LOCAL)
    assert callers.next_handshake(0.0) == -1


def test_handshakes_that_lead_to_a_sign_in_are_not_counted() -> None:
    callers: Callers[int] = Callers()
    for number in range(10 * HANDSHAKES_AT_ONCE):
        callers.admit(number, LOCAL)
        callers.want_handshake(number, LOCAL)
        assert callers.next_handshake(0.0) == number
        callers.drop(number)
        callers.give_back()
    assert len(callers) == 0
