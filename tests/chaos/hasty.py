"""`lanline` with a server that acknowledges what it never writes: what the kill harness is there to notice."""

from __future__ import annotations

from lanline.__main__ import main
from lanline.core.appends import Appends, Batch
from lanline.model.logs import Appended


def acknowledge_and_forget(appends: Appends) -> None:
    batch, appends._waiting = appends._waiting, Batch([], [])
    for place, (entry, (author, tag)) in enumerate(zip(batch.entries, batch.senders, strict=True), 1):
        author.committed([(tag, Appended(place, entry.time_ms))])


Appends._hand_in = acknowledge_and_forget  # type: ignore[method-assign]
main()
