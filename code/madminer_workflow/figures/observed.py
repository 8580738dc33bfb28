"""Figures of expected and observed limits together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from madminer_workflow.figures import looks, panels, style
from madminer_workflow.statistics.limits import Limit, Which

__all__ = ["observed"]

Pair = tuple[Limit, Limit]  # expected and observed


@style.styled
def observed(
    expected: Sequence[Limit],
    observed: Sequence[Limit],
    which: Which,
    exact_expected: Limit | None = None,
    exact_observed: Limit | None = None,
    units: Mapping[str, str] | None = None,
) -> Figure:
    """Draws what was expected and what is observed, each method in a panel of its own.

    One parameter: q, the expected one dashed. Two: regions, the expected ones filled, the borders
    of the observed ones drawn. More: the same in every plane, the rest profiled, a row a method.

    Args:
        expected: The limits of expected data.
        observed: The limits of observed data on the same grid; methods are matched by name, and
            those that exclude nothing are left out.
        which: With the rate (full) or without.
        exact_expected: The limit of the exact likelihood of the expected data, if it is known.
        exact_observed: The same of the observed data, drawn into each panel.
        units: Unit of each parameter by name, for the axes.

    Raises:
        ValueError: No method has both limits.
    """
    pairs = _pairs(expected, observed, which)
    exact = [] if exact_observed is None else [exact_observed]
    if exact_expected is not None and exact_observed is not None:
        pairs = [*pairs, (exact_expected, exact_observed)]
    names = pairs[0][0].parameters
    shown = [limit for pair in pairs for limit in pair]
    windows = [panels.window(shown, which, number) for number in range(len(names))]
    planes = list(combinations(range(len(names)), min(len(names), 2)))
    columns = 3 if len(planes) == 1 else len(planes)
    figure, all_axes = style.method_panels(len(pairs) * len(planes), columns)
    cells = [(pair, plane) for pair in pairs for plane in planes]
    for axes, (pair, plane) in zip(all_axes, cells, strict=True):
        _draw(axes, pair, exact, which, plane, windows)
        axes.set_title(style.method_label(pair[0].name))
        axes.set_xlabel(style.axis_label(names[plane[0]], units))
        axes.set_ylabel("$q$" if len(plane) == 1 else style.axis_label(names[plane[1]], units))
    figure.suptitle(looks.title(pairs[0][0], which, "Expected and observed"), fontsize="medium")
    entries = [Line2D([], [], **looks.line(limit), label="exact, observed") for limit in exact]
    style.legend_below(figure, [*entries, *looks.observed_handles(pairs[0][0])])
    return figure


def _draw(
    axes: Axes,
    pair: Pair,
    exact: Sequence[Limit],
    which: Which,
    plane: tuple[int, ...],
    windows: Sequence[panels.Window],
) -> None:
    """Draws both limits of one method, and the exact one, into one panel."""
    expected, observed = pair
    limits = [*(limit for limit in exact if limit is not observed), observed]
    if len(plane) == 1:
        panels.curves(axes, limits, which, plane[0], windows[0], expected, "none")
    else:
        x, y = plane
        plane_window = (windows[x], windows[y])
        panels.contours(axes, limits, which, (x, y), plane_window, expected, "none")


def _pairs(expected: Sequence[Limit], observed: Sequence[Limit], which: Which) -> list[Pair]:
    """Returns both limits of the methods that have both and exclude something."""
    by_name = {limit.name: limit for limit in observed}
    pairs = [(limit, by_name[limit.name]) for limit in expected if limit.name in by_name]
    shown = [pair for pair in pairs if all(np.nanmax(q.on_grid(which)) > 0.0 for q in pair)]
    if not shown:
        raise ValueError("no method has both limits, there is nothing to draw")
    return shown
