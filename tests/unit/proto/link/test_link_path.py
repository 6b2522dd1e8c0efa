"""A link on its way: moves, keys, and what is learned of the path."""

from __future__ import annotations

import random

import pytest

import lanline.crypto.sealing
from lanline.errors import MessageTooLarge
from lanline.proto.events import LinkEstablished, PeerMoved
from lanline.proto.link.frames import PING, encode_ack
from lanline.proto.link.link import LinkState
from lanline.proto.link.profile import LinkProfile
from unit.proto.link.pair import (
    BULK,
    CHAT,
    CLIENT,
    MEDIA,
    MOVED,
    STRANGER,
    Pair,
    drop_all,
    drop_next,
    lose,
    numbered,
    pass_all,
    seal,
)

# Moves.


def test_peer_that_speaks_from_another_address_is_followed() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.move_client()
    client.send_message(CHAT, b"from here")
    pair.run_for(1.0)
    assert pair.server.of(PeerMoved) == [PeerMoved(MOVED)]
    assert server.address == MOVED
    server.send_message(CHAT, b"there")
    pair.run_until(lambda: pair.client.messages() == [b"there"], 1.0)
    assert pair.server.messages() == [b"from here"]


def test_unproven_address_gets_at_most_three_times_what_came_from_it() -> None:
    pair = Pair()
    client, server = pair.establish()
    server.send_message(BULK, bytes(1_000_000))
    pair.run_for(0.2)
    client.send_message(CHAT, b"caught and sent on by somebody")
    ((_, packet),) = [each for each in pair.drain(pair.client) if len(each[1]) > 40][-1:]
    # The true client falls silent, and the spoofed address never answers.
    pair.client.script = drop_all
    del pair._under_way[:]
    before = pair.server.sent_bytes
    pair.inject(packet, STRANGER, pair.server)
    assert server.address == STRANGER
    pair.run_for(20.0)
    assert 0 < pair.server.sent_bytes - before <= 3 * len(packet)


def test_acknowledgement_of_what_went_to_the_old_address_proves_nothing() -> None:
    pair = Pair()
    _, server = pair.establish()
    pair.client.script = drop_all
    before = len(pair.client.sent)
    for _ in range(8):
        server.send_message(CHAT, b"to the old address")
        pair.run_for(0.012)
    first, *_, second = [data for _, data in pair.client.sent[before:]]
    # Caught on the way and sent on: the first moves the link, the second acknowledges packets from before.
    for data in (first, second):
        pair.inject(data, STRANGER, pair.server)
    assert server.address == STRANGER
    assert server._outgoing._new_address is not None


def test_moved_peer_gets_full_speed_once_it_answers() -> None:
    pair = Pair()
    client, server = pair.establish()
    server.send_message(BULK, bytes(500_000))
    pair.run_for(0.05)
    pair.move_client()
    client.send_message(CHAT, b"moved")
    pair.run_until(lambda: server.is_all_delivered, 10.0)
    assert server._outgoing._new_address is None
    assert pair.client.messages(BULK) == [bytes(500_000)]


def test_peer_that_pretends_to_have_moved_cannot_aim_the_stream_at_a_victim() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.client.script = drop_all
    server.send_message(BULK, bytes(1_000_000))
    spent = aimed = 0
    for _ in range(200):
        guess = encode_ack([(0, server._outgoing._next_number - 1)], 0.0)
        packet = seal(client, bytes([PING]) + guess)
        spent += len(packet)
        answers = pair.inject(packet, STRANGER, pair.server)
        aimed += sum(len(data) for address, data in answers if address == STRANGER)
        pair.now += 0.01
    assert 0 < aimed <= 3 * spent


@pytest.mark.parametrize("lost", range(4))
def test_moved_peer_is_proven_whatever_answer_is_lost(lost: int) -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.move_client()
    client.send_message(CHAT, b"moved")
    drop_next(pair.client, lost + 1)
    pair.run_for(10.0)
    assert pair.server.messages() == [b"moved"]
    assert server._outgoing._new_address is None


def test_ping_that_may_not_leave_is_tried_again_only_later() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.run_for(1.0)
    pair.client.script = drop_all
    pair.inject(seal(client, bytes([PING])), STRANGER, pair.server)
    assert server._outgoing._new_address is not None
    server._outgoing._new_address.allowance_bytes = 0
    rings = 0
    while server.state is LinkState.ESTABLISHED:
        deadline = pair.server.endpoint.next_deadline()
        assert deadline is not None
        pair.now = max(pair.now, deadline)
        pair.server.endpoint.handle_timer(pair.now)
        pair.drain(pair.server)
        rings += 1
        assert rings < 200


def test_old_packet_from_another_address_moves_nothing() -> None:
    pair = Pair()
    client, server = pair.establish()
    late = seal(client, bytes([PING]))
    pair.inject(seal(client, bytes([PING])), CLIENT, pair.server)
    pair.inject(late, STRANGER, pair.server)
    assert server.address == CLIENT
    assert not pair.server.of(PeerMoved)


def test_peer_that_moves_all_the_time_is_still_served() -> None:
    pair = Pair()
    client, server = pair.establish()
    for number in range(100):
        pair.move_client((f"192.0.2.{number}", 7))
        client.send_message(CHAT, b"up")
        server.send_message(CHAT, b"down")
        pair.run_for(0.05)
    pair.run_until(lambda: client.is_all_delivered and server.is_all_delivered, 10.0)
    assert len(pair.server.messages()) == len(pair.client.messages()) == 100


# Keys.


def test_keys_are_renewed_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanline.crypto.sealing, "EPOCH_BITS", 4)
    pair = Pair()
    client, server = pair.establish()
    luck = random.Random(3)
    pair.client.script = lambda _, data: [(luck.random() * 0.02, data)]
    for message in numbered(300):
        client.send_message(CHAT, message)
        server.send_message(CHAT, message)
        pair.run_for(0.01)
    pair.run_until(lambda: client.is_all_delivered and server.is_all_delivered)
    assert client._outgoing._next_number > 16 * 10
    assert pair.server.messages() == pair.client.messages() == numbered(300)


# Path MTU.


def test_black_hole_for_large_datagrams_is_passed_with_small_ones_and_probed_later() -> None:
    pair = Pair(LinkProfile(most_mtu_bytes=1200))
    client, _ = pair.establish()
    pair.client.script = lambda _, data: [(0.0, data)] if len(data) <= 700 else []
    client.send_message(CHAT, bytes(20_000))
    pair.run_until(lambda: client.is_all_delivered, 20.0)
    assert client._outgoing._mtu.current == LinkProfile().floor_mtu_bytes
    with pytest.raises(MessageTooLarge):
        client.send_message(MEDIA, bytes(1000))
    pair.client.script = pass_all
    pair.run_for(40.0)
    client.send_message(CHAT, b"go")
    pair.run_for(1.0)
    assert client._outgoing._mtu.current == LinkProfile().mtu_bytes
    client.send_message(MEDIA, bytes(1000))
    pair.run_until(lambda: pair.server.messages(MEDIA) == [bytes(1000)], 1.0)


def test_larger_datagrams_are_used_once_they_pass_and_given_up_when_they_do_not() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.client.script = lambda _, data: [(0.0, data)] if len(data) <= 9000 else []
    client.send_message(BULK, bytes(8_000_000))
    pair.run_until(lambda: client.is_all_delivered, 20.0)
    assert 8000 < client._outgoing._mtu.current <= 9000
    pair.client.script = lambda _, data: [(0.0, data)] if len(data) <= 1300 else []
    client.send_message(BULK, bytes(1_000_000))
    pair.run_until(lambda: client.is_all_delivered, 20.0)
    assert client._outgoing._mtu.current == LinkProfile().mtu_bytes


def test_larger_datagrams_are_looked_for_when_many_small_messages_wait_but_not_for_a_few() -> None:
    pair = Pair()
    client, _ = pair.establish()
    for few_or_many, finds_more in ((5, False), (2000, True)):
        for _ in range(20):
            for _ in range(few_or_many):
                client.send_message(CHAT, bytes(200))
            pair.run_until(lambda: client.is_all_delivered, 20.0)
        assert (client._outgoing._mtu.current > LinkProfile().mtu_bytes) is finds_more


def test_black_hole_that_stays_is_probed_with_a_packet_now_and_then() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.client.script = lambda _, data: [(0.0, data)] if len(data) <= 700 else []
    client.send_message(CHAT, bytes(5000))
    pair.run_for(600.0)
    assert server.state is client.state is LinkState.ESTABLISHED
    large = [time for time, data in pair.client.sent if len(data) > 700 and time > pair.now - 590.0]
    # Twice in each half minute.
    assert 15 <= len(large) <= 2 * 600 / 30
    client.send_message(CHAT, bytes(5000))
    pair.run_until(lambda: client.is_all_delivered, 3.0)


def test_datagrams_waiting_when_the_path_narrows_are_dropped_and_do_not_block() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.client.script = lambda _, data: [(0.0, data)] if len(data) <= 700 else []
    for _ in range(100):
        client.send_message(MEDIA, bytes(1000))
    client.send_message(CHAT, bytes(3000))
    pair.run_until(lambda: client.is_all_delivered, 20.0)
    client.send_message(MEDIA, b"small")
    pair.run_until(lambda: pair.server.messages(MEDIA)[-1:] == [b"small"], 3.0)


def test_probe_for_a_larger_size_waits_until_a_moved_peer_is_proven() -> None:
    pair = Pair()
    client, server = pair.establish()
    server._outgoing._mtu.on_timeouts(3, 1200, pair.now - 100.0)
    pair.client.script = drop_all
    before = len(pair.server.sent)
    pair.inject(seal(client, bytes([PING]) + bytes(400)), STRANGER, pair.server)
    assert len(pair.server.sent) - before == 1


def test_datagram_too_large_for_an_unproven_address_is_not_replaced_by_pings() -> None:
    pair = Pair()
    client, server = pair.establish()
    server._outgoing._probes = 0
    before = len(pair.server.sent)
    pair.inject(seal(client, bytes([PING]) + bytes(300)), STRANGER, pair.server)
    pair.client.script = drop_all
    server.send_message(MEDIA, bytes(1100))
    pair.drain_all()
    assert len(pair.server.sent) - before == 1


# Numbers about the path.


def test_round_trip_and_loss_are_measured() -> None:
    pair = Pair(delay_s=0.050)
    client, _ = pair.establish()
    pair.client.script = lose(0.1, 7)
    for _ in range(1000):
        client.send_message(CHAT, b"tick")
        pair.run_for(0.01)
    assert client.round_trip_s == pytest.approx(0.100, rel=0.2)
    assert 0.03 < client._outgoing.recovery.loss.rate < 0.25


def test_late_loss_timer_after_everything_arrived_is_harmless() -> None:
    """The deadline of a packet that was overtaken stays behind when its late acknowledgement settles all."""
    pair = Pair()
    client, _ = pair.establish()
    luck = random.Random(11)
    pair.client.script = lambda _, data: [] if luck.random() < 0.05 else [(luck.choice((0.0, 0.0, 0.012)), data)]
    for _ in range(1500):
        client.send_message(CHAT, b"x")
        pair.run_for(luck.choice((0.0005, 0.002, 0.1)))
    pair.run_until(lambda: client.is_all_delivered)
    assert len(pair.server.messages()) == 1500
    assert len(pair.server.of(LinkEstablished)) == 1


@pytest.mark.parametrize("size", range(33, 150, 3))
def test_answer_to_an_unproven_address_stays_within_its_credit_with_many_gaps_to_tell(size: int) -> None:
    pair = Pair()
    client, server = pair.establish()
    for _ in range(40):
        client._outgoing._next_number += 1
        server.receive_sealed(seal(client, bytes([PING])), CLIENT, pair.now)
    pair.drain(pair.server)
    pair.client.script = pair.server.script = drop_all
    server.send_message(CHAT, bytes(100))
    packet = seal(client, bytes([PING]).ljust(size - 32, b"\0"))
    answers = pair.inject(packet, STRANGER, pair.server)
    before = pair.server.sent_bytes
    pair.run_for(20.0)
    assert sum(len(data) for _, data in answers) + pair.server.sent_bytes - before <= 3 * len(packet)
