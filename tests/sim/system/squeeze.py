"""Bounds that are met once in a year, drawn so low that some of them are met in every minute."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from unittest.mock import patch

from lanline.client.chat import following, messages, outbox
from lanline.core import appends
from lanline.gateways.lanline import catchup, followers, people, requests, sendqueue, session
from lanline.gateways.lanline import conversations as news

_BOUNDS: tuple[tuple[tuple[ModuleType, ...], str, tuple[int, ...]], ...] = (
    ((following,), "FETCHED_AT_FIRST", (1, 10)),
    ((messages,), "_MAX_WATCHED", (3,)),
    ((outbox,), "MAX_UNCOMMITTED", (1, 5)),
    ((outbox,), "MAX_UNCOMMITTED_BYTES", (1, 1_000)),
    ((appends,), "MAX_UNCOMMITTED", (1, 3)),
    ((appends,), "MAX_UNCOMMITTED_BYTES", (500, 5_000)),
    ((catchup,), "_MAX_ENTRIES", (1, 3)),
    ((catchup,), "_MAX_KEPT_CHUNKS", (1,)),
    ((sendqueue,), "MAX_WAITING_BYTES", (16_000,)),
    ((sendqueue,), "MAX_UNCONFIRMED_BYTES", (1, 1_000)),
    ((followers, catchup, requests), "CHUNK_BYTES", (100, 1_000)),
    ((session,), "_MAX_REQUESTS_UNANSWERED", (1, 2)),
    ((session,), "_MAX_BLOB_BYTES_UNCOMMITTED", (20_000,)),
    ((news,), "_CONVERSATIONS_IN_MESSAGE", (1, 2)),
    ((people,), "_PEOPLE_IN_MESSAGE", (1, 2)),
)


@contextmanager
def squeezed(rng: random.Random) -> Iterator[None]:
    """In a half of the seeds nothing is squeezed; in the others about a third of all bounds."""
    share = rng.choice([0.0, 0.3])
    drawn = [(modules, name, rng.choice(values)) for modules, name, values in _BOUNDS if rng.random() < share]
    with ExitStack() as stack:
        for modules, name, value in drawn:
            for module in modules:
                stack.enter_context(patch.object(module, name, value))
        yield
