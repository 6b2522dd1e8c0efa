"""As `lanline_8`, with no datagram over 1200 bytes, as on a path through the internet."""

from __future__ import annotations

from functools import partial

from fanouts.lanline_links import open_links
from lanline.proto.link.profile import LinkProfile

TITLE = "the same, 8 under way, datagrams of 1200 B"

open_fan_out = partial(open_links, LinkProfile(most_mtu_bytes=1200), 8)
