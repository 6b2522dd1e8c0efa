"""What a part of the benchmark is asked for, and what it hands back: a section of docs/benchmarks.md."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Options:
    contenders: Sequence[str]
    seconds: float
    """How long one latency run sends."""
    runs: int
    """How many such runs, each with its own seed, make one cell: the tails differ from one to the next."""
    quick: bool
    all_ip: bool
    """Take every contender through the network namespaces, not only those that need them."""
    seed: int
    attack_seconds: float | None = None
    """How long each attack of strangers lasts, when it was said."""
    attacks: Sequence[str] = ()
    """Which of them; none named: all."""
    rows: Sequence[str] = ()
    """Of videorecovery, which is measured in parts; none named: all."""
    earlier: Path | None = None
    """Figures of rows that were measured before, to stand beside those of this run."""
    keep: Callable[[Section], object] = lambda _: None
    """Called with all that is measured so far, after each row that takes minutes: a later one may fail."""


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    title: str
    setting: str
    """What was measured, and how, in words."""
    tables: Sequence[str]
    figures: Any
    """The same as data, for the JSON file."""
    images: Sequence[str] = field(default=())


def percentile(ordered: Sequence[float], share: float) -> float:
    """Nearest rank: always a value that was measured."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown that is also read well as it stands."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return f"| {' | '.join(padded)} |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join((line(header), rule, *map(line, rows)))
