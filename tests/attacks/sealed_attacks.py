"""Attacks over a UDP link that is established, by a stranger who has not signed in: lies in frames, and copies."""

from __future__ import annotations

import random
from collections import Counter

from attacks.handmade import Address, Counts, HandmadeLink, Pace, established, flood_links
from lanline.proto.channels import RELIABLE_CHANNELS, Channel
from lanline.proto.framing import frame_message
from lanline.proto.link import frames
from lanline.proto.link.frames import MAX_ACK_RANGES
from lanline.wire.chat.messages import ClientMessage, encode_message
from lanline.wire.chat.signin import VERSIONS, Hello, Join, SignIn

_FRAMES_BYTES = 1100
_STRANGERS_WINDOW_BYTES = 16 * 1024


def _sent_by_server(link: HandmadeLink) -> int:
    """The highest number of a packet that has come."""
    return link.link._incoming.largest_received


def optimistic_acks(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Packets are acknowledged before they can have come: a few that may be under way, and then far too many."""

    def make(link: HandmadeLink, number: int) -> bytes:
        ahead = 1 if number % 50 else 10**6
        return link.seal(frames.encode_ack([(0, max(0, _sent_by_server(link)) + ahead)], 0.0) + frames.ENCODED_PING)

    return flood_links(address, stop_after_s, bits_per_s, make)


def ack_ranges(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """As many ranges as an ACK holds, of every second packet, over and over, so that all the others count as lost."""

    def make(link: HandmadeLink, number: int) -> bytes:
        largest = _sent_by_server(link)
        ranges = [(each, each) for each in range(largest, max(-1, largest - 2 * MAX_ACK_RANGES), -2)]
        ack = frames.encode_ack(ranges, 0.0) if ranges else b""
        asks = frames.encode_challenge(number.to_bytes(8, "big")) if number % 4 == 0 else frames.ENCODED_PING
        return link.seal(ack + asks)

    return flood_links(address, stop_after_s, bits_per_s, make)


def limit_lies(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """MAX_DATA for every channel, up and down, beside RESPONSEs and RESET_TOKENs that nobody asked for."""
    rng = random.Random(8)

    def make(link: HandmadeLink, number: int) -> bytes:
        del number
        parts: list[bytes] = []
        while sum(map(len, parts)) < _FRAMES_BYTES - 40:
            channel = rng.choice(list(RELIABLE_CHANNELS))
            parts.append(frames.encode_max_data(channel, rng.randrange(2**62)))
            parts.append(frames.encode_response(rng.randbytes(8)))
            parts.append(frames.encode_reset_token(rng.randbytes(16)))
        return link.seal(b"".join(parts))

    return flood_links(address, stop_after_s, bits_per_s, make)


def stream_holes(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Single bytes of a stream at every second offset of the window, backwards, and again and again."""

    def make(link: HandmadeLink, number: int) -> bytes:
        each = len(frames.encode_stream(Channel.CHAT, 0, b"x"))
        count = _FRAMES_BYTES // each
        starts = (_STRANGERS_WINDOW_BYTES - 2 - 2 * ((number * count + index) % 400) for index in range(count))
        return link.seal(b"".join(frames.encode_stream(Channel.CHAT, start, b"x") for start in starts))

    return flood_links(address, stop_after_s, bits_per_s, make)


def unfinished_messages(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """A message of which the last byte never comes, and all the rest comes again and again."""
    message = _STRANGERS_WINDOW_BYTES.to_bytes(4, "big") + bytes(_STRANGERS_WINDOW_BYTES)

    def make(link: HandmadeLink, number: int) -> bytes:
        start = number * 1000 % (_STRANGERS_WINDOW_BYTES - 1000)
        return link.seal(frames.encode_stream(Channel.CHAT, start, message[start : start + 1000]))

    return flood_links(address, stop_after_s, bits_per_s, make)


def number_gaps(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Every second number is left out: each packet is acknowledged at once, with all the ranges before it."""

    def make(link: HandmadeLink, number: int) -> bytes:
        del number
        link.skip(1)
        return link.seal(frames.ENCODED_PING)

    return flood_links(address, stop_after_s, bits_per_s, make)


def replayed_packets(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """One packet that was good, copied: from the address of the link and from another port."""
    counts: Counts = Counter()
    pace = Pace(stop_after_s, bits_per_s)
    while not pace.is_over:
        with established(address, counts) as link:
            if link is None:
                continue
            packet = link.seal(frames.ENCODED_PING)
            link.send(packet)
            while link.is_open and pace.wait(len(packet)):
                link.send(packet)
                link.read()
                counts["copies"] += 1
                if counts["copies"] % 100 == 0:
                    link.move()
    return counts


def after_the_end(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """A violation, and then packets that the closing link answers with its goodbye."""
    counts: Counts = Counter()
    pace = Pace(stop_after_s, bits_per_s)
    while not pace.is_over:
        with established(address, counts) as link:
            if link is None:
                continue
            link.send(link.seal(b"\xff"))
            for _ in range(200):
                if not pace.wait(33):
                    break
                link.send(link.seal(frames.ENCODED_PING))
                link.read()
    return counts


def forged_packets(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Packets to a living link that do not open: its tag is guessed, or its epoch is far away."""
    rng = random.Random(9)

    def make(link: HandmadeLink, number: int) -> bytes:
        head = link.link.remote_id + (number << rng.choice((0, 22, 40))).to_bytes(8, "big")
        return head + rng.randbytes(60)

    return flood_links(address, stop_after_s, bits_per_s, make)


def _messages(*messages: ClientMessage) -> bytes:
    return b"".join(frame_message(encode_message(message)) for message in messages)


def _speak(address: Address, stop_after_s: float, bits_per_s: float, said: bytes) -> Counts:
    """Over each link so much is said, as an honest client would send it, before the next one."""
    counts: Counts = Counter()
    pace = Pace(stop_after_s, bits_per_s)
    while pace.wait(3000 + len(said)):
        with established(address, counts) as link:
            if link is not None:
                link.send(link.seal(frames.encode_stream(Channel.CHAT, 0, said)))
                link.read()
                counts["spoken"] += 1
    return counts


def sign_in_flood(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """A device that nobody knows signs in as often as one link lets it, link after link."""
    said = _messages(Hello(VERSIONS, "stranger"), *(SignIn(request) for request in range(1, 16)))
    return _speak(address, stop_after_s, bits_per_s, said)


def password_guessing(
    address: Address, stop_after_s: float, bits_per_s: float, *, at_name: str | None = None
) -> Counts:
    """Names and passwords that nobody has, or one name's: each may make the server compute a slow hash."""
    counts: Counts = Counter()
    pace = Pace(stop_after_s, bits_per_s)
    while not pace.is_over:
        number = counts["guesses"]
        names = [at_name or f"guess{number}x{each}" for each in range(1, 16)]
        joins = [Join(request, name, f"correct horse {number}", "box") for request, name in enumerate(names, 1)]
        counts += _speak(address, min(0.01, pace.left_s), bits_per_s, _messages(Hello(VERSIONS, "guess"), *joins))
        counts["guesses"] += 1
        if not pace.wait(4000):
            break
    return counts
