"""Lanline's UDP link with no datagram over 1200 bytes, as on a path through the internet."""

from __future__ import annotations

from functools import partial

from contenders import lanline_link
from lanline.proto.link.profile import LinkProfile

TITLE = "Lanline, datagrams of 1200 B"
CARRIER = "udp"
PARTS = ("bulk", "goodput")
DATAGRAM = "1200 B"

listen = partial(lanline_link.listen, LinkProfile(most_mtu_bytes=1200))
connect = partial(lanline_link.connect, LinkProfile(most_mtu_bytes=1200))
