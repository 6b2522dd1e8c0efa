"""Forward error correction: parity chunks, any of which stands in for any lost chunk of its block.

A block has at most 64 chunks, because the work grows with its square. The chunks of a larger frame are dealt out to
equal blocks like cards, so that a burst of losses hits all of them a little. Zfec computes the shares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import zfec  # type: ignore[import-untyped]

MOST_BLOCK_CHUNKS = 64
_MOST_SHARES = 2 * MOST_BLOCK_CHUNKS
"""There is never more parity than data."""


def block_count(total_chunks: int) -> int:
    return -(-total_chunks // MOST_BLOCK_CHUNKS)


def block_of(chunk_index: int, total_chunks: int) -> int:
    blocks = block_count(total_chunks)
    return (chunk_index if chunk_index < total_chunks else chunk_index - total_chunks) % blocks


def block_size(block: int, total_chunks: int) -> int:
    """How many data chunks the block has: as many chunks of it are enough, whichever they are."""
    blocks = block_count(total_chunks)
    return (total_chunks - block + blocks - 1) // blocks


@lru_cache(MOST_BLOCK_CHUNKS)
def _encoder(data_chunks: int) -> zfec.Encoder:
    return zfec.Encoder(data_chunks, _MOST_SHARES)


@lru_cache(MOST_BLOCK_CHUNKS)
def _decoder(data_chunks: int) -> zfec.Decoder:
    return zfec.Decoder(data_chunks, _MOST_SHARES)


def parity_of(chunks: Sequence[bytes], parity_chunks: int) -> list[bytes]:
    """In the order of their chunk indexes. The chunks are of one size."""
    blocks = block_count(len(chunks))
    by_block = [
        _parity_of_block(tuple(chunks[block::blocks]), len(range(block, parity_chunks, blocks)))
        for block in range(blocks)
    ]
    return [by_block[index % blocks][index // blocks] for index in range(parity_chunks)]


def _parity_of_block(chunks: tuple[bytes, ...], count: int) -> list[bytes]:
    size = len(chunks)
    if not count:
        return []
    shares: list[bytes] = _encoder(size).encode(chunks, tuple(range(size, size + count)))
    return shares


def restore_block(block: int, total_chunks: int, chunks: Mapping[int, bytes]) -> list[bytes]:
    """The data chunks of the block in order, out of any `block_size` chunks of it."""
    blocks = block_count(total_chunks)
    size = block_size(block, total_chunks)
    have = [index for index in range(block, total_chunks, blocks) if index in chunks]
    if len(have) == size:
        return [chunks[index] for index in have]
    shares = {index // blocks: chunks[index] for index in have}
    first_parity = total_chunks + block
    for index in chunks:
        if len(shares) == size:
            break
        if index >= total_chunks and (index - first_parity) % blocks == 0:
            shares[size + (index - first_parity) // blocks] = chunks[index]
    restored: list[bytes] = _decoder(size).decode(tuple(shares.values()), tuple(shares))
    return restored
