"""The life of a link: silence, the end, and a peer that means harm."""

from __future__ import annotations

import pytest

from lanline.errors import CloseCode
from lanline.proto.events import LinkClosed
from lanline.proto.link.frames import PING, encode_ack, encode_close, encode_max_data, encode_stream
from lanline.proto.link.link import LinkState
from lanline.proto.link.profile import LinkProfile
from unit.proto.link.pair import (
    CHAT,
    CLIENT,
    MEDIA,
    SERVER,
    STRANGER,
    Pair,
    drop_all,
    drop_next,
    lose,
    numbered,
    pass_all,
    seal,
)

# Silence.


def test_idle_link_costs_almost_no_packets_and_lives() -> None:
    pair = Pair()
    client, server = pair.establish()
    before = len(pair.client.sent) + len(pair.server.sent)
    pair.run_for(10_000.0)
    assert client.state is server.state is LinkState.ESTABLISHED
    # One ping and one answer from somebody each 15 seconds.
    assert len(pair.client.sent) + len(pair.server.sent) - before <= 2 * 10_000 / 15 + 2
    client.send_message(CHAT, b"awake")
    pair.run_until(lambda: pair.server.messages() == [b"awake"], 1.0)


def test_peer_that_vanished_is_noticed_by_an_idle_link() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.client.script = pair.server.script = drop_all
    start = pair.now
    pair.run_for(200.0)
    for host in pair.hosts:
        assert host.closed.code is CloseCode.UNREACHABLE
        assert 25.0 < host.time_of(LinkClosed) - start <= 18.0 + 30.0 + 0.2
    assert client.state is server.state is LinkState.CLOSED
    assert not pair.client.endpoint.links


def test_peer_that_vanished_is_noticed_thirty_seconds_after_something_was_sent() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.server.script = drop_all
    start = pair.now
    client.send_message(CHAT, b"?")
    pair.run_for(100.0)
    assert pair.client.time_of(LinkClosed) - start == pytest.approx(30.0, abs=0.1)
    assert pair.client.delivered() == 0


def test_steady_writing_does_not_hide_that_nobody_answers() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.server.script = drop_all
    start = pair.now
    for _ in range(40):
        if client.state is LinkState.ESTABLISHED:
            client.send_message(CHAT, b"?")
        pair.run_for(1.0)
    assert pair.client.time_of(LinkClosed) - start == pytest.approx(30.0, abs=1.0)


def test_link_survives_a_partition_that_is_shorter_than_its_patience() -> None:
    pair = Pair()
    client, _ = pair.establish()
    client.send_message(CHAT, b"before")
    pair.client.script = pair.server.script = drop_all
    pair.run_for(1.0)
    client.send_message(CHAT, b"during")
    pair.run_for(25.0)
    pair.client.script = pair.server.script = pass_all
    pair.run_until(lambda: pair.server.messages() == [b"before", b"during"], 3.0)


def test_silent_peer_is_probed_ever_more_slowly() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.client.script = drop_all
    before = len(pair.client.sent)
    client.send_message(CHAT, b"?")
    pair.run_for(29.0)
    assert len(pair.client.sent) - before < 60


def test_timers_do_not_pile_up() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.client.script = lose(0.1, 1)
    most = 0
    for number in range(2000):
        (client if number % 3 else server).send_message(CHAT, b"tick")
        pair.run_for(0.007)
        most = max(most, len(pair.client.endpoint._timers), len(pair.server.endpoint._timers))
    assert most <= 12


# The end.


def test_close_tells_the_peer_code_and_reason() -> None:
    pair = Pair()
    client, server = pair.establish()
    client.close(CloseCode.GOING_AWAY, "good night — até logo", pair.now)
    pair.run_for(5.0)
    assert pair.client.closed == LinkClosed(CloseCode.GOING_AWAY, "good night — até logo", by_peer=False)
    assert pair.server.closed == LinkClosed(CloseCode.GOING_AWAY, "good night — até logo", by_peer=True)
    assert client.state is server.state is LinkState.CLOSED
    assert not pair.client.endpoint.links
    assert not pair.server.endpoint.links


def test_close_twice_is_one_close() -> None:
    pair = Pair()
    client, _ = pair.establish()
    for _ in range(3):
        pair.close(client)
    pair.run_for(3.0)
    pair.close(client)
    pair.drain_all()
    assert len(pair.client.of(LinkClosed)) == len(pair.server.of(LinkClosed)) == 1


def test_lost_close_is_said_again_to_a_peer_that_still_speaks() -> None:
    pair = Pair()
    client, server = pair.establish()
    drop_next(pair.client, 1)
    pair.close(client)
    pair.drain_all()
    server.send_message(CHAT, b"are you there?")
    pair.run_for(1.0)
    assert pair.server.closed.by_peer
    assert pair.server.closed.code is CloseCode.DONE


def test_lost_close_is_told_by_a_reset_once_the_link_is_forgotten() -> None:
    pair = Pair()
    client, server = pair.establish()
    drop_next(pair.client, 1)
    pair.close(client)
    pair.run_for(5.0)
    assert not pair.client.endpoint.links
    assert server.state is LinkState.ESTABLISHED
    server.send_message(CHAT, b"are you there?")
    pair.run_for(1.0)
    assert pair.server.closed.code is CloseCode.RESET


def test_long_reason_is_cut_and_still_fits() -> None:
    pair = Pair(LinkProfile(mtu_bytes=548))
    client, _ = pair.establish()
    client.close(CloseCode.DONE, "€" * 10_000, pair.now)
    pair.run_for(1.0)
    assert pair.server.closed.reason.startswith("€" * 80)
    assert all(len(data) <= 548 for _, data in pair.client.sent)


def test_unknown_close_code_is_taken_for_a_reset() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.inject(seal(client, encode_close(60_000, "new")), CLIENT, pair.server)
    assert pair.server.closed == LinkClosed(CloseCode.RESET, "new", by_peer=True)


def test_both_close_at_the_same_moment() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.close(client)
    pair.close(server)
    pair.run_for(5.0)
    assert not pair.client.endpoint.links
    assert not pair.server.endpoint.links
    assert len(pair.client.of(LinkClosed)) == len(pair.server.of(LinkClosed)) == 1


def test_close_during_the_handshake_ends_at_once() -> None:
    pair = Pair()
    link = pair.connect()
    pair.run_for(0.025)
    pair.close(link)
    pair.run_for(15.0)
    assert pair.client.closed.code is CloseCode.DONE
    assert not pair.client.endpoint.links
    assert not pair.server.endpoint.links


# What an authenticated peer must not do.


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(encode_ack([(0, 10**9)], 0.0), id="ack of packets never sent"),
        pytest.param(encode_stream(CHAT, 2**40, b"x"), id="beyond the limit"),
        pytest.param(encode_stream(MEDIA, 0, b"x"), id="stream on an unreliable channel"),
        pytest.param(encode_stream(77, 0, b"x"), id="unknown channel"),
        pytest.param(encode_stream(CHAT, 0, b"\xff\xff\xff\xff"), id="message of 4 GiB"),
        pytest.param(encode_max_data(CHAT, 2**64 - 1)[:-1], id="cut short"),
        pytest.param(b"\x63", id="unknown frame"),
        pytest.param(encode_stream(CHAT, 0, b""), id="empty stream frame"),
    ],
)
def test_violation_closes_the_link_with_a_reason(payload: bytes) -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.inject(seal(client, payload), CLIENT, pair.server)
    assert pair.server.closed.code is CloseCode.PROTOCOL_VIOLATION
    pair.run_for(1.0)
    assert pair.client.closed.by_peer
    assert pair.client.closed.code is CloseCode.PROTOCOL_VIOLATION
    assert pair.client.closed.reason == pair.server.closed.reason != ""


def test_limit_that_is_taken_back_is_ignored() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.inject(seal(client, encode_max_data(CHAT, 0)), CLIENT, pair.server)
    server.send_message(CHAT, b"still allowed")
    pair.run_until(lambda: pair.client.messages() == [b"still allowed"], 1.0)


def test_packet_of_nothing_but_padding_is_harmless() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.inject(seal(client, bytes(1000)), CLIENT, pair.server)
    pair.inject(seal(client, b""), CLIENT, pair.server)
    pair.run_for(0.1)
    assert server.state is LinkState.ESTABLISHED


# Damage and replay.


def test_each_flipped_byte_costs_no_more_than_the_packet() -> None:
    pair = Pair()
    client, server = pair.establish()
    client.send_message(CHAT, b"precious")
    (_, good), *_ = pair.drain(pair.client)[:1] or [(SERVER, b"")]
    for position in range(len(good)):
        for bit in (1, 0x80):
            bad = good[:position] + bytes([good[position] ^ bit]) + good[position + 1 :]
            answers = pair.inject(bad, CLIENT, pair.server)
            assert sum(len(data) for _, data in answers) <= len(bad)
    assert not pair.server.messages()
    assert server.state is LinkState.ESTABLISHED
    pair.run_until(lambda: pair.server.messages() == [b"precious"], 1.0)


def test_each_shortened_packet_costs_no_more_than_the_packet() -> None:
    pair = Pair()
    client, server = pair.establish()
    client.send_message(CHAT, b"precious")
    ((_, good),) = pair.drain(pair.client)
    for size in range(len(good)):
        assert sum(len(data) for _, data in pair.inject(good[:size], CLIENT, pair.server)) <= size
    assert server.state is LinkState.ESTABLISHED
    pair.run_until(lambda: pair.server.messages() == [b"precious"], 1.0)


@pytest.mark.parametrize("size", range(8, 33))
def test_packet_too_short_to_be_one_is_dropped(size: int) -> None:
    pair = Pair()
    _, server = pair.establish()
    assert not pair.inject((server.local_id + b"\0\0\0" + b"\x70" * 30)[:size], CLIENT, pair.server)
    assert not pair.inject((server.local_id + b"\x70" * 30)[:size], CLIENT, pair.server)
    assert server.state is LinkState.ESTABLISHED


def test_packet_too_short_to_be_one_gets_no_second_goodbye() -> None:
    pair = Pair()
    _, server = pair.establish()
    pair.close(server)
    pair.drain_all()
    assert not pair.inject(server.local_id, CLIENT, pair.server)


def test_replayed_packets_are_refused_from_any_address() -> None:
    pair = Pair()
    client, server = pair.establish()
    before = len(pair.client.sent)
    for message in numbered(20):
        client.send_message(CHAT, message)
        pair.run_for(0.02)
    recorded = [data for _, data in pair.client.sent[before:]]
    client.send_message(MEDIA, b"frame")
    pair.run_for(0.1)
    answered = len(pair.server.sent)
    for data in recorded + [data for _, data in pair.client.sent[-3:]]:
        for source in (CLIENT, STRANGER):
            assert not pair.inject(data, source, pair.server)
    assert len(pair.server.sent) == answered
    assert pair.server.messages() == numbered(20)
    assert len(pair.server.messages(MEDIA)) == 1
    assert server.address == CLIENT


def test_packet_of_another_link_does_not_open() -> None:
    pair = Pair()
    client, server = pair.establish()
    other = Pair()
    other_client, _ = other.establish()
    packet = server.local_id + seal(other_client, bytes([PING]))[8:]
    assert not pair.inject(packet, CLIENT, pair.server)
    del client
    assert server.state is LinkState.ESTABLISHED


def test_what_was_not_whole_is_not_held_while_the_goodbye_may_still_be_repeated() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.client.script = lambda _, data: [(0.0, data)] if len(data) <= 700 else []
    client.send_message(CHAT, bytes(5000))
    pair.run_for(0.3)
    pair.server.script = drop_all
    server.close(CloseCode.DONE, "", pair.now)
    assert server.state is LinkState.CLOSING
    assert not server._incoming._streams
