"""All links of one port: strangers, floods, calls that cross, resets, limits."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable

import pytest

import lanline.proto.link.handshakelimits
from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEstablished
from lanline.proto.link.endpoint import Endpoint
from lanline.proto.link.link import Link, LinkState
from lanline.proto.link.preamble import (
    ClientRecords,
    Hello,
    OtherVersion,
    Refused,
    Reset,
    Retry,
    decode_preamble,
    encode_preamble,
)
from lanline.proto.link.profile import LinkProfile
from unit.proto.link.pair import CLIENT, SERVER, STRANGER, Host, Pair, drop, drop_all, identity, keys, pass_all

CHAT = Channel.CHAT


def endpoint(**settings: object) -> Endpoint:
    return Endpoint(exchanges=keys("server"), reset_key=bytes(32), entropy=random.Random(1).randbytes, **settings)  # type: ignore[arg-type]


def hello(luck: random.Random) -> bytes:
    return encode_preamble(Hello(luck.randbytes(8)))


def records_without_proof(luck: random.Random) -> bytes:
    return encode_preamble(ClientRecords(luck.randbytes(8), luck.randbytes(20), luck.randbytes(luck.randrange(1, 400))))


def other_version(luck: random.Random) -> bytes:
    return encode_preamble(OtherVersion(luck.randbytes(8), 7, is_hello=True))


def sealed_garbage(luck: random.Random) -> bytes:
    return b"\x80" + luck.randbytes(luck.randrange(0, 300))


def garbage(luck: random.Random) -> bytes:
    return luck.randbytes(luck.randrange(0, 80))


def reset(luck: random.Random) -> bytes:
    return encode_preamble(Reset(luck.randbytes(8), luck.randbytes(16)))


FLOODS = [hello, records_without_proof, other_version, sealed_garbage, garbage, reset]


def address(luck: random.Random) -> tuple[str, int]:
    return f"10.{luck.randrange(256)}.{luck.randrange(256)}.{luck.randrange(256)}", luck.randrange(1, 65536)


# Floods.


def test_flood_from_spoofed_sources_gets_no_more_bytes_than_it_sent_and_leaves_nothing_behind() -> None:
    pair = Pair()
    client, server = pair.establish()
    luck = random.Random(42)
    endpoint = pair.server.endpoint
    bytes_in = bytes_out = 0
    memory = []
    for number in range(100_000):
        data = hello(luck) if number % 2 else FLOODS[luck.randrange(len(FLOODS))](luck)
        endpoint.receive_datagram(data, address(luck), pair.now)
        answered = sum(len(each) for _, datagrams in endpoint.datagrams_to_send(pair.now) for each in datagrams)
        assert answered <= len(data)
        bytes_in, bytes_out = bytes_in + len(data), bytes_out + answered
        if number in {10_000, 99_999}:
            tracemalloc.start()
            memory.append(len(endpoint._links) + len(endpoint._timers) + len(endpoint._half_open))
            tracemalloc.stop()
        if number % 1000 == 0:
            client.send_message(CHAT, number.to_bytes(4, "big"))
            pair.run_for(0.1)
    assert bytes_out <= bytes_in
    assert memory[0] == memory[1] <= 4
    assert endpoint.links == [server]
    assert endpoint.next_event() is None
    assert [int.from_bytes(each, "big") for each in pair.server.messages()] == list(range(0, 100_000, 1000))


@pytest.mark.parametrize("make", FLOODS)
def test_flood_of_one_kind_keeps_memory_where_it_was(make: Callable[[random.Random], bytes]) -> None:
    target = endpoint()
    luck = random.Random(7)

    def flood(count: int) -> None:
        for _ in range(count):
            target.receive_datagram(make(luck), address(luck), 1.0)
            target.datagrams_to_send(1.0)

    flood(500)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        flood(2000)
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()
    assert not target.links


def test_replies_of_a_whole_batch_are_not_larger_than_the_batch() -> None:
    target = endpoint()
    luck = random.Random(3)
    batch = [make(luck) for make in FLOODS for _ in range(50)]
    for data in batch:
        target.receive_datagram(data, address(luck), 1.0)
    out = sum(len(data) for _, datagrams in target.datagrams_to_send(1.0) for data in datagrams)
    assert out <= sum(map(len, batch))


def test_stolen_proof_is_good_for_no_other_address_and_no_other_client() -> None:
    target = endpoint()
    target.receive_datagram(encode_preamble(Hello(b"client-1")), CLIENT, 1.0)
    ((_, (answer,)),) = target.datagrams_to_send(1.0)
    retry = decode_preamble(answer)
    assert isinstance(retry, Retry)
    for client_id, source, now in (
        (b"client-1", STRANGER, 1.0),
        (b"client-2", CLIENT, 1.0),
        (b"client-1", CLIENT, 99.0),
    ):
        data = encode_preamble(ClientRecords(client_id, retry.token, b"\x16" * 40))
        target.receive_datagram(data, source, now)
        assert not target.links
        ((_, (answer,)),) = target.datagrams_to_send(now)
        assert isinstance(decode_preamble(answer), Retry)


def test_proof_that_expired_on_a_slow_path_is_renewed() -> None:
    pair = Pair(LinkProfile(handshake_timeout_s=200.0))
    pair.client.script = drop(*range(2, 1000))
    pair.connect()
    pair.run_for(70.0)
    pair.client.script = pass_all
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)), 200.0)


def test_endpoint_that_accepts_nobody_answers_nobody() -> None:
    target = endpoint(accepts=False)
    luck = random.Random(3)
    for make in (hello, records_without_proof, other_version, reset):
        for _ in range(20):
            target.receive_datagram(make(luck), CLIENT, 1.0)
    assert not target.datagrams_to_send(1.0)


def test_two_endpoints_do_not_throw_resets_at_each_other() -> None:
    pair = Pair()
    pair.inject(b"\x80" * 100, SERVER, pair.client)
    pair.inject(b"\x80" * 100, CLIENT, pair.server)
    pair.run_for(10.0)
    assert len(pair.client.sent) == len(pair.server.sent) == 1


# Limits.


def test_client_is_refused_when_all_links_are_taken() -> None:
    pair = Pair(max_links=1)
    first, _ = pair.establish()
    second = pair.add("second", STRANGER)
    second.endpoint.connect(SERVER, pair.now)
    pair.run_for(3.0)
    assert second.closed == LinkClosed(
        CloseCode.BUSY, "The other side accepts no more links at the moment.", by_peer=False
    )
    assert pair.server.link.state is first.state is LinkState.ESTABLISHED
    pair.close(first)
    pair.run_for(5.0)
    second.endpoint.connect(SERVER, pair.now)
    pair.run_until(lambda: bool(second.of(LinkEstablished)))


def test_half_open_links_are_limited_and_make_room_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanline.proto.link.handshakelimits, "MAX_UNFINISHED", 3)
    monkeypatch.setattr(lanline.proto.link.handshakelimits, "MAX_UNFINISHED_OF_NETWORK", 3)
    pair = Pair(server_profile=LinkProfile(handshake_timeout_s=3.0))
    for number in range(6):
        host = pair.add("stopper", (f"10.1.0.{number}", 1))
        host.script = lambda each, data: [(0.0, data)] if each <= 2 else []
        host.endpoint.connect(SERVER, pair.now)
    pair.run_for(1.0)
    assert len(pair.server.endpoint.links) == 3
    pair.connect()
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)), 9.0)


def test_one_host_cannot_keep_the_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanline.proto.link.handshakelimits, "MAX_UNFINISHED_OF_NETWORK", 3)
    pair = Pair()
    for number in range(20):
        host = pair.add("stopper", (STRANGER[0], number + 1))
        host.script = lambda each, data: [(0.0, data)] if each <= 2 else []
        host.endpoint.connect(SERVER, pair.now)
    pair.run_for(1.0)
    assert len(pair.server.endpoint.links) == 3
    pair.connect()
    pair.run_until(lambda: bool(pair.client.of(LinkEstablished)), 0.1)


def test_many_links_of_one_endpoint_are_kept_apart() -> None:
    pair = Pair()
    hosts = [pair.add("many", (f"10.1.0.{number}", 1)) for number in range(30)]
    for number, host in enumerate(hosts):
        # The same keys and even the same entropy must not confuse anybody but those who share an id.
        host.endpoint._entropy = random.Random(number).randbytes
        host.endpoint.connect(SERVER, pair.now).send_message(CHAT, f"I am {number}".encode())
    pair.run_until(lambda: len(pair.server.messages()) == 30)
    for link in pair.server.endpoint.links:
        link.send_message(CHAT, link.address[0].encode())
    pair.run_for(1.0)
    for host in hosts:
        assert host.messages() == [host.address[0].encode()]


def test_links_that_come_and_go_leave_nothing_behind() -> None:
    pair = Pair()
    for _ in range(100):
        link = pair.connect()
        link.send_message(CHAT, b"short visit")
        pair.run_until(lambda link=link: link.state is LinkState.ESTABLISHED and link.is_all_delivered)  # type: ignore[misc]
        pair.close(link)
        pair.run_for(1.0)
    pair.run_for(100.0)
    for host in pair.hosts:
        target = host.endpoint
        assert not target._links
        assert not target._by_remote_id
        assert not target._half_open
        assert not target._calls
        assert not target._timers
        assert not target._pending
        assert target.next_deadline() is None
    assert len(pair.server.messages()) == 100


# Calls that cross.


def call_each_other(pair: Pair, gap_s: float, *, client_first: bool, jitter: int | None = None) -> None:
    if jitter is not None:
        luck = random.Random(jitter)
        for host in pair.hosts:
            host.script = lambda _, data: [] if luck.random() < 0.1 else [(luck.random() * 0.02, data)]
    callers = [(pair.client, SERVER), (pair.server, CLIENT)]
    for host, to in callers if client_first else reversed(callers):
        host.endpoint.connect(to, pair.now)
        pair.run_for(gap_s)


def assert_one_link_each(pair: Pair) -> None:
    links = [[link for link in host.endpoint.links if link.state is LinkState.ESTABLISHED] for host in pair.hosts]
    assert [len(each) for each in links] == [1, 1]
    (one,), (other,) = links
    assert one.binding == other.binding
    one.send_message(CHAT, b"hello")
    other.send_message(CHAT, b"hello too")
    pair.run_until(lambda: pair.server.messages() == [b"hello"] and pair.client.messages() == [b"hello too"], 5.0)


@pytest.mark.parametrize("client_first", [True, False])
@pytest.mark.parametrize("gap_s", [0.0, 0.005, 0.0101, 0.015, 0.0201, 0.025, 0.0301, 0.035, 0.0401, 0.045])
def test_two_that_call_each_other_get_one_link(gap_s: float, client_first: bool) -> None:
    pair = Pair()
    call_each_other(pair, gap_s, client_first=client_first)
    pair.run_for(15.0)
    assert_one_link_each(pair)


@pytest.mark.parametrize("client_first", [True, False])
def test_two_that_call_each_other_get_one_link_on_a_bad_path(client_first: bool) -> None:
    for seed in range(100):
        pair = Pair()
        call_each_other(pair, random.Random(seed).random() * 0.05, client_first=client_first, jitter=seed)
        pair.run_for(12.0)
        assert_one_link_each(pair)


def test_call_that_lost_says_so() -> None:
    pair = Pair()
    call_each_other(pair, 0.0, client_first=True)
    pair.run_for(3.0)
    (closed,) = pair.client.of(LinkClosed) + pair.server.of(LinkClosed)
    assert closed.code is CloseCode.REPLACED
    assert_one_link_each(pair)


def test_call_that_expects_a_key_is_not_replaced_by_a_caller_with_another() -> None:
    for gap_s in (0.0, 0.0101, 0.0201, 0.0301):
        for client_first in (True, False):
            pair = Pair()
            callers: list[tuple[Host, tuple[str, int], str]] = [
                (pair.client, SERVER, "somebody else"),
                (pair.server, CLIENT, "client"),
            ]
            for host, to, expected in callers if client_first else reversed(callers):
                host.endpoint.connect(to, pair.now, identity(expected).fingerprint)
                pair.run_for(gap_s)
            pair.run_for(15.0)
            codes = {event.code for event in pair.client.of(LinkClosed)}
            assert codes in ({CloseCode.IDENTITY_REJECTED}, {CloseCode.UNREACHABLE})
            assert all(link.peer_fingerprint != b"" for link in pair.client.endpoint.links)


# Resets.


def test_peer_that_lost_its_memory_ends_the_link_with_a_reset() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.server.restart(1)
    client.send_message(CHAT, b"do you remember me?")
    start = pair.now
    pair.run_for(1.0)
    assert pair.client.closed.code is CloseCode.RESET
    assert "or has not heard of this one for long" in pair.client.closed.reason, "perhaps this one slept"
    assert pair.client.time_of(LinkClosed) - start == pytest.approx(0.020)
    assert not pair.client.endpoint.links


def test_client_that_lost_its_memory_ends_the_link_of_the_server_too() -> None:
    pair = Pair()
    _, server = pair.establish()
    pair.client.restart(1)
    server.send_message(CHAT, b"do you remember me?")
    pair.run_for(1.0)
    assert pair.server.closed.code is CloseCode.RESET


def test_flood_of_sealed_packets_for_nobody_gets_few_resets_and_then_some_again() -> None:
    target = endpoint()
    luck = random.Random(3)

    def answers(count: int, now: float) -> int:
        for _ in range(count):
            target.receive_datagram(b"\x80" + luck.randbytes(99), address(luck), now)
        return len(target.datagrams_to_send(now))

    assert answers(10_000, 1.0) == 100
    assert answers(10_000, 1.005) == 0
    assert answers(1, 1.011) == 1


def test_ids_begin_with_the_prefix_that_was_wished_for() -> None:
    prefix = b"\x80\x01\x02\x03"
    target = endpoint(id_prefix=prefix)
    ids = {target.connect(("10.0.0.1", 1), 0.0).local_id for _ in range(100)}
    assert len(ids) == 100
    assert {(each[:4], len(each)) for each in ids} == {(prefix, 8)}


def test_forged_reset_ends_nothing() -> None:
    pair = Pair()
    client, server = pair.establish()
    luck = random.Random(5)
    for connection_id in (client.local_id, client.remote_id, server.local_id, server.remote_id):
        for token in (bytes(16), b"\xff" * 16, luck.randbytes(16)):
            for host in pair.hosts:
                pair.inject(encode_preamble(Reset(connection_id, token)), STRANGER, host)
    assert client.state is server.state is LinkState.ESTABLISHED


def test_reset_token_of_a_living_link_is_told_to_nobody() -> None:
    pair = Pair()
    _, server = pair.establish()
    luck = random.Random(6)
    for _ in range(100):
        assert not pair.inject(server.local_id + luck.randbytes(60), STRANGER, pair.server)


def test_reset_still_works_after_a_late_twin_of_the_handshake() -> None:
    for number in (2, 3):
        pair = Pair()
        _, server = pair.establish()
        pair.inject(pair.client.sent[number - 1][1], CLIENT, pair.server)
        pair.run_for(20.0)
        assert pair.server.link is server
        pair.client.restart(1)
        server.send_message(CHAT, b"do you remember me?")
        pair.run_for(1.0)
        assert pair.server.closed.code is CloseCode.RESET


def test_late_twin_of_a_handshake_starts_no_new_one() -> None:
    pair = Pair()
    pair.establish()
    before = len(pair.server.sent)
    for _, data in pair.client.sent[1:3]:
        pair.inject(data, CLIENT, pair.server)
    assert len(pair.server.sent) == before
    assert len(pair.server.endpoint.links) == 1


def test_two_clients_with_one_id_do_not_end_each_other() -> None:
    pair = Pair()
    pair.establish()
    copycat = pair.add("copycat", STRANGER)
    copycat.endpoint._new_id = lambda: pair.client.link.local_id  # type: ignore[method-assign]
    copycat.endpoint.connect(SERVER, pair.now)
    pair.run_for(15.0)
    pair.client.link.send_message(CHAT, b"still here")
    pair.run_until(lambda: pair.server.messages() == [b"still here"], 1.0)
    assert copycat.closed.code is CloseCode.UNREACHABLE


# Timers.


def test_deadline_of_an_endpoint_is_the_soonest_of_its_links() -> None:
    pair = Pair()
    hosts = [pair.add("many", (f"10.1.0.{number}", 1)) for number in range(5)]
    for number, host in enumerate(hosts):
        host.endpoint._entropy = random.Random(number).randbytes
        host.endpoint.connect(SERVER, pair.now)
        pair.run_for(0.5)
    pair.run_for(1.0)

    def deadline_of(link: Link) -> float:
        deadline = link.next_deadline()
        assert deadline is not None
        return deadline

    soonest = pair.server.endpoint.next_deadline()
    assert soonest is not None
    assert soonest <= min(map(deadline_of, pair.server.endpoint.links))


def test_timer_that_comes_early_or_late_is_harmless() -> None:
    pair = Pair()
    client, server = pair.establish()
    for step in range(100):
        for host in pair.hosts:
            host.endpoint.handle_timer(pair.now + (0.0 if step % 2 else 0.3))
            host.endpoint.handle_timer(pair.now)
            pair.drain(host)
    client.send_message(CHAT, b"fine")
    pair.run_until(lambda: pair.server.messages() == [b"fine"], 1.0)
    assert server.state is LinkState.ESTABLISHED


def test_closed_link_may_still_be_called_by_a_session_that_has_not_heard() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.server.script = drop_all
    client.send_message(CHAT, b"?")
    pair.run_for(60.0)
    assert client.state is LinkState.CLOSED
    client.release(CHAT, 10)
    client.close(CloseCode.DONE, "", pair.now)
    assert not client.is_writable(CHAT)
    assert client.round_trip_s > 0
    assert not pair.drain(pair.client)


def test_refusal_with_an_unknown_code_is_a_failed_handshake() -> None:
    pair = Pair()
    link = pair.connect()
    pair.drain_all()
    pair.server.script = drop_all
    pair.inject(encode_preamble(Refused(link.local_id, 999)), SERVER, pair.client)
    pair.run_for(3.0)
    assert pair.client.closed.code is CloseCode.HANDSHAKE_FAILED
