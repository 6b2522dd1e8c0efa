"""The known attacks on QUIC and TLS that apply: each costs the server a bounded amount of work and memory, and a device
that it knows comes in after it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from OpenSSL import SSL

from attacks import handshake_attacks, preamble_floods, sealed_attacks, websocket_attacks
from attacks.attackedserver import attacked_server
from attacks.handmade import Address, Counts
from lanline.config import Limits
from lanline.core.passwords import Passwords, Try
from lanline.proto.link.link import Link

Attack = Callable[[Address, float, float], Counts]

SECONDS = 0.2
BITS_PER_S = 3e6
MOST_HALF_OPEN = 1024
MOST_CONTROL_FRAMES = 16

UNPROVEN = [
    (preamble_floods.initial_flood, 1.0),
    (preamble_floods.version_trick, 1.0),
    (preamble_floods.forged_tokens, 3.0),
    (preamble_floods.stolen_cookie, 3.0),
    (preamble_floods.reset_guessing, 2.0),
    (preamble_floods.noise, 1.0),
]
"""Each with the function calls that a byte of it may cost."""
PROVEN = [
    (preamble_floods.replayed_cookie, 10.0),
    (handshake_attacks.handshake_flood, 10.0),
    (handshake_attacks.slow_handshakes, 5.0),
    (handshake_attacks.fragment_holes, 1.0),
    (handshake_attacks.oversized_client_hello, 1.0),
    (handshake_attacks.renegotiation, 1.0),
    (sealed_attacks.optimistic_acks, 5.0),
    (sealed_attacks.ack_ranges, 2.0),
    (sealed_attacks.limit_lies, 1.0),
    (sealed_attacks.stream_holes, 1.0),
    (sealed_attacks.unfinished_messages, 1.0),
    (sealed_attacks.number_gaps, 3.0),
    (sealed_attacks.replayed_packets, 1.0),
    (sealed_attacks.after_the_end, 5.0),
    (sealed_attacks.forged_packets, 1.0),
    (sealed_attacks.sign_in_flood, 10.0),
    (sealed_attacks.password_guessing, 10.0),
    (websocket_attacks.slow_tls, 10.0),
    (websocket_attacks.slow_headers, 10.0),
    (websocket_attacks.many_headers, 2.0),
    (websocket_attacks.tls_handshakes, 2.0),
    (websocket_attacks.tls_renegotiation, 2.0),
    (websocket_attacks.oversized_client_hello, 1.0),
    (websocket_attacks.pings, 3.0),
    (websocket_attacks.pongs, 1.5),
    (websocket_attacks.tiny_units, 1.5),
    (websocket_attacks.giant_frames, 2.0),
    (websocket_attacks.compression, 2.0),
]


def name(value: object) -> str | None:
    return getattr(value, "__name__", None)


@pytest.mark.parametrize(("attack", "calls_a_byte"), [*UNPROVEN, *PROVEN], ids=name)
def test_an_attack_costs_a_bounded_amount_and_keeps_nobody_out(
    attack: Attack, calls_a_byte: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with attacked_server(tmp_path, monkeypatch) as server:
        before = server.calls
        counts = attack(server.address, SECONDS, BITS_PER_S)
        calls = server.ask(lambda: server.calls) - before
        assert counts["sent_bytes"]
        assert counts["unproven_received_bytes"] <= counts["unproven_sent_bytes"]
        print(f"{attack.__name__}: {calls} calls, {calls / server.bytes['in']:.2f} a byte", dict(counts))
        assert calls <= calls_a_byte * server.bytes["in"]
        links = server.links
        assert len(links) <= MOST_HALF_OPEN
        for link in links:
            assert_holds_little(link)
        server.let_known_device_in(over_udp="websocket" not in attack.__module__)


@pytest.mark.parametrize("at_name", [None, "member1"])
def test_so_many_guesses_are_looked_at_and_no_more(
    at_name: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one address, and of one name; the next would be an hour later."""
    asked = granted = 0

    def begin_try(passwords: Passwords, host: str, name: str) -> Try:
        nonlocal asked, granted
        asked += 1
        begun = really(passwords, host, name)
        granted += 1
        return begun

    really = Passwords.begin_try
    monkeypatch.setattr(Passwords, "begin_try", begin_try)
    limits = Limits(passwords_per_address=20, passwords_per_account=10, password_wait_s=3600.0)
    most = limits.passwords_per_address if at_name is None else limits.passwords_per_account
    with attacked_server(tmp_path, monkeypatch, limits) as server:
        while asked < 3 * most:
            counts = sealed_attacks.password_guessing(server.address, SECONDS, BITS_PER_S, at_name=at_name)
            assert counts["sent_bytes"]
        assert server.ask(lambda: granted) == most


@pytest.mark.parametrize(
    ("attack", "most_bytes"),
    [(handshake_attacks.oversized_client_hello, 2048), (websocket_attacks.oversized_client_hello, 4096)],
)
def test_openssl_is_given_little_of_what_is_too_large(
    attack: Attack, most_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its buffers grow with what it is given, before anybody is known."""
    given: Counter[SSL.Connection] = Counter()

    def bio_write(connection: SSL.Connection, data: bytes) -> int:
        if threading.current_thread() is not threading.main_thread():
            given[connection] += len(data)
        return really(connection, data)

    really = SSL.Connection.bio_write
    monkeypatch.setattr(SSL.Connection, "bio_write", bio_write)
    with attacked_server(tmp_path, monkeypatch) as server:
        sent: Counter[str] = Counter()
        while sent["sent_bytes"] <= 4 * most_bytes:  # a busy machine takes longer for it
            sent += attack(server.address, SECONDS, BITS_PER_S)
        assert server.ask(lambda: max(given.values(), default=0)) <= most_bytes


def assert_holds_little(link: Link) -> None:
    """Nobody here has signed in."""
    outgoing, incoming = link._outgoing, link._incoming
    assert len(outgoing.outbox._control) <= MOST_CONTROL_FRAMES
    assert len(outgoing.recovery.in_flight) <= 64
    assert len(incoming._received._numbers) <= 64
    for stream in incoming._streams.values():
        assert stream._pending_cost <= 64 * 1024
