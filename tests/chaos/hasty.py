"""`lanline` with a server that acknowledges long before it writes: what the kill harness is there to notice."""

from __future__ import annotations

from lanline.__main__ import main
from lanline.core.appends import Appends
from lanline.model.logs import Appended

_LATE_S = 5.0
hand_in = Appends._hand_in


def acknowledge_and_write_later(appends: Appends) -> None:
    for place, (entry, (author, tag)) in enumerate(
        zip(appends._waiting.entries, appends._waiting.senders, strict=True), 1
    ):
        author.committed([(tag, Appended(place, entry.time_ms))])
    appends._is_writing = True
    appends._clock.call_later(_LATE_S, lambda: hand_in(appends))


Appends._hand_in = acknowledge_and_write_later  # type: ignore[method-assign]
main()
