"""Lanline's UDP link with the textbook's settings: one packet in flight, repeated after 0.5 s, five times at most."""

from __future__ import annotations

from functools import partial

from contenders import lanline_link
from lanline.proto.link.profile import LinkProfile

TITLE = "Lanline, stop-and-wait"
CARRIER = "udp"
PARTS = ("latency",)
DATAGRAM = "1200 B"

listen = partial(lanline_link.listen, LinkProfile.stop_and_wait())
connect = partial(lanline_link.connect, LinkProfile.stop_and_wait())
