from __future__ import annotations

import json

from lanline.cli.clients import _json
from lanline.client.view.values import Person


def test_somebody_seen_at_no_moment_is_shown_all_the_same() -> None:
    """A server may say anything."""
    shown = json.loads(_json(Person(1, "ann", False, "", 2**63 - 1, False, False), ""))
    assert (shown["name"], shown["seen"]) == ("ann", None)
