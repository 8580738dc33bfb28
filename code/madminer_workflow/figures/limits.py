"""Figures of limits: all methods together, one panel a method, p-values, an overview."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from madminer_workflow.figures import looks, panels, style
from madminer_workflow.statistics.limits import Limit, Which

__all__ = ["limits", "overview", "p_values", "separate"]

Units = Mapping[str, str] | None


@style.styled
def limits(
    limits: Sequence[Limit],
    which: Which,
    exact: Limit | None = None,
    units: Units = None,
    background: str | None = None,
) -> Figure:
    """Draws the limits of all methods in one figure.

    One parameter: q against it. Two: borders of the 68 and 95 % regions. More: every pair and,
    on the diagonal, every single one, with the rest profiled.

    Args:
        limits: The limits, on one grid; those that exclude nothing are left out.
        which: With the rate (full) or without.
        exact: The limit of the exact likelihood, if it is known.
        units: Unit of each parameter by name, for the axes.
        background: Method whose p-values colour the planes of two parameters.

    Raises:
        ValueError: No limit excludes anything.
    """
    shown = _shown(limits, which, exact)
    n = len(shown[0].parameters)
    coloured = next((limit for limit in shown if n > 1 and limit.name == background), None)
    if n > 2:
        return _corner(shown, which, units, coloured)
    figure, (axes,) = style.panels(1, 1, (7.8, 5.0))
    _draw_all(axes, shown, which, units, coloured)
    _colour_bar(figure, [axes], 0, coloured, pad=0.02)
    figure.legend(handles=_entries(shown, which), loc="outside right upper")
    return figure


@style.styled
def overview(limits: Sequence[Limit], exact: Limit | None = None, units: Units = None) -> Figure:
    """Draws limits of one or two parameters, without and with the rate side by side.

    Args:
        limits: The limits, on one grid.
        exact: The limit of the exact likelihood, if it is known.
        units: Unit of each parameter by name, for the axes.

    Raises:
        ValueError: There are more than two parameters, or no limit excludes anything.
    """
    if len(limits[0].parameters) > 2:
        raise ValueError("an overview shows one or two parameters")
    figure, all_axes = style.panels(2, 2, (5.4, 4.6))
    whiches: tuple[Which, Which] = ("kinematics", "full")
    for axes, which in zip(all_axes, whiches, strict=True):
        _draw_all(axes, _shown(limits, which, exact), which, units)
    entries = _entries(_shown(limits, "full", exact), "full")
    figure.legend(handles=entries, loc="outside right upper")
    return figure


@style.styled
def separate(
    limits: Sequence[Limit], which: Which, exact: Limit | None = None, units: Units = None
) -> Figure:
    """Draws the p-values and regions of each method in a panel of its own.

    Args:
        limits: The limits, on one grid; those that exclude nothing are left out.
        which: With the rate (full) or without.
        exact: The limit of the exact likelihood, drawn into each panel, if it is known.
        units: Unit of each parameter by name, for the axes.

    Raises:
        ValueError: No limit excludes anything.
    """
    shown = _shown(limits, which, None)
    reference = [] if exact is None else [exact]
    if len(shown[0].parameters) == 1:
        figure = _separate_curves(shown, reference, which, units)
    else:
        figure = _separate_maps(shown, reference, which, units)
    figure.suptitle(looks.title(shown[0], which), fontsize="medium")
    return figure


@style.styled
def p_values(
    limits: Sequence[Limit], which: Which, exact: Limit | None = None, units: Units = None
) -> Figure:
    """Draws the p-values of all methods against each parameter, the others profiled.

    Args:
        limits: The limits, on one grid; those that exclude nothing are left out.
        which: With the rate (full) or without.
        exact: The limit of the exact likelihood, if it is known.
        units: Unit of each parameter by name, for the axes.

    Raises:
        ValueError: No limit excludes anything.
    """
    shown = _shown(limits, which, exact)
    names = shown[0].parameters
    figure, all_axes = style.panels(len(names), 3, (7.4, 4.6) if len(names) == 1 else (4.4, 4.0))
    for number, axes in enumerate(all_axes):
        panels.p_curves(axes, shown, which, number, panels.window(shown, which, number))
        axes.set(xlabel=style.axis_label(names[number], units), ylabel=_p_label(len(names) - 1))
    figure.suptitle(looks.title(shown[0], which), fontsize="medium")
    entries = looks.handles(shown, which, marked=False)
    figure.legend(handles=entries, loc="outside right upper")
    return figure


def _draw_all(
    axes: Axes, shown: Sequence[Limit], which: Which, units: Units, coloured: Limit | None = None
) -> None:
    """Draws limits of one or two parameters into one panel."""
    names = shown[0].parameters
    windows = [panels.window(shown, which, number) for number in range(len(names))]
    axes.set_title(looks.title(shown[0], which))
    axes.set_xlabel(style.axis_label(names[0], units))
    if len(names) == 1:
        panels.curves(axes, shown, which, 0, windows[0])
        axes.set_ylabel("$q$")
    else:
        _draw_plane(axes, shown, which, (0, 1), windows, coloured)
        axes.set_ylabel(style.axis_label(names[1], units))


def _draw_plane(
    axes: Axes,
    shown: Sequence[Limit],
    which: Which,
    plane: panels.Plane,
    windows: Sequence[panels.Window],
    coloured: Limit | None,
    bands: panels.Bands = "total",
) -> None:
    """Draws the regions in a plane on top of the p-values of one method."""
    plane_window = (windows[plane[0]], windows[plane[1]])
    if coloured is not None:
        panels.p_map(axes, coloured, which, plane, plane_window)
    panels.contours(axes, shown, which, plane, plane_window, bands=bands)


def _corner(shown: Sequence[Limit], which: Which, units: Units, coloured: Limit | None) -> Figure:
    """Draws every pair of parameters and, on the diagonal, every single one."""
    names = shown[0].parameters
    n = len(names)
    windows = [panels.window(shown, which, number) for number in range(n)]
    figure = Figure(figsize=(3.2 * n, 2.9 * n), layout="constrained")
    for column, row in combinations_with_replacement(range(n), 2):
        axes = style.panel(figure, (n, n), row * n + column)
        if row == column:
            panels.curves(axes, shown, which, row, windows[row])
            axes.set_ylabel("$q$")
        else:
            _draw_plane(axes, shown, which, (column, row), windows, coloured)
            axes.set_ylabel(style.axis_label(names[row], units))
            axes.label_outer()
        axes.set_xlabel(style.axis_label(names[column], units) if row == n - 1 else "")
        axes.tick_params(labelbottom=row == n - 1)
    figure.suptitle(looks.title(shown[0], which))
    place: dict[str, Any] = {"location": "bottom", "aspect": 60, "pad": 0.01, "shrink": 0.6}
    _colour_bar(figure, figure.axes, n - 2, coloured, **place)
    entries = _entries(shown, which)
    figure.legend(handles=entries, loc="upper right", bbox_to_anchor=(0.97, 0.94))
    return figure


def _entries(shown: Sequence[Limit], which: Which) -> list[Line2D]:
    """Returns the entries of the legend of a figure of all methods."""
    return [*looks.handles(shown, which), *looks.band_handles(shown, which)]


def _colour_bar(
    figure: Figure, axes: Sequence[Axes], n_profiled: int, limit: Limit | None, **place: Any
) -> None:
    """Draws what the colours of p-values mean beside axes, if there are colours."""
    if limit is not None:
        label = _p_label(n_profiled, limit)
        figure.colorbar(panels.p_colours(), ax=axes, label=label, **place)


def _separate_curves(
    shown: Sequence[Limit], reference: Sequence[Limit], which: Which, units: Units
) -> Figure:
    """Draws the p-value of each method against the one parameter."""
    figure, all_axes = style.method_panels(len(shown))
    window = panels.window([*shown, *reference], which, 0)
    for axes, limit in zip(all_axes, shown, strict=True):
        panels.p_curves(axes, [*reference, limit], which, 0, window, "both")
        axes.set_title(style.method_label(limit.name))
        axes.set(xlabel=style.axis_label(limit.parameters[0], units), ylabel=_p_label(0))
    entries = looks.handles(reference, which, marked=False)
    style.legend_below(figure, [*entries, *looks.band_handles(shown, which, detailed=True)])
    return figure


def _separate_maps(
    shown: Sequence[Limit], reference: Sequence[Limit], which: Which, units: Units
) -> Figure:
    """Draws maps of the p-value: a panel a method or, for many parameters, a row a method."""
    n = len(shown[0].parameters)
    planes = list(combinations(range(n), 2))
    windows = [panels.window([*shown, *reference], which, number) for number in range(n)]
    columns = 3 if n == 2 else len(planes)
    figure, all_axes = style.method_panels(len(shown) * len(planes), columns)
    cells = [(limit, plane) for limit in shown for plane in planes]
    for axes, (limit, plane) in zip(all_axes, cells, strict=True):
        _draw_plane(axes, [*reference, limit], which, plane, windows, limit, "both")
        _label_map(axes, limit, plane, units)
    aspect = 20 * math.ceil(len(all_axes) / columns)
    figure.colorbar(panels.p_colours(), ax=all_axes, label=_p_label(n - 2), aspect=aspect, pad=0.01)
    entries = [*looks.handles(reference, which, marked=False), *looks.meanings(shown[0])]
    style.legend_below(figure, [*entries, *looks.band_handles(shown, which, detailed=True)])
    return figure


def _label_map(axes: Axes, limit: Limit, plane: panels.Plane, units: Units) -> None:
    """Writes the method above a map and the parameters to its axes."""
    axes.set_title(style.method_label(limit.name))
    axes.set_xlabel(style.axis_label(limit.parameters[plane[0]], units))
    axes.set_ylabel(style.axis_label(limit.parameters[plane[1]], units))


def _shown(limits: Sequence[Limit], which: Which, exact: Limit | None) -> list[Limit]:
    """Returns the limits that exclude something, the exact one last."""
    candidates = [*limits, *([] if exact is None else [exact])]
    shown = [limit for limit in candidates if np.nanmax(limit.on_grid(which)) > 0.0]
    if not shown:
        raise ValueError("no limit excludes anything, there is nothing to draw")
    return shown


def _p_label(n_profiled: int, limit: Limit | None = None) -> str:
    """Returns the label of an axis of p-values, of one method if it is given."""
    method = f" of {style.method_label(limit.name)}" if limit else ""
    return f"p-value{method}" + (" (profiled)" if n_profiled else "")
