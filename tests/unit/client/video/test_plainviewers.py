from __future__ import annotations

import pytest

from lanline.client.video.plainviewers import LEASE_S, Answer, PlainViewers, is_near

NEAR, FAR = ("192.168.1.5", 5000), ("8.8.4.4", 5000)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("172.16.0.1", True),
        ("172.32.0.1", False),
        ("192.168.255.1", True),
        ("169.254.7.7", True),
        ("100.64.0.1", False),
        ("8.8.8.8", False),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("2001:db8::1", False),
        ("::ffff:192.168.1.1", True),
        ("::ffff:8.8.8.8", False),
        ("no address", False),
    ],
)
def test_which_addresses_are_near(host: str, expected: bool) -> None:
    assert is_near(host) is expected


def test_from_afar_nobody_is_let_in_unless_the_server_is_public() -> None:
    viewers = PlainViewers()
    assert viewers.hello(FAR, 0) is Answer.NOT_NEAR
    assert viewers.addresses() == []
    assert PlainViewers(is_public=True).hello(FAR, 0) is Answer.WELCOME


@pytest.mark.parametrize("address", [NEAR, FAR])
def test_a_hello_holds_for_ten_seconds(address: tuple[str, int]) -> None:
    viewers = PlainViewers(is_public=True)
    viewers.hello(address, 0)
    assert viewers.expire(LEASE_S) == []
    assert viewers.hello(address, LEASE_S) is Answer.KNOWN
    assert viewers.expire(2 * LEASE_S) == []
    assert viewers.expire(2 * LEASE_S + 0.1) == [address]
    assert len(viewers) == 0


def test_all_addresses_of_one_line_from_afar_are_one_host() -> None:
    viewers = PlainViewers(most_per_host=2, is_public=True)
    answers = [viewers.hello((f"2001:db8::{number}", 5), 0) for number in range(1, 4)]
    assert answers == [Answer.WELCOME, Answer.WELCOME, Answer.HOST_FULL]
    assert [viewers.hello((f"fe80::{number}", 5), 0) for number in range(1, 4)] == 3 * [Answer.WELCOME]


def test_a_thousand_hellos_are_one_viewer() -> None:
    viewers = PlainViewers()
    answers = [viewers.hello(NEAR, 0) for _ in range(1000)]
    assert answers.count(Answer.WELCOME) == 1
    assert len(viewers) == 1


def test_their_number_is_bounded_in_all_and_for_one_host() -> None:
    viewers = PlainViewers(most=4, most_per_host=2)
    answers = [viewers.hello(("10.0.0.1", port), 0) for port in range(1, 5)]
    assert answers == [Answer.WELCOME, Answer.WELCOME, Answer.HOST_FULL, Answer.HOST_FULL]
    viewers.hello(("10.0.0.2", 1), 0)
    viewers.hello(("10.0.0.3", 1), 0)
    assert viewers.hello(("10.0.0.4", 1), 0) is Answer.FULL
    assert viewers.hello(("10.0.0.1", 1), 0) is Answer.KNOWN
    assert viewers.refused(("10.0.0.1", 1), 0, is_certain=True)
    assert viewers.hello(("10.0.0.1", 3), 0) is Answer.WELCOME, "there is room again"


def test_a_closed_port_is_forgotten_at_once() -> None:
    viewers = PlainViewers()
    viewers.hello(NEAR, 0)
    assert not viewers.refused(FAR, 0, is_certain=True)
    assert viewers.refused(NEAR, 0, is_certain=True)
    assert viewers.addresses() == []


def test_a_way_that_is_gone_has_to_stay_so() -> None:
    viewers = PlainViewers()
    viewers.hello(NEAR, 0)
    for second in (100, 103, 106):
        assert not viewers.refused(NEAR, second, is_certain=False)
    for second in (200, 203, 206, 209):
        assert not viewers.refused(NEAR, second, is_certain=False), "it was there again in between"
    assert viewers.refused(NEAR, 210, is_certain=False)


def test_a_crowd_of_one_host_is_looked_up_once() -> None:
    is_near.cache_clear()
    viewers = PlainViewers()
    answers = [viewers.hello(("192.168.7.7", port), 0.0) for port in range(1000)]
    assert answers[-1] is Answer.HOST_FULL
    assert is_near.cache_info().misses == 1
