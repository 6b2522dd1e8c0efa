from __future__ import annotations

import pytest

from lanline.model.addresses import address_text, network_of


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("192.0.2.1", "192.0.2.1:5265"),
        ("::ffff:192.0.2.1", "192.0.2.1:5265"),
        ("2001:db8::1", "[2001:db8::1]:5265"),
    ],
)
def test_an_address_is_shown_as_people_write_it(host: str, text: str) -> None:
    assert address_text((host, 5265)) == text


@pytest.mark.parametrize("host", ["192.0.2.1", "::ffff:192.0.2.1"])
def test_an_ipv4_address_counts_for_itself_however_it_is_written(host: str) -> None:
    assert network_of(host) == "192.0.2.1"


def test_the_addresses_of_one_ipv6_line_are_one_network() -> None:
    assert network_of("2001:db8:0:7::1") == network_of("2001:db8:0:7:ffff::2") != network_of("2001:db8:0:8::1")
    assert network_of("fe80::1%eth0") == "fe80::/64"
