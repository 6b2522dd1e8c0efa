"""The processes that own homes: here they stay for ten seconds after the last program, and none outlives its test."""

from __future__ import annotations

from pathlib import Path

from lanline.client.node.start import stop_node

ENVIRONMENT = {"LANLINE_NODE_LINGER_S": "10"}


def end_nodes(folder: Path) -> None:
    """Of all homes in a folder."""
    for place in folder.glob("*/node.json"):
        stop_node(place.parent)
