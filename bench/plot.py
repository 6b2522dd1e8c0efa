"""The plot of part (c): p50 and p99 over the loss rate, one colour a contender."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WIDTH_IN, HEIGHT_IN = 7.0, 4.4


def plot_latency(figures: dict[str, Any], path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - half a second that runs without a plot need not pay

    mpl.use("Agg")
    # Text as text and fixed ids: a small file that changes only where the figures do.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "lanline", "font.size": 9})
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    names: list[str] = []
    for title, cells in figures["results"].items():
        names = list(cells)
        (line,) = axes.plot(*_points(cells, "p99_ms"), marker="o", label=title)
        axes.plot(*_points(cells, "p50_ms"), marker=".", linestyle=":", color=line.get_color())
    axes.set_yscale("log")
    axes.set_ylabel("ms from application to application")
    axes.set_xlabel("packets lost in each direction (solid: p99, dotted: p50)")
    axes.set_xticks(range(len(names)), [name.replace(" in ", "\nin ") for name in names])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(visible=True, which="both", alpha=0.25)
    figure.legend(loc="outside upper center", ncols=3)  # no corner is free of lines
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _points(cells: dict[str, dict[str, float | None]], figure: str) -> tuple[list[float], list[float]]:
    """Nothing is drawn where more messages are missing than the percentile leaves out, and no line leads to bursts."""
    places: list[float] = []
    values: list[float] = []
    for place, (name, cell) in enumerate(cells.items()):
        if "bursts" in name:
            places.append(place - 0.5)
            values.append(float("nan"))
        value = cell.get(figure)
        places.append(place)
        values.append(float("nan") if value is None else value)
    return places, values
