"""The plots of the page: over the loss rate, one colour a contender."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN, HEIGHT_IN = 7.0, 4.4


def plot_latency(figures: dict[str, Any], path: Path) -> None:
    """p50 and p99."""
    figure, axes = _begun()
    names: list[str] = []
    for title, cells in figures["results"].items():
        names = list(cells)
        (line,) = axes.plot(*_points(cells, "p99_ms"), marker="o", label=title)
        axes.plot(*_points(cells, "p50_ms"), marker=".", linestyle=":", color=line.get_color())
    axes.set_yscale("log")
    axes.set_ylabel("ms from application to application")
    axes.set_xlabel("packets lost in each direction (solid: p99, dotted: p50)")
    _end(figure, axes, names, path)


def plot_video(figures: dict[str, Any], path: Path) -> None:
    """The share of pictures that were shown."""
    figure, axes = _begun()
    names: list[str] = []
    for title, row in figures["cells"].items():
        if isinstance(next(iter(row.values())), str):
            continue  # why it could not be measured
        names = list(row)
        percents = {name: {"shown": 100 * cell["shown_share"]} for name, cell in row.items()}
        axes.plot(*_points(percents, "shown"), marker="o", label=title)
    axes.set_ylim(0, 103)
    axes.set_ylabel("% of the pictures shown")
    axes.set_xlabel("packets lost in each direction")
    _end(figure, axes, names, path)


def plot_films(figures: dict[str, Any], path: Path) -> None:
    """Mean lines over the whole time, waiting as none."""
    figure, axes = _begun()
    names = list(figures["played"])
    for player in figures["played"][names[0]]:
        cells = {name: row[player] for name, row in figures["played"].items()}
        axes.plot(*_points(cells, "mean_lines"), marker="o", linestyle=":", label=player)
    axes.set_ylim(0, 1480)
    axes.set_ylabel("lines, on average over the time from the click to the end")
    _end(figure, axes, names, path)


def _begun() -> tuple[Figure, Axes]:
    import matplotlib as mpl  # noqa: PLC0415 - half a second that runs without a plot need not pay

    mpl.use("Agg")
    # Text as text and fixed ids: a small file that changes only where the figures do.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "lanline", "font.size": 9})
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    return figure, axes


def _end(figure: Figure, axes: Axes, names: list[str], path: Path) -> None:
    axes.set_xticks(range(len(names)), [name.replace(" in ", "\nin ") for name in names])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(visible=True, which="both", alpha=0.25)
    figure.legend(loc="outside upper center", ncols=3)  # no corner is free of lines
    figure.savefig(path, metadata={"Date": None})
    figure.clear()


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
