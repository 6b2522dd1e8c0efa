"""A link on its way: moves, keys, and what is learned of the path."""

from __future__ import annotations

import random
from heapq import heappush

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
    SERVER,
    STRANGER,
    Pair,
    drop,
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


def test_unproven_address_gets_no_more_than_came_from_it_and_the_rest_goes_where_it_went() -> None:
    pair = Pair()
    client, server = pair.establish()
    server.send_message(BULK, bytes(1_000_000))
    pair.run_for(0.2)
    packet = seal(client, bytes([PING]).ljust(100, b"\0"))
    # The true client falls silent, and the spoofed address never answers.
    pair.client.script = drop_all
    del pair._under_way[:]
    aimed = sum_to(STRANGER, pair.inject(packet, STRANGER, pair.server))
    server.send_message(CHAT, b"to whom it may concern")
    while pair.server.endpoint.next_deadline() is not None and pair.now < 120.0:
        pair.now = max(pair.now, pair.server.endpoint.next_deadline() or 0.0)
        pair.server.endpoint.handle_timer(pair.now)
        aimed += sum_to(STRANGER, pair.drain(pair.server))
    assert 0 < aimed <= len(packet)
    assert server.address == CLIENT
    assert not pair.server.of(PeerMoved)


def sum_to(address: tuple[str, int], datagrams: list[tuple[tuple[str, int], bytes]]) -> int:
    return sum(len(data) for to, data in datagrams if to == address)


def test_acknowledgement_of_what_went_to_the_old_address_proves_nothing() -> None:
    pair = Pair()
    _, server = pair.establish()
    pair.client.script = drop_all
    before = len(pair.client.sent)
    for _ in range(8):
        server.send_message(CHAT, b"to the old address")
        pair.run_for(0.012)
    first, *_, second = [data for _, data in pair.client.sent[before:]]
    # Caught on the way and sent on: the second acknowledges packets from before.
    for data in (first, second):
        pair.inject(data, STRANGER, pair.server)
    assert server.address == CLIENT
    assert server.new_address is not None
    assert not server.new_address.is_proven


# Who sends copies on.


def test_one_copied_packet_moves_nothing_though_what_comes_for_it_is_sent_on() -> None:
    pair = Pair()
    client, server = pair.establish()
    for size, questions in ((1, 0), (30, 1)):
        packet = seal(client, bytes([PING]).ljust(size, b"\0"))
        asked = [data for to, data in pair.inject(packet, STRANGER, pair.server) if to == STRANGER]
        assert len(asked) == questions
    pair.inject(asked[0], SERVER, pair.client)
    pair.run_for(5.0)
    assert client.address == SERVER
    assert server.address == CLIENT
    assert not pair.server.of(PeerMoved)


def test_onlooker_who_is_faster_with_every_copy_does_not_become_the_path() -> None:
    pair = Pair()
    client, server = pair.establish()
    watch(pair)
    for number in range(50):
        client.send_message(CHAT, number.to_bytes(4, "big"))
        server.send_message(CHAT, number.to_bytes(4, "big"))
        pair.run_for(0.1)
    assert server.address == CLIENT
    assert client.address == SERVER
    assert not pair.server.of(PeerMoved)
    assert len(pair.client.messages()) == len(pair.server.messages()) == 50


def watch(pair: Pair) -> None:
    """Somebody in the middle, who holds nothing back: what the client says comes first as a copy from elsewhere, and
    what goes there is sent on with the server's address in front.
    """

    def copy(_number: int, data: bytes) -> list[tuple[float, bytes]]:
        pair._order += 1
        heappush(pair._under_way, (pair.now + pair.delay_s / 2, pair._order, data, STRANGER, SERVER))
        return [(0.0, data)]

    pair.client.script = copy
    onlooker = pair.add("onlooker", STRANGER)
    onlooker.endpoint.receive_datagram = lambda data, _from, _now: heappush(  # type: ignore[method-assign]
        pair._under_way, (pair.now + pair.delay_s / 4, -len(pair._under_way), data, SERVER, CLIENT)
    )


def test_client_does_not_follow_its_server() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.inject(seal(server, bytes([PING]).ljust(100, b"\0")), STRANGER, pair.client)
    pair.run_for(1.0)
    assert client.address == SERVER
    assert not pair.client.of(PeerMoved)


def test_link_that_is_not_heard_yet_moves_by_a_token_of_the_new_address_and_says_so() -> None:
    pair = Pair()
    pair.connect()
    # What confirms the link is lost, and so is the server's last flight: the client asks again, from elsewhere.
    pair.server.script = drop(3)
    pair.run_until(lambda: bool(pair.server.of(LinkEstablished)))
    pair.move_client()
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)))
    assert pair.server.of(PeerMoved) == [PeerMoved(MOVED)]
    assert pair.server.link.address == MOVED


def test_moved_peer_gets_full_speed_once_it_answers() -> None:
    pair = Pair()
    client, server = pair.establish()
    server.send_message(BULK, bytes(500_000))
    pair.run_for(0.05)
    pair.move_client()
    client.send_message(CHAT, b"moved")
    pair.run_until(lambda: server.is_all_delivered, 10.0)
    assert server.address == MOVED
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
    assert 0 < aimed <= spent
    assert server.address == CLIENT


@pytest.mark.parametrize("lost", range(4))
def test_moved_peer_is_proven_whatever_answer_is_lost(lost: int) -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.move_client()
    client.send_message(CHAT, b"moved")
    drop_next(pair.client, lost + 1)
    pair.run_for(10.0)
    assert pair.server.messages() == [b"moved"]
    assert server.address == MOVED
    assert server.new_address is None


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


def test_what_was_sent_again_and_again_waits_once_when_smaller_packets_are_tried() -> None:
    pair = Pair(LinkProfile(most_mtu_bytes=1200))
    client, _ = pair.establish()
    pair.client.script = drop_all
    client.send_message(CHAT, bytes(1000))
    pair.run_until(lambda: client._outgoing._mtu.current == LinkProfile().floor_mtu_bytes, 20.0)
    (stream,) = client._outgoing.outbox.streams
    under_way = [chunk for packet in client._outgoing.recovery.in_flight.values() for chunk in packet.chunks]
    pieces, probes = 2, 2
    assert len(under_way) + len(stream._lost or ()) <= pieces + probes


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


def test_a_way_that_carries_nothing_for_a_moment_carries_as_large_datagrams_as_before_when_it_is_back() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.client.script = lambda _, data: [(0.0, data)] if len(data) <= 9000 else []
    client.send_message(BULK, bytes(4_000_000))
    pair.run_until(lambda: client.is_all_delivered, 20.0)
    assert client._outgoing._mtu.current > 8000
    passes, pair.client.script = pair.client.script, drop_all
    client.send_message(BULK, bytes(1_000_000))
    pair.run_until(lambda: client._outgoing._mtu.current == LinkProfile().floor_mtu_bytes, 20.0)
    pair.client.script = passes
    pair.run_until(lambda: client._outgoing._mtu.current > 8000, 5.0)


def test_small_packets_that_are_lost_beside_a_search_do_not_make_the_datagrams_smaller() -> None:
    pair = Pair()
    client, _ = pair.establish()
    outgoing = client._outgoing
    pair.client.script = lambda _, data: [(0.0, data)] if len(data) <= 1300 else []
    client.send_message(BULK, bytes(20_000))
    pair.run_until(lambda: client.is_all_delivered and outgoing._mtu.is_probing, 5.0)
    pair.client.script = drop_all
    client.send_message(CHAT, b"small")
    pair.run_until(lambda: outgoing.recovery.timeouts > 3, 10.0)
    assert any(packet.is_mtu_probe for packet in outgoing.recovery.in_flight.values())
    assert outgoing._mtu.current == LinkProfile().mtu_bytes


def test_a_lost_search_for_larger_datagrams_does_not_make_the_window_smaller() -> None:
    pair = Pair()
    client, _ = pair.establish()
    congestion, mtu = client._outgoing._congestion, client._outgoing._mtu
    pair.client.script = lambda _, data: [(0.0, data)] if len(data) <= 1300 else []
    client.send_message(BULK, bytes(1_000_000))
    pair.run_until(lambda: client.is_all_delivered, 5.0)
    pair.run_for(600.0)
    window_bytes = congestion.window_bytes
    assert mtu.next_probe_bytes(pair.now) is not None, "it searches again"
    pair.client.script = lambda _, data: [(0.1, data)] if len(data) <= 1300 else []  # and a queue stands
    for _ in range(10):
        client.send_message(BULK, bytes(60_000))
        pair.run_for(0.05)
    pair.run_until(lambda: client.is_all_delivered and not client._outgoing.recovery.in_flight, 5.0)
    assert mtu.next_probe_bytes(pair.now) is None, "nothing larger passes"
    assert congestion.window_bytes >= window_bytes


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
