"""How many handshakes may begin, and where the callers have to be."""

from __future__ import annotations

from lanline.proto.link.handshakelimits import (
    MAX_UNFINISHED,
    MAX_UNFINISHED_OF_NETWORK,
    UNDISTURBED_S,
    HandshakeLimits,
)
from lanline.proto.link.profile import LinkProfile

PROFILE = LinkProfile(handshakes_per_s=200.0, handshakes_of_network_per_s=50.0)
MEMBER = "192.0.2.7"


def limits() -> HandshakeLimits[str]:
    return HandshakeLimits(PROFILE)


def begin_many(target: HandshakeLimits[str], host: str, now: float, count: int = 1000) -> int:
    """How many of so many tries are let begin; each is done at once."""
    return sum(target.may_begin(host, now) for _ in range(count))


def test_one_network_begins_so_many_at_once_and_so_many_a_second() -> None:
    target = limits()
    assert begin_many(target, "192.0.2.1", 100.0) == 125
    assert begin_many(target, "192.0.2.1", 101.0) == 50


def test_an_ipv6_line_is_one_network() -> None:
    target = limits()
    assert sum(begin_many(target, f"2001:db8::{number:x}", 100.0, 10) for number in range(1, 30)) == 125


def test_many_networks_together_begin_no_more_than_all_strangers_may_and_each_less_when_it_is_busy() -> None:
    target = limits()
    begun = [begin_many(target, f"198.51.100.{number}", 100.0) for number in range(200)]
    assert sum(begun) <= 500
    assert begun[:2] == [125, 125]
    assert begun[5] == 12


def test_who_is_known_is_let_in_whatever_strangers_do() -> None:
    target = limits()
    target.remember(MEMBER)
    for number in range(200):
        begin_many(target, f"198.51.100.{number}", 100.0)
    assert not target.may_begin("198.51.101.1", 100.0) or begin_many(target, "198.51.101.1", 100.0) < 12
    assert begin_many(target, MEMBER, 100.0) == 125
    assert begin_many(target, MEMBER, 101.0) == 50


def test_a_member_with_many_addresses_has_the_limit_of_one_network() -> None:
    target = limits()
    line = [f"2001:db8::{number:x}" for number in range(1, 30)]
    for host in line:
        target.remember(host)
    assert target.is_known("2001:db8::ffff")
    assert sum(begin_many(target, host, 100.0, 10) for host in line) == 125


def test_places_are_limited_and_the_oldest_goes_when_it_has_had_its_time() -> None:
    target = limits()
    for number in range(MAX_UNFINISHED_OF_NETWORK):
        assert target.may_begin("192.0.2.1", 100.0)
        assert target.begin(f"link {number}", "192.0.2.1", 100.0) is None
    assert not target.may_begin("192.0.2.1", 100.0 + UNDISTURBED_S / 2)
    assert target.may_begin("192.0.2.2", 100.0)
    later = 100.0 + UNDISTURBED_S
    assert target.may_begin("192.0.2.1", later)
    assert target.begin("one more", "192.0.2.1", later) == "link 0"
    target.end("link 0")
    assert len(target._unfinished) == MAX_UNFINISHED_OF_NETWORK


def test_who_is_known_has_places_of_its_own() -> None:
    target = limits()
    target.remember(MEMBER)
    for number in range(MAX_UNFINISHED):
        target.begin(f"link {number}", f"198.51.{number % 100}.1", 100.0)
    assert not target.may_begin("192.0.2.1", 100.0)
    assert target.may_begin(MEMBER, 100.0)
    assert target.begin("member", MEMBER, 100.0) is None


def test_what_has_ended_leaves_nothing_behind() -> None:
    target = limits()
    target.remember(MEMBER)
    for number, host in enumerate(["192.0.2.1", "192.0.2.1", MEMBER]):
        target.begin(f"link {number}", host, 100.0)
    for number in range(3):
        target.end(f"link {number}")
        target.end(f"link {number}")
    assert not target._unfinished
    assert not target._of_network
    assert not target._network_of
    assert not target._unfinished_known


def test_only_so_many_networks_and_hosts_are_remembered() -> None:
    target = limits()
    for number in range(6000):
        host = f"10.{number // 256}.{number % 256}.1"
        target.remember(host)
        target.may_begin(f"172.{number // 256}.{number % 256}.1", 100.0)
    assert len(target._known) == 4096
    assert len(target._networks) == 4096
    assert target.is_known("10.23.111.1")
    assert not target.is_known("10.0.0.1")
