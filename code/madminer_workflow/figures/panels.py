"""What figures of limits are composed of: curves, contours and maps of q on given axes.

Parameters that are not on the axes are profiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from madminer_workflow.figures import style
from madminer_workflow.statistics.interpolation import refine
from madminer_workflow.statistics.limits import Limit, Which
from madminer_workflow.statistics.profile import profile
from madminer_workflow.statistics.regions import bounding_box
from madminer_workflow.statistics.teststatistic import P_68, P_95, p_values, threshold

__all__ = [
    "Plane",
    "Window",
    "contours",
    "curves",
    "handles",
    "meanings",
    "p_curves",
    "p_map",
    "window",
]

Floats = NDArray[np.float64]
Window = tuple[float, float]
Plane = tuple[int, int]

_LEVELS: dict[float, tuple[str, Any]] = {P_68: ("68 %", (0, (4, 2))), P_95: ("95 %", "solid")}
_SMALLEST_P = 1e-3  # that is drawn
_FINE = 301  # points an axis of smooth drawing
_MARGIN = 0.1  # around regions, relative to their extent
_UNCONSTRAINED = 0.8  # share of the scan above which a region does not determine the window
_TRUTH: dict[str, Any] = {
    "marker": "*",
    "linestyle": "none",
    "color": "black",
    "markerfacecolor": "none",
    "markersize": 15,
    "zorder": 7,
}
_P_COLOURS = LinearSegmentedColormap.from_list("p-values", ["white", "#6FA8D6"])


def window(limits: Sequence[Limit], which: Which, parameter: int) -> Window:
    """Returns the range of a parameter in which the 95 % regions fill a figure.

    Regions that cover most of the scan, such as that of the rate alone, are cut off if there are
    smaller ones.

    Args:
        limits: The limits to show.
        which: With the rate (full) or without.
        parameter: Number of the parameter.
    """
    axis = limits[0].axes[parameter]
    level = threshold(P_95, min(len(limits[0].axes), 2))
    boxes = [
        bounding_box(profile(limit.on_grid(which), limit.axes, [parameter]), [axis], level)[0]
        for limit in limits
    ]
    small = [box for box in boxes if box[1] - box[0] < _UNCONSTRAINED * np.ptp(axis)]
    if not small:
        return float(axis[0]), float(axis[-1])
    true = float(limits[0].theta_true[parameter])
    low = float(np.nanmin([true, *(box[0] for box in small)]))
    high = float(np.nanmax([true, *(box[1] for box in small)]))
    margin = _MARGIN * (high - low)
    return max(low - margin, float(axis[0])), min(high + margin, float(axis[-1]))


def curves(
    axes: Axes, limits: Sequence[Limit], which: Which, parameter: int, x_window: Window
) -> None:
    """Draws q of each method against one parameter, up to a little above the 95 % line.

    Args:
        axes: Where to draw.
        limits: What to draw.
        which: With the rate (full) or without.
        parameter: Number of the parameter.
        x_window: Range of the parameter.
    """
    x = np.linspace(*x_window, _FINE)
    for limit in limits:
        axes.plot(x, _projection(limit, which, (parameter,), (x,)), **_line(limit))
        best = limit.minimum(which).theta[parameter]
        if _marks_best_fit(limit, which) and x_window[0] <= best <= x_window[1]:
            axes.plot([best], [0.0], **_marker(limit))
    levels = {name: threshold(p_value, 1) for p_value, (name, _) in _LEVELS.items()}
    axes.set(xlim=x_window, ylim=(-0.3, 1.8 * max(levels.values())))
    axes.plot(limits[0].theta_true[parameter], 0.0, **_TRUTH)
    _mark_line(axes, limits[0], parameter)
    _mark_levels(axes, levels)


def p_curves(
    axes: Axes, limits: Sequence[Limit], which: Which, parameter: int, x_window: Window
) -> None:
    """Draws the p-value of each method against one parameter.

    Args:
        axes: Where to draw.
        limits: What to draw.
        which: With the rate (full) or without.
        parameter: Number of the parameter.
        x_window: Range of the parameter.
    """
    x = np.linspace(*x_window, _FINE)
    for limit in limits:
        p = p_values(_projection(limit, which, (parameter,), (x,)), 1)
        axes.semilogy(x, np.maximum(p, 0.1 * _SMALLEST_P), **_line(limit))
    axes.set(xlim=x_window, ylim=(_SMALLEST_P, 1.3))
    _mark_line(axes, limits[0], parameter)
    _mark_levels(axes, {name: p_value for p_value, (name, _) in _LEVELS.items()})


def contours(
    axes: Axes,
    limits: Sequence[Limit],
    which: Which,
    plane: Plane,
    plane_window: tuple[Window, Window],
) -> None:
    """Draws the 68 and 95 % regions of each method and its best fit in two parameters.

    Args:
        axes: Where to draw.
        limits: What to draw.
        which: With the rate (full) or without.
        plane: Numbers of the parameters on the horizontal and the vertical axis.
        plane_window: Ranges of both.
    """
    x, y = (np.linspace(*side, _FINE) for side in plane_window)
    for limit in limits:
        q = _projection(limit, which, plane, (x, y))
        for p_value, (_, line_style) in _LEVELS.items():
            level = threshold(p_value, 2)
            if q.min() < level < q.max():
                _contour(axes, limit, (x, y, q), level, line_style)
        if _marks_best_fit(limit, which):
            best = limit.minimum(which).theta[list(plane)]
            axes.plot(best[:1], best[1:], **_marker(limit))
    true = limits[0].theta_true[list(plane)]
    axes.plot(true[:1], true[1:], **_TRUTH)
    axes.set(xlim=plane_window[0], ylim=plane_window[1])


def p_map(
    axes: Axes, limit: Limit, which: Which, plane: Plane, plane_window: tuple[Window, Window]
) -> None:
    """Draws the p-value of two parameters as colours.

    Args:
        axes: Where to draw.
        limit: What to draw.
        which: With the rate (full) or without.
        plane: Numbers of the parameters on the horizontal and the vertical axis.
        plane_window: Ranges of both.
    """
    x, y = (np.linspace(*side, _FINE) for side in plane_window)
    centres = (0.5 * (x[1:] + x[:-1]), 0.5 * (y[1:] + y[:-1]))
    p = p_values(_projection(limit, which, plane, centres), 2)
    axes.pcolormesh(
        x,
        y,
        np.maximum(p.T, _SMALLEST_P),  # the vertical axis comes first
        norm=LogNorm(_SMALLEST_P, 1.0),
        cmap=_P_COLOURS,
        rasterized=True,
    )


def p_colours() -> ScalarMappable:
    """Returns the colours of p-values, for a colour bar."""
    return ScalarMappable(LogNorm(_SMALLEST_P, 1.0), _P_COLOURS)


def handles(limits: Sequence[Limit], which: Which, *, best_fit: bool = True) -> list[Line2D]:
    """Returns the entries of a legend: the methods and, in a plane, what lines and markers mean.

    Args:
        limits: The limits shown.
        which: With the rate (full) or without.
        best_fit: Whether best fits and the true point are marked.
    """
    entries = []
    for limit in limits:
        marked = best_fit and _marks_best_fit(limit, which)
        options = _line(limit) | (_marker(limit) if marked else {})
        options |= {"linestyle": "solid", "label": style.method_label(limit.name)}
        entries.append(Line2D([], [], **options))
    if best_fit:
        entries += meanings(limits[0])
    return entries


def meanings(limit: Limit) -> list[Line2D]:
    """Returns the entries of a legend that say what line styles and markers mean.

    Args:
        limit: One of the limits shown.
    """
    entries = [Line2D([], [], color="0.35", marker="o", linestyle="none", label="best fit")]
    if not np.isnan(limit.theta_true).any():
        entries.append(Line2D([], [], **_TRUTH, label="truth"))
    if len(limit.parameters) > 1:
        for name, line_style in _LEVELS.values():
            entries.append(Line2D([], [], color="0.35", linestyle=line_style, label=name))
    return entries


def _projection(limit: Limit, which: Which, keep: Sequence[int], finer: Sequence[Floats]) -> Floats:
    """Returns q with all but some parameters profiled, interpolated to finer axes."""
    q = profile(limit.on_grid(which), limit.axes, keep)
    return np.maximum(refine(q, [limit.axes[number] for number in keep], finer), 0.0)


def _contour(
    axes: Axes, limit: Limit, mesh: tuple[Floats, Floats, Floats], level: float, line_style: Any
) -> None:
    """Draws one contour of q; Matplotlib wants the vertical axis first."""
    x, y, q = mesh
    look = _line(limit)
    axes.contour(
        x,
        y,
        q.T,
        levels=[level],
        colors=[look["color"]],
        linestyles=[line_style],
        linewidths=look["linewidth"],
        zorder=3,
    )


def _mark_line(axes: Axes, limit: Limit, parameter: int) -> None:
    """Marks the true value of a parameter, which observed data do not have."""
    true = float(limit.theta_true[parameter])
    if not np.isnan(true):
        axes.axvline(true, color="0.75", linewidth=0.9, zorder=0)


def _mark_levels(axes: Axes, levels: dict[str, float]) -> None:
    """Draws a line with its name where each region ends."""
    for name, value in levels.items():
        axes.axhline(value, color="0.45", linewidth=0.9, linestyle=":", zorder=0)
        axes.annotate(
            name,
            (1.0, value),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 3),
            textcoords="offset points",
            horizontalalignment="right",
            fontsize="small",
            color="0.35",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
        )


def _marks_best_fit(limit: Limit, which: Which) -> bool:
    """Tells whether a best fit is marked: that of exact expected data is the true point."""
    if limit.name == "exact" and not np.isnan(limit.theta_true).any():
        return False
    return not np.isnan(limit.minimum(which).theta).any()


def _line(limit: Limit) -> dict[str, Any]:
    """Returns how the lines of a method look."""
    width = 2.2 if limit.name == "exact" else 1.7
    return {"color": style.colour(limit.name), "linewidth": width}


def _marker(limit: Limit) -> dict[str, Any]:
    """Returns how the best fit of a method looks."""
    return {
        "marker": style.marker(limit.name),
        "color": style.colour(limit.name),
        "markeredgecolor": "white",
        "markeredgewidth": 0.7,
        "linestyle": "none",
        "zorder": 6,
    }
