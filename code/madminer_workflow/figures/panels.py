"""What figures of limits are composed of: curves, contours and maps of q on given axes.

Parameters that are not on the axes are profiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgba
from numpy.typing import NDArray

from madminer_workflow.figures import looks
from madminer_workflow.figures.projections import projection, pull, uncertainty
from madminer_workflow.statistics.limits import Limit, Which
from madminer_workflow.statistics.profile import profile
from madminer_workflow.statistics.regions import bounding_box
from madminer_workflow.statistics.teststatistic import P_95, p_values, threshold

__all__ = [
    "Bands",
    "Plane",
    "Window",
    "contours",
    "curves",
    "p_colours",
    "p_curves",
    "p_map",
    "window",
]

Floats = NDArray[np.float64]
Mesh = tuple[Floats, Floats, Floats]  # both axes and a function of both
Window = tuple[float, float]
Plane = tuple[int, int]
Bands = Literal["none", "total", "both"]
"""Which uncertainties are drawn: none, the total, or the total and the Monte Carlo error alone."""

_SMALLEST_P = 1e-3  # that is drawn
_FINE = 301  # points an axis of smooth drawing
_MARGIN = 0.1  # around regions, relative to their extent
_UNCONSTRAINED = 0.8  # share of the scan above which a region does not determine the window
_WITH_MEMBERS: dict[Bands, tuple[bool, ...]] = {"none": (), "total": (True,), "both": (True, False)}
_P_COLOURS = LinearSegmentedColormap.from_list("p-values", ["white", "#C4C4C4"])


def window(limits: Sequence[Limit], which: Which, parameter: int) -> Window:
    """Returns the range of a parameter in which the 95 % regions fill a figure.

    Regions that cover most of the scan, such as that of the rate alone, are cut off if there are
    smaller ones. A range that would be most of the scan is all of it.

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
    low, high = max(low - margin, float(axis[0])), min(high + margin, float(axis[-1]))
    is_most = high - low > _UNCONSTRAINED * np.ptp(axis)
    return (float(axis[0]), float(axis[-1])) if is_most else (low, high)


def curves(
    axes: Axes,
    limits: Sequence[Limit],
    which: Which,
    parameter: int,
    x_window: Window,
    expected: Limit | None = None,
    bands: Bands = "total",
) -> None:
    """Draws q of each method against one parameter, up to a little above the 95 % line.

    Args:
        axes: Where to draw.
        limits: What to draw.
        which: With the rate (full) or without.
        parameter: Number of the parameter.
        x_window: Range of the parameter.
        expected: A limit to draw as a dashed line, whose true point is marked instead.
        bands: Which uncertainties to draw.
    """
    x = np.linspace(*x_window, _FINE)
    if expected is not None:
        q = projection(expected, which, (parameter,), (x,))
        axes.plot(x, q, **looks.line(expected) | {"linestyle": "dashed"})
    for limit in limits:
        q = projection(limit, which, (parameter,), (x,))
        for members in _WITH_MEMBERS[bands]:
            std = uncertainty(limit, which, (parameter,), (x,), members=members)
            if std is not None:
                low, look = np.maximum(q - std, 0.0), looks.band(limit, members=members)
                axes.fill_between(x, low, q + std, **look)
        axes.plot(x, q, **looks.line(limit))
        best, marker = limit.minimum(which).theta[parameter], looks.best_fit(limit, which)
        if marker and x_window[0] <= best <= x_window[1]:
            axes.plot([best], [0.0], **marker)
    levels = {name: threshold(p_value, 1) for p_value, (name, _) in looks.LEVELS.items()}
    axes.set(xlim=x_window, ylim=(-0.3, 1.8 * max(levels.values())))
    axes.plot((expected or limits[0]).theta_true[parameter], 0.0, **looks.TRUTH)
    _mark_line(axes, expected or limits[0], parameter)
    _mark_levels(axes, levels)


def p_curves(
    axes: Axes,
    limits: Sequence[Limit],
    which: Which,
    parameter: int,
    x_window: Window,
    bands: Bands = "none",
) -> None:
    """Draws the p-value of each method against one parameter.

    Args:
        axes: Where to draw.
        limits: What to draw.
        which: With the rate (full) or without.
        parameter: Number of the parameter.
        x_window: Range of the parameter.
        bands: Which uncertainties to draw.
    """
    x = np.linspace(*x_window, _FINE)
    for limit in limits:
        q = projection(limit, which, (parameter,), (x,))
        for members in _WITH_MEMBERS[bands]:
            std = uncertainty(limit, which, (parameter,), (x,), members=members)
            if std is not None:
                ends = (_drawn_p(q + std), _drawn_p(np.maximum(q - std, 0.0)))
                axes.fill_between(x, *ends, **looks.band(limit, members=members))
        axes.semilogy(x, _drawn_p(q), **looks.line(limit))
    axes.set(xlim=x_window, ylim=(_SMALLEST_P, 1.3))
    _mark_line(axes, limits[0], parameter)
    _mark_levels(axes, {name: p_value for p_value, (name, _) in looks.LEVELS.items()})


def contours(
    axes: Axes,
    limits: Sequence[Limit],
    which: Which,
    plane: Plane,
    plane_window: tuple[Window, Window],
    expected: Limit | None = None,
    bands: Bands = "total",
) -> None:
    """Draws the 68 and 95 % regions of each method and its best fit in two parameters.

    A band shows how far a border moves if q changes by one standard deviation.

    Args:
        axes: Where to draw.
        limits: What to draw.
        which: With the rate (full) or without.
        plane: Numbers of the parameters on the horizontal and the vertical axis.
        plane_window: Ranges of both.
        expected: A limit whose regions to fill, and whose true point is marked instead.
        bands: Which uncertainties to draw, the total alone only around the 95 % regions.
    """
    x, y = (np.linspace(*side, _FINE) for side in plane_window)
    if expected is not None:
        _regions(axes, expected, (x, y, projection(expected, which, plane, (x, y))))
    for limit in limits:
        q = projection(limit, which, plane, (x, y))
        for members in _WITH_MEMBERS[bands]:
            std = uncertainty(limit, which, plane, (x, y), members=members)
            for p_value in looks.LEVELS if bands == "both" else (P_95,):
                if std is not None:
                    distance = pull(q, std, threshold(p_value, 2))
                    _band(axes, limit, (x, y, distance), members=members)
        _borders(axes, limit, (x, y, q))
        marker = looks.best_fit(limit, which)
        if marker:
            axes.plot(*limit.minimum(which).theta[list(plane)], **marker)
    axes.plot(*(expected or limits[0]).theta_true[list(plane)], **looks.TRUTH)
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
    p = p_values(projection(limit, which, plane, centres), 2)
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


def _regions(axes: Axes, limit: Limit, mesh: Mesh) -> None:
    """Fills the regions of a limit; Matplotlib wants the vertical axis first."""
    x, y, q = mesh
    levels = [threshold(p_value, 2) for p_value in looks.REGIONS]
    colour = looks.line(limit)["color"]
    colours = [to_rgba(colour, opacity) for opacity in looks.REGIONS.values()]
    axes.contourf(x, y, q.T, levels=[-1.0, *levels], colors=colours)


def _borders(axes: Axes, limit: Limit, mesh: Mesh) -> None:
    """Draws the borders of the regions of a limit."""
    x, y, q = mesh
    look = looks.line(limit)
    for p_value, (_, line_style) in looks.LEVELS.items():
        level = threshold(p_value, 2)
        if q.min() < level < q.max():
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


def _band(axes: Axes, limit: Limit, mesh: Mesh, *, members: bool) -> None:
    """Fills where a distance in standard deviations is at most one."""
    x, y, distance = mesh
    if distance.min() < 1.0 and distance.max() > -1.0:
        look = looks.band(limit, members=members)
        colours = [look.pop("color")]
        axes.contourf(x, y, distance.T, levels=[-1.0, 1.0], colors=colours, **look)


def _drawn_p(q: Floats) -> Floats:
    """Returns p-values of one parameter, positive so that a logarithmic axis can show them."""
    return np.maximum(p_values(q, 1), 0.1 * _SMALLEST_P)


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
