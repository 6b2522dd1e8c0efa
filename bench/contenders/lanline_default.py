"""Lanline's UDP link as it is by default. Where there is much to send it looks for larger datagrams that pass."""

from __future__ import annotations

from functools import partial

from contenders import lanline_link
from lanline.proto.link.profile import LinkProfile

TITLE = "Lanline"
CARRIER = "udp"
PARTS = ("latency", "bulk")
DATAGRAM = "1200 B, then what passes (65,000 B here)"

listen = partial(lanline_link.listen, LinkProfile())
connect = partial(lanline_link.connect, LinkProfile())
