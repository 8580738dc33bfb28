"""The figure of a validation: overlap with the exact regions, a panel a preset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from madminer_workflow.figures import style
from madminer_workflow.statistics.agreement import Agreement

__all__ = ["agreement"]

_FORMS = ("best", "-")  # the headline of methods with a ratio, and that of the others
_SHIFTS = {"kinematics": -0.16, "full": 0.16}  # of markers, which are open or filled
_LOWEST = 0.7  # overlap below which points lie on the border of the figure


@style.styled
def agreement(rows: Sequence[Agreement]) -> Figure:
    """Draws the overlap of the 95 % regions with the exact ones, one point an event file.

    Args:
        rows: Agreements of any presets, numbers of events, methods and seeds.
    """
    rows = [row for row in rows if row.form in _FORMS and row.method != "rate"]
    panels = sorted({(row.n_events, row.preset) for row in rows})
    figure, all_axes = style.panels(len(panels), 2, (4.6, 3.4))
    for axes, (n_events, preset) in zip(all_axes, panels, strict=True):
        _draw(axes, [row for row in rows if (row.n_events, row.preset) == (n_events, preset)])
        axes.set_title(f"{preset}, {n_events:_} events".replace("_", " "))
        axes.set(ylabel="overlap of 95 % regions", ylim=(_LOWEST, 1.005))
    entries = [
        Line2D([], [], **_look("exact", which), label=label)
        for which, label in (("kinematics", "kinematics only"), ("full", "kinematics and rate"))
    ]
    figure.legend(handles=entries, loc="outside lower center", ncols=2)
    return figure


def _draw(axes: Axes, rows: Sequence[Agreement]) -> None:
    """Draws the overlaps of all methods for one preset and number of events."""
    methods = list(dict.fromkeys(row.method for row in rows))
    for place, method in enumerate(methods):
        for which, shift in _SHIFTS.items():
            overlaps = [r.iou_95 for r in rows if (r.method, r.which) == (method, which)]
            x = place + shift + 0.04 * (np.arange(len(overlaps)) - (len(overlaps) - 1) / 2)
            axes.plot(x, np.maximum(overlaps, _LOWEST), **_look(method, which), clip_on=False)
    axes.set_xticks(range(len(methods)), [style.method_label(name) for name in methods])
    axes.set_xlim(-0.5, len(methods) - 0.5)
    axes.tick_params(axis="x", which="minor", bottom=False, top=False)
    axes.grid(axis="y", color="0.9", linewidth=0.6)


def _look(method: str, which: str) -> dict[str, Any]:
    """Returns how the points of a method look."""
    return {
        "color": style.colour(method),
        "marker": style.marker(method),
        "linestyle": "none",
        "fillstyle": "full" if which == "full" else "none",
    }
