"""`lanline`, whose marks in rooms go off and on again with SIGUSR1: one process is measured with them and without.

What clients report is taken and written either way.
"""

from __future__ import annotations

import signal
from itertools import cycle

from lanline.__main__ import main
from lanline.core import cursors
from lanline.core.furthest import Furthest
from lanline.gateways.lanline.awaitingauthors import AwaitingAuthors

PARTS: list[tuple[object, str, object, object]] = [
    (Furthest, "note", Furthest.note, lambda *_: None),
    (Furthest, "moves", Furthest.moves, lambda *_: False),
    (AwaitingAuthors, "note_appended", AwaitingAuthors.note_appended, lambda *_: None),
    (AwaitingAuthors, "concerned", AwaitingAuthors.concerned, lambda *_: ()),
    (cursors, "sorted", sorted, lambda items, key: items),  # noqa: ARG005 -- called by its name
]
_TURNS = cycle((False, True))


def turn(*_: object) -> None:
    has_marks = next(_TURNS)
    for owner, name, there, missing in PARTS:
        setattr(owner, name, there if has_marks else missing)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, turn)
    main()
