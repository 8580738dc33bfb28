"""The figure of a sweep: the sizes of the regions of all combinations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from madminer_workflow.figures import style
from madminer_workflow.statistics.limits import Which

__all__ = ["ComparedSize", "comparison"]

_TITLES: dict[Which, str] = {"full": "kinematics and rate", "kinematics": "kinematics only"}
_SIZES = {1: "length", 2: "area"}
_WIDTH = 0.7  # between the first and the last method of a combination, in distances of rows
_BAND = 0.6  # height of a band, in distances of methods
_LINE = (0, (4, 2))


@dataclass(frozen=True)
class ComparedSize:
    """The size of the region of a method in one combination.

    Attributes:
        combination: The name of the combination.
        method: The name of the method.
        which: With the rate (full) or without.
        sizes: The size for each initialisation, (initialisation,).
        error: The Monte Carlo error of the size; None if it is not known.
    """

    combination: str
    method: str
    which: Which
    sizes: Sequence[float]
    error: float | None = None


@style.styled
def comparison(
    sizes: Sequence[ComparedSize], n_parameters: int, level: str = "95", title: str = ""
) -> Figure:
    """Draws the sizes of regions, a row a combination and a panel with the rate and without.

    Markers are the means of several initialisations, bands their standard deviation to each side,
    dots the single ones; bars are Monte Carlo errors. What is the same in all combinations, as
    most baselines are, is a line.

    Args:
        sizes: The sizes, combinations in the order of the rows.
        n_parameters: Number of parameters.
        level: Confidence level of the regions in percent.
        title: Title of the figure.
    """
    rows = list(dict.fromkeys(one.combination for one in sizes))
    shown = [which for which in _TITLES if any(one.which == which for one in sizes)]
    height = 1.7 + sum(max(0.5, 0.19 * row.count("__") + 0.3) for row in rows)
    size = (4.6 if len(shown) > 1 else 6.4, min(height, 40.0))
    figure, all_axes = style.panels(len(shown), len(shown), size)
    for axes, which in zip(all_axes, shown, strict=True):
        of_panel = [one for one in sizes if one.which == which]
        _draw_rows(axes, of_panel, rows)
        axes.set_title(_TITLES[which])
        axes.set_xlabel(f"{_SIZES.get(n_parameters, 'volume')} of the {level} % region")
    for axes in all_axes[1:]:
        axes.tick_params(axis="y", labelleft=False)
    if title:
        figure.suptitle(title, fontsize=12)
    style.legend_below(figure, _legend(sizes))
    return figure


def _draw_rows(axes: Axes, sizes: Sequence[ComparedSize], rows: Sequence[str]) -> None:
    """Draws the sizes of one panel, methods of a combination below one another."""
    same = _same(sizes)
    for method, size in same.items():
        axes.axvline(size, color=style.colour(method), linestyle=_LINE, linewidth=1.2)
    methods = list(dict.fromkeys(one.method for one in sizes if one.method not in same)) or [""]
    step = _WIDTH / len(methods)
    for one in (one for one in sizes if one.method not in same):
        offset = step * (methods.index(one.method) - 0.5 * (len(methods) - 1))
        _draw(axes, one, rows.index(one.combination) + offset, step)
    for number in range(len(rows) - 1):
        axes.axhline(number + 0.5, color="0.85", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [row.replace("__", "\n") or "all" for row in rows])
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(len(rows) - 0.5, -0.5)


def _same(sizes: Sequence[ComparedSize]) -> dict[str, float]:
    """Returns the methods that have the same size in all of several combinations, and the size."""
    found: dict[str, set[float]] = {}
    for one in sizes:
        found.setdefault(one.method, set()).update(one.sizes)
    several = len({one.combination for one in sizes}) > 1
    return {method: min(all_) for method, all_ in found.items() if several and len(all_) == 1}


def _draw(axes: Axes, one: ComparedSize, y: float, step: float) -> None:
    """Draws one size, with the band and the dots of several initialisations."""
    colour, mean = style.colour(one.method), float(np.mean(one.sizes))
    if len(one.sizes) > 1:
        std = float(np.std(one.sizes, ddof=1))
        half = 0.5 * _BAND * step
        axes.fill_betweenx([y - half, y + half], mean - std, mean + std, color=colour, alpha=0.25)
        axes.plot(one.sizes, np.full(len(one.sizes), y), ".", color=colour, markersize=3.5)
    axes.errorbar(
        mean,
        y,
        xerr=one.error,
        color=colour,
        fmt=style.marker(one.method),
        markersize=5,
        elinewidth=1.2,
    )


def _legend(sizes: Sequence[ComparedSize]) -> list[Artist]:
    """Returns the entries of the legend: methods, and what several initialisations look like."""
    same = _same([one for one in sizes if one.which == sizes[0].which])
    entries: list[Artist] = []
    for method in dict.fromkeys(one.method for one in sizes):
        look: dict[str, Any] = {"marker": style.marker(method), "linestyle": "", "markersize": 5}
        if method in same:
            look = {"linestyle": _LINE, "linewidth": 1.2}
        label = style.method_label(method)
        entries.append(Line2D([], [], color=style.colour(method), label=label, **look))
    if any(len(one.sizes) > 1 for one in sizes):
        entries.append(Patch(color="0.5", alpha=0.3, label="spread of initialisations"))
    return entries
