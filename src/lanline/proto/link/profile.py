"""The settings of a link. Everything a peer does not need to agree on stands here; what it must is in the protocol."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkProfile:
    mtu_bytes: int = 1200
    """Largest datagram, all of our bytes counted. 1200 passes nearly everywhere (RFC 9000, 14)."""
    most_mtu_bytes: int = 65_000
    """A link with much to send looks for larger datagrams that pass, up to this; jumbo frames, the loopback."""
    floor_mtu_bytes: int = 548
    """What a link falls back to when larger datagrams vanish: 576 (RFC 1122, 3.3.2) less the IP and UDP headers."""

    initial_window_packets: int = 32
    minimum_window_packets: int = 8
    window_packets: int | None = None
    """A fixed number of packets in flight, in place of congestion control. 1 is stop-and-wait."""
    fixed_timeout_s: float | None = None
    """A fixed retransmission timeout, in place of the measured one."""
    max_tries: int | None = None
    """Give the link up after so many timeouts in a row. None: only `dead_after_s` counts."""

    ack_every: int = 8
    ack_delay_s: float = 0.025
    initial_rtt_s: float = 0.100
    repeats_on_lossy_links: bool = True
    """On a link that loses, thin traffic carries its latest unacknowledged messages again in each packet."""

    keepalive_s: float = 15.0
    dead_after_s: float = 30.0
    handshake_timeout_s: float = 10.0
    handshakes_per_s: float = 200.0
    """Which all strangers together may begin; each costs half a millisecond."""
    handshakes_of_network_per_s: float = 50.0
    """Of those, one network (`model.addresses.network_of`). Each host of somebody who is trusted may as many again."""

    max_message_bytes: int = 16 * 1024 * 1024
    send_buffer_bytes: int = 4 * 1024 * 1024
    """For each reliable channel; when as much waits, no more is taken. The last message may reach over the edge."""
    datagram_buffer_bytes: int = 256 * 1024
    """For each unreliable channel; when it is full the oldest datagram goes."""
    receive_window_bytes: int = 1024 * 1024
    bulk_receive_window_bytes: int = 4 * 1024 * 1024
    stranger_window_bytes: int | None = None
    """Until `trust`, the window of CHAT and its largest message; nothing is taken on the other reliable channels.
    None: everybody is trusted."""

    @classmethod
    def stop_and_wait(cls) -> LinkProfile:
        """One packet in flight, 0.5 s, 5 tries: the textbook protocol, kept as a yardstick."""
        return cls(
            window_packets=1,
            fixed_timeout_s=0.5,
            max_tries=5,
            most_mtu_bytes=1200,
            ack_every=1,
            ack_delay_s=0.0,
            repeats_on_lossy_links=False,
        )
