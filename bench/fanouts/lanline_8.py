"""Lanline's links with at most eight batches under way to each peer, so that one acknowledgement serves several."""

from __future__ import annotations

from functools import partial

from fanouts.lanline_links import open_links
from lanline.proto.link.profile import LinkProfile

TITLE = "the same, 8 batches under way"

open_fan_out = partial(open_links, LinkProfile(), 8)
