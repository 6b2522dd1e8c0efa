"""The handshake over a quiet and a hostile network: each flight lost, twinned, overtaken, narrowed, tampered with."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEstablished
from lanline.proto.link.clienthandshake import _PATIENCE_S
from lanline.proto.link.link import LinkState
from lanline.proto.link.preamble import (
    ClientRecords,
    Hello,
    OtherVersion,
    Refused,
    Retry,
    ServerRecords,
    Versions,
    decode_preamble,
    encode_preamble,
)
from lanline.proto.link.profile import LinkProfile
from unit.proto.link.pair import CLIENT, SERVER, TICKS_S, Host, Pair, drop, drop_all, identity

FLIGHTS = [("client", 1), ("client", 2), ("client", 3), ("server", 1), ("server", 2), ("server", 3)]
"""Hello, first records, last records; retry, records, last records."""


def host_of(pair: Pair, name: str) -> Host:
    return pair.client if name == "client" else pair.server


def assert_one_link_that_works(pair: Pair) -> None:
    client, server = pair.client.link, pair.server.link
    assert client.state is server.state is LinkState.ESTABLISHED
    assert client.binding == server.binding != b""
    assert client.peer_fingerprint == identity("server").fingerprint
    assert server.peer_fingerprint == identity("client").fingerprint
    client.send_message(Channel.CHAT, b"ping")
    server.send_message(Channel.CHAT, b"pong")
    pair.run_until(lambda: pair.server.messages() == [b"ping"] and pair.client.messages() == [b"pong"], 5.0)
    assert len(pair.client.of(LinkEstablished)) == len(pair.server.of(LinkEstablished)) == 1


def test_both_sides_agree_on_keys_in_three_round_trips() -> None:
    pair = Pair(delay_s=0.010)
    start = pair.now
    pair.connect()
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)))
    assert pair.now - start == pytest.approx(0.060)
    assert_one_link_that_works(pair)


def test_the_binding_is_of_this_link_and_of_no_other() -> None:
    assert Pair().establish()[0].binding != Pair().establish()[0].binding


@pytest.mark.parametrize(("name", "number"), FLIGHTS)
def test_lost_flight_is_repeated(name: str, number: int) -> None:
    pair = Pair()
    host_of(pair, name).script = drop(number)
    pair.connect()
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)), 1.0)
    assert_one_link_that_works(pair)


@pytest.mark.parametrize(("name", "number"), FLIGHTS)
def test_flight_lost_three_times_is_repeated(name: str, number: int) -> None:
    pair = Pair()
    host_of(pair, name).script = drop(*range(number, number + 3))
    pair.connect()
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)), 5.0)
    assert_one_link_that_works(pair)


@pytest.mark.parametrize("extra_s", [0.0, 0.015, 0.1, 3.0])
def test_every_flight_twice_makes_one_link(extra_s: float) -> None:
    pair = Pair()
    for host in pair.hosts:
        host.script = lambda _, data: [(0.0, data), (extra_s, data)]
    pair.connect()
    pair.run_for(20.0)
    assert_one_link_that_works(pair)


@pytest.mark.parametrize(("name", "number"), FLIGHTS)
def test_late_twin_of_a_flight_disturbs_nothing(name: str, number: int) -> None:
    pair = Pair()

    def twin(each: int, data: bytes) -> Iterable[tuple[float, bytes]]:
        return [(0.0, data), (5.0, data)] if each == number else [(0.0, data)]

    host_of(pair, name).script = twin
    pair.connect()
    pair.run_for(30.0)
    assert_one_link_that_works(pair)
    assert not pair.client.of(LinkClosed)
    assert not pair.server.of(LinkClosed)


def test_datagrams_of_a_flight_in_reverse_order_make_one_link() -> None:
    pair = Pair(LinkProfile(mtu_bytes=548))
    for host in pair.hosts:
        host.script = lambda number, data: [(0.009 - number * 0.0005, data)]
    pair.connect()
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)), 2.0)
    assert sum(len(data) > 300 for _, data in pair.server.sent) >= 1
    assert_one_link_that_works(pair)


def test_twin_that_comes_at_once_is_not_answered_twice() -> None:
    pair = Pair()
    pair.client.script = lambda _, data: [(0.0, data), (0.005, data)]
    pair.connect()
    pair.run_for(0.065)
    assert sum(isinstance(decode_preamble(data), ServerRecords) for _, data in pair.server.sent if data[0] < 0x80) == 2


def test_flight_falls_back_to_small_datagrams() -> None:
    pair = Pair()
    for host in pair.hosts:
        host.script = lambda _, data: [(0.0, data)] if len(data) <= 548 else []
    pair.connect()
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)), 9.0)
    assert_one_link_that_works(pair)


def test_last_flight_that_arrives_without_its_head_is_understood_once_it_is_repeated() -> None:
    pair = Pair(LinkProfile(mtu_bytes=510, floor_mtu_bytes=510))
    # The change of keys, in the second datagram of the flight, comes before what it concludes.
    pair.client.script = drop(3)
    pair.connect()
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)), 3.0)
    assert_one_link_that_works(pair)


def test_slow_path_is_not_flooded_with_repeats() -> None:
    pair = Pair(delay_s=0.5)
    pair.connect()
    pair.run_until(lambda: pair.server.endpoint.links != [] and pair.server.link.is_confirmed, 10.0)
    assert len(pair.client.sent) <= 14
    assert_one_link_that_works(pair)


def test_nobody_there_is_unreachable_after_the_timeout() -> None:
    pair = Pair(LinkProfile(handshake_timeout_s=4.0))
    pair.client.script = drop_all
    pair.connect()
    pair.run_for(3.99)
    assert not pair.client.events
    pair.run_for(0.02)
    assert pair.client.closed == LinkClosed(CloseCode.UNREACHABLE, "Nobody answers at this address.", by_peer=False)
    assert not pair.client.endpoint.links


def test_server_forgets_a_client_that_stops_in_the_middle() -> None:
    pair = Pair()
    pair.client.script = lambda number, data: [(0.0, data)] if number <= 2 else []
    pair.connect()
    pair.run_until(lambda: bool(pair.server.endpoint.links))
    pair.run_for(11.0)
    assert not pair.server.endpoint.links
    assert not pair.server.events
    assert pair.server.endpoint.next_deadline() is None


def test_lost_last_flight_of_the_server_is_repeated_for_a_client_with_something_to_say() -> None:
    pair = Pair()
    pair.server.script = drop(3)
    link = pair.connect()
    link.send_message(Channel.CHAT, b"early")
    pair.run_until(lambda: pair.server.messages() == [b"early"], 2.0)
    assert_one_link_that_works_after_early(pair)


def assert_one_link_that_works_after_early(pair: Pair) -> None:
    assert pair.client.link.state is pair.server.link.state is LinkState.ESTABLISHED
    assert pair.client.delivered() == 1 or (pair.run_for(1.0) is None and pair.client.delivered() == 1)


def test_data_that_overtakes_the_last_flight_is_not_lost() -> None:
    pair = Pair()
    pair.server.script = lambda number, data: [(0.05 if number == 3 else 0.0, data)]
    pair.connect()
    pair.run_until(lambda: bool(pair.server.of(LinkEstablished)))
    pair.server.link.send_message(Channel.CHAT, b"welcome")
    pair.run_until(lambda: pair.client.messages() == [b"welcome"], 3.0)


# Versions.


def as_version(data: bytes, version: int) -> bytes:
    return data[:5] + bytes([version]) + data[6:]


def test_server_of_another_version_gets_a_sentence_that_says_who_has_to_upgrade() -> None:
    for version, who in ((9, "This program is too old"), (0, "The program on the other side is too old")):
        pair = Pair()
        pair.connect()
        pair.drain_all()
        (hello,) = [decode_preamble(data) for _, data in pair.client.sent]
        assert isinstance(hello, Hello)
        pair.server.script = drop_all
        pair.inject(encode_preamble(Versions(hello.client_id, bytes([version]))), SERVER, pair.client)
        pair.run_for(_PATIENCE_S + TICKS_S)
        assert pair.client.closed.code is CloseCode.INCOMPATIBLE_VERSION
        assert pair.client.closed.reason.startswith(who)
        assert "upgrade" in pair.client.closed.reason
        assert str(version) in pair.client.closed.reason


def test_client_of_another_version_is_told_ours_in_less_than_it_sent() -> None:
    pair = Pair()
    hello = encode_preamble(OtherVersion(b"someone.", 9, is_hello=True))
    ((address, answer),) = pair.inject(hello, CLIENT, pair.server)
    assert address == CLIENT
    assert decode_preamble(answer) == Versions(b"someone.", b"\1")
    assert len(answer) < len(hello)
    assert not pair.server.endpoint.links


def test_answer_of_another_version_is_understood_in_any_version() -> None:
    answer = encode_preamble(Versions(b"someone.", b"\2\3"))
    assert decode_preamble(as_version(answer, 3)) == Versions(b"someone.", b"\2\3")


def test_versions_that_hold_ours_are_no_reason_to_give_up() -> None:
    pair = Pair()
    pair.connect()
    pair.drain_all()
    (hello,) = [decode_preamble(data) for _, data in pair.client.sent]
    assert isinstance(hello, Hello)
    pair.inject(encode_preamble(Versions(hello.client_id, b"\1\2")), SERVER, pair.client)
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)))


def test_versions_after_the_address_was_proven_are_ignored() -> None:
    pair = Pair()
    link = pair.connect()
    pair.run_for(0.025)
    pair.inject(encode_preamble(Versions(link.local_id, b"\7")), SERVER, pair.client)
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)))


# Tampering.


@pytest.mark.parametrize(("name", "number"), FLIGHTS)
def test_tampered_flight_never_makes_two_ends_that_disagree(name: str, number: int) -> None:
    size = len(reference_flight(name, number))
    for position in range(0, size, max(1, size // 40)):
        pair = Pair(LinkProfile(handshake_timeout_s=3.0))
        link = pair.connect()
        host_of(pair, name).script = lambda each, data, position=position: (  # type: ignore[misc]
            [(0.0, flip(data, position) if each == number else data)]
        )
        pair.run_for(5.0)
        if link.state is LinkState.ESTABLISHED:
            # OpenSSL dropped what was damaged, and the repetition was good.
            assert_one_link_that_works(pair)
        else:
            assert pair.client.closed.code in {CloseCode.HANDSHAKE_FAILED, CloseCode.UNREACHABLE}
            assert not pair.client.of(LinkEstablished)


def reference_flight(name: str, number: int) -> bytes:
    pair = Pair()
    pair.establish()
    return host_of(pair, name).sent[number - 1][1]


def flip(data: bytes, position: int) -> bytes:
    position = min(position, len(data) - 1)
    return data[:position] + bytes([data[position] ^ 0x41]) + data[position + 1 :]


@pytest.mark.parametrize("at_s", [0.0, 0.005, 0.015, 0.025, 0.035])
def test_forged_versions_and_refusals_end_no_call(at_s: float) -> None:
    pair = Pair()
    link = pair.connect()
    pair.run_for(at_s)
    for forged in (Versions(link.local_id, b"\7"), Refused(link.local_id, CloseCode.BUSY), Refused(link.local_id, 8)):
        pair.inject(encode_preamble(forged), SERVER, pair.client)
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)))
    assert_one_link_that_works(pair)


def test_forged_retries_make_no_flood() -> None:
    pair = Pair()
    link = pair.connect()
    pair.run_for(0.025)
    before = pair.client.sent_bytes
    for number in range(100):
        pair.inject(encode_preamble(Retry(link.local_id, bytes([number]) * 20)), SERVER, pair.client)
    assert pair.client.sent_bytes - before < 2000
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)))


def test_handshake_of_more_packets_than_it_takes_is_broken_off() -> None:
    pair = Pair()
    pair.client.script = drop(*range(3, 1000))
    pair.connect()
    pair.run_until(lambda: len(pair.client.sent) >= 3)
    records = pair.client.sent[1][1]
    pair.client.script = drop_all
    for _ in range(100):
        pair.inject(records, CLIENT, pair.server)
    pair.run_for(0.1)
    refused = [decode_preamble(data) for _, data in pair.server.sent if data[0] == 6]
    assert len(refused) == 1


def test_refusal_from_elsewhere_is_ignored() -> None:
    pair = Pair()
    link = pair.connect()
    pair.drain_all()
    pair.inject(encode_preamble(Refused(link.local_id, CloseCode.BUSY)), ("10.9.9.9", 9), pair.client)
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)))


def test_records_before_the_address_was_proven_are_ignored() -> None:
    pair = Pair()
    link = pair.connect()
    pair.drain_all()
    pair.inject(encode_preamble(ServerRecords(link.local_id, b"\x80" * 8, b"\x16" * 50)), SERVER, pair.client)
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)))


def test_client_that_shows_garbage_records_is_refused() -> None:
    pair = Pair()
    link = pair.connect()
    pair.client.script = lambda number, data: [(0.0, garble(data) if number >= 2 else data)]
    pair.run_for(12.0)
    assert link.state is LinkState.CLOSED
    assert pair.client.closed.code is CloseCode.HANDSHAKE_FAILED
    assert not pair.server.endpoint.links


def garble(data: bytes) -> bytes:
    """A client hello whose body makes no sense."""
    packet = decode_preamble(data)
    assert isinstance(packet, ClientRecords)
    return data[: len(data) - len(packet.records) + 25] + b"\xff" * (len(packet.records) - 25)


# A known fingerprint.


def test_expected_fingerprint_is_accepted() -> None:
    pair = Pair()
    pair.connect(identity("server").fingerprint)
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)))
    assert_one_link_that_works(pair)


def test_other_fingerprint_than_expected_is_a_hard_stop_and_nothing_is_sent() -> None:
    pair = Pair()
    link = pair.connect(identity("somebody else").fingerprint)
    link.send_message(Channel.CHAT, b"for your eyes only")
    pair.run_for(30.0)
    assert not pair.client.of(LinkEstablished)
    assert pair.client.closed.code is CloseCode.IDENTITY_REJECTED
    assert not pair.server.messages()
    assert pair.server.closed.code is CloseCode.IDENTITY_REJECTED
    assert pair.server.closed.by_peer
    assert not pair.client.endpoint.links
    assert not pair.server.endpoint.links
