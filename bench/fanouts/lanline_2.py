"""Lanline's links with at most two batches under way to each peer: the work of a quiet room."""

from __future__ import annotations

from functools import partial

from fanouts.lanline_links import open_links
from lanline.proto.link.profile import LinkProfile

TITLE = "Lanline, sealed and acknowledged, 2 batches under way"

open_fan_out = partial(open_links, LinkProfile(), 2)
