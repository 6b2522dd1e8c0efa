"""How much parity a loss rate calls for, and the loss rate that reports tell of."""

from __future__ import annotations

import math
from functools import lru_cache

from lanline.proto.media.fec import block_count

MOST_SHARE = 0.3
_UNREPAIRED = 0.02
"""The share of blocks that may need a repair by request in spite of it."""
NO_LOSS = 0.002


@lru_cache(4096)
def _parity_of_block(data_chunks: int, loss_percent_tenths: int) -> int:
    loss = loss_percent_tenths / 1000
    most = math.ceil(MOST_SHARE * data_chunks)
    for parity in range(most):
        sent = data_chunks + parity
        repairable = sum(math.comb(sent, lost) * loss**lost * (1 - loss) ** (sent - lost) for lost in range(parity + 1))
        if repairable >= 1 - _UNREPAIRED:
            return parity
    return most


def parity_for(total_chunks: int, loss: float) -> int:
    """The fewest parity chunks with which hardly a block fails, if losses are independent; at most 30 %."""
    if loss < NO_LOSS:
        return 0
    blocks = block_count(total_chunks)
    return blocks * _parity_of_block(-(-total_chunks // blocks), min(500, round(loss * 1000)))


class LossEstimate:
    """A short and a long average over the last chunks; the worse counts. So it rises fast and falls slowly."""

    __slots__ = ("_long", "_short", "rate")

    _SHORT_CHUNKS = 100
    _LONG_CHUNKS = 1000

    def __init__(self) -> None:
        self._short = 0.0
        self._long = 0.0
        self.rate = 0.0

    def on_report(self, chunks: int, lost: int) -> None:
        if chunks <= 0:
            return
        rate = min(1.0, lost / chunks)
        self._short += (rate - self._short) * (1 - math.exp(-chunks / self._SHORT_CHUNKS))
        self._long += (rate - self._long) * (1 - math.exp(-chunks / self._LONG_CHUNKS))
        self.rate = max(self._short, self._long)


def sound_parity_for(_total_chunks: int, loss: float) -> int:
    """A frame of sound is one chunk, its parity is that chunk again: small beside a picture, so it is sent early."""
    return int(loss > NO_LOSS)
