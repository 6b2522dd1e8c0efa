"""What each kind of packet of somebody unknown costs the state machine of a link, without the socket: for link.md, 16.

Run by itself: `python bench/linkcosts.py`. Microseconds of CPU a packet; a socket adds about 3 to read one and 7 to
send one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from lanline.crypto.dtls import DtlsKeys
from lanline.crypto.identity import Identity
from lanline.proto.link.endpoint import Endpoint
from lanline.proto.link.frames import ENCODED_PING, encode_challenge
from lanline.proto.link.link import Link
from lanline.proto.link.preamble import ClientRecords, Hello, OtherVersion, Retry, decode_preamble, encode_preamble
from lanline.proto.link.profile import LinkProfile

COUNT = 20_000
HANDSHAKES = 60
CALLER, SERVER = ("192.0.2.1", 1000), ("192.0.2.2", 2000)
_UNLIMITED = LinkProfile(handshakes_per_s=1e9, handshakes_of_network_per_s=1e9)
_STEP_S = 0.001
"""Of the clock that the endpoint is told: at this pace every answer may be given."""


def endpoint(profile: LinkProfile = _UNLIMITED, *, accepts: bool = True) -> Endpoint:
    return Endpoint(
        exchanges=DtlsKeys(Identity.generate()),
        reset_key=os.urandom(32),
        entropy=os.urandom,
        profile=profile,
        accepts=accepts,
    )


def cost_us(server: Endpoint, make: Callable[[], bytes], count: int = COUNT) -> float:
    packets = [make() for _ in range(count)]
    started = time.process_time()
    for number, packet in enumerate(packets):
        now = 100.0 + number * _STEP_S
        server.receive_datagram(packet, CALLER, now)
        server.datagrams_to_send(now)
    return (time.process_time() - started) / count * 1e6


def handshake_us() -> float:
    """From the good token to the server's flight; the client's own work is not counted."""
    server = endpoint()
    keys = DtlsKeys(Identity.generate())
    spent = 0.0
    for number in range(HANDSHAKES):
        now = 100.0 + number * _STEP_S
        client_id = b"\x80" + os.urandom(7)
        server.receive_datagram(encode_preamble(Hello(client_id)), CALLER, now)
        ((_, (answer,)),) = server.datagrams_to_send(now)
        retry = decode_preamble(answer)
        assert isinstance(retry, Retry)
        [records] = keys.start_handshake(is_client=True).advance(b"")
        packet = encode_preamble(ClientRecords(client_id, retry.token, records))
        started = time.process_time()
        server.receive_datagram(packet, CALLER, now)
        server.datagrams_to_send(now)
        spent += time.process_time() - started
    return spent / HANDSHAKES * 1e6


def established(server: Endpoint) -> Link:
    client = endpoint(accepts=False)
    link = client.connect(SERVER, 99.0)
    for _ in range(10):
        for source, target, address in ((client, server, CALLER), (server, client, SERVER)):
            for _, datagrams in source.datagrams_to_send(99.0):
                for data in datagrams:
                    target.receive_datagram(data, address, 99.0)
    return link


def main() -> None:
    link_server = endpoint()
    link = established(link_server)
    [link_id] = [each.local_id for each in link_server.links]

    def sealed(payload: bytes) -> Callable[[], bytes]:
        return lambda: link._outgoing._seal(payload)  # noqa: SLF001 -- as no honest end would

    for name, figure in (
        ("HELLO, answered by RETRY", cost_us(endpoint(), lambda: encode_preamble(Hello(os.urandom(8))))),
        (
            "HELLO of another version, answered by VERSIONS",
            cost_us(endpoint(), lambda: encode_preamble(OtherVersion(os.urandom(8), 7, is_hello=True))),
        ),
        (
            "CLIENT_RECORDS, bad token, answered by RETRY",
            cost_us(endpoint(), lambda: encode_preamble(ClientRecords(os.urandom(8), os.urandom(20), b"\x16"))),
        ),
        ("CLIENT_RECORDS, good token: a handshake begins", handshake_us()),
        ("sealed packet of no link, answered by RESET", cost_us(endpoint(), lambda: b"\x80" + os.urandom(40))),
        ("sealed packet of a link, forged", cost_us(link_server, lambda: link_id + os.urandom(33))),
        ("sealed packet with one PING", cost_us(link_server, sealed(ENCODED_PING))),
        ("sealed packet with 32 PINGs", cost_us(link_server, sealed(ENCODED_PING * 32), 2000)),
        ("sealed packet with 32 CHALLENGEs", cost_us(link_server, sealed(encode_challenge(bytes(8)) * 32), 2000)),
    ):
        print(f"{name:50} {figure:8.1f} us")


if __name__ == "__main__":
    main()
