from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator

import pytest

from lanline.transport import lanaddress
from lanline.transport.lanaddress import lan_address


def test_it_is_an_address_of_this_machine() -> None:
    address = lan_address()
    assert ipaddress.IPv4Address(address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))


class NoWay(socket.socket):
    """A wire without a router."""

    def connect(self, _address: object) -> None:
        raise OSError(101, "Network is unreachable")


def test_without_a_way_out_the_cards_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = lan_address()
    monkeypatch.setattr(lanaddress.socket, "socket", NoWay)
    assert lan_address() != "127.0.0.1" or usual == "127.0.0.1"


def test_without_any_network_there_is_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_loopback() -> Iterator[str]:
        yield "127.0.0.1"

    monkeypatch.setattr(lanaddress.socket, "socket", NoWay)
    monkeypatch.setattr(lanaddress, "_interface_addresses", only_loopback)
    assert lan_address() == "127.0.0.1"
