"""Functions known on a grid of parameter points, between the points: values and minima.

All interpolation is by tensor products of cubic splines with not-a-knot ends (parabola and line
on axes of three and two points), hence exact for polynomials up to degree three in each parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.statistics import grid

if TYPE_CHECKING:
    from scipy.interpolate import NdBSpline

__all__ = ["Minimum", "fill_gaps", "minimum", "minimum_along", "refine"]

Floats = NDArray[np.float64]
Index = tuple[int, ...]

_STARTS = 5  # local minima of the grid from which a minimum is sought


@dataclass(frozen=True)
class Minimum:
    """The minimum of a function over a region.

    Attributes:
        value: The smallest value.
        theta: Where it is, (parameter,); NaN for a constant function, which has no such point.
        at_border: Whether it lies on the border of the region, so that a deeper one may be outside.
    """

    value: float
    theta: Floats
    at_border: bool


def minimum(values: ArrayLike, axes: Sequence[ArrayLike]) -> Minimum:
    """Finds the minimum of a function between the points of a grid.

    The spline through the values is minimised from the lowest local minima of the grid. It is
    trusted as far as the curvature at the grid minimum allows (see `_deepest`): next to a cliff a
    spline swings below any value that the function has.

    Args:
        values: The function on the grid, one axis a parameter; values that are not finite are
            points without a value.
        axes: The grid values of each parameter.

    Returns:
        The minimum, never above the smallest value on the grid.

    Raises:
        ValueError: The shapes disagree or no value is finite.
    """
    grid_axes = [np.asarray(axis, float) for axis in axes]
    filled = fill_gaps(values, grid_axes)
    lowest = _index(filled, int(filled.argmin()))
    if np.ptp(filled) == 0.0:
        return Minimum(float(filled[lowest]), np.full(len(axes), np.nan), at_border=False)
    best_value, best_theta = float(filled[lowest]), _at(grid_axes, lowest)
    deepest = _deepest(filled, lowest)
    for value, theta in _descents(filled, grid_axes):
        if deepest <= value < best_value:
            best_value, best_theta = value, theta
    return Minimum(best_value, best_theta, _at_border(best_theta, grid_axes))


def minimum_along(values: ArrayLike, axis_values: ArrayLike, axis: int) -> Floats:
    """Minimises over one parameter, between the grid points too.

    Args:
        values: The function on the grid, one axis a parameter.
        axis_values: The grid values of the parameter.
        axis: The axis of the parameter among those of `values`.

    Returns:
        The function of the other parameters, with one axis less.
    """
    x = np.asarray(axis_values, float)
    values = np.moveaxis(np.asarray(values, float), axis, 0)
    on_grid = np.asarray(values.min(axis=0))
    if len(x) < 3:
        return on_grid
    curvatures = np.maximum(np.diff(values, 2, axis=0), 0.0)
    centre = np.clip(values.argmin(axis=0) - 1, 0, len(x) - 3)
    deepest = on_grid - np.take_along_axis(curvatures, centre[None], axis=0)[0] / 2.0
    return np.asarray(np.clip(_lowest_stationary(x, values), deepest, on_grid))


def refine(values: ArrayLike, axes: Sequence[ArrayLike], finer: Sequence[ArrayLike]) -> Floats:
    """Interpolates a function to a finer grid.

    Args:
        values: The function on the grid, one axis a parameter; a point whose value is not finite
            takes that of the nearest point that has one.
        axes: The grid values of each parameter.
        finer: The values of each parameter at which the function is wanted, inside the axes.

    Returns:
        The function on the finer grid, one axis a parameter.

    Raises:
        ValueError: The shapes disagree or no value is finite.
    """
    from scipy.interpolate import CubicSpline

    result = fill_gaps(values, axes)
    for number, (axis, new) in enumerate(zip(axes, finer, strict=True)):
        spline = CubicSpline(np.asarray(axis, float), result, axis=number)
        result = np.asarray(spline(np.asarray(new, float)))
    return result


def fill_gaps(values: ArrayLike, axes: Sequence[ArrayLike]) -> Floats:
    """Returns a function on a grid with its gaps filled by the nearest values.

    Args:
        values: The function on the grid, one axis a parameter; values that are not finite are gaps.
        axes: The grid values of each parameter.

    Raises:
        ValueError: The shapes disagree or no value is finite.
    """
    values = np.asarray(values, float)
    if values.shape != grid.shape(axes):
        raise ValueError(f"values of shape {values.shape} on a grid of shape {grid.shape(axes)}")
    missing = ~np.isfinite(values)
    if missing.all():
        raise ValueError("no value on the grid is a finite number")
    if not missing.any():
        return values
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
    return np.asarray(values[tuple(nearest)])


def _lowest_stationary(x: Floats, values: Floats) -> Floats:
    """Returns the lowest minimum of splines along the first axis of values, infinity if none."""
    from scipy.interpolate import CubicSpline

    c0, c1, c2, c3 = CubicSpline(x, values, axis=0).c  # each (interval, ...), highest power first
    widths = np.diff(x).reshape(-1, *[1] * (values.ndim - 1))
    with np.errstate(all="ignore"):
        # of both roots of the derivative the one with positive curvature, finite if c0 = 0
        step = -c2 / (c1 + np.sqrt(c1**2 - 3.0 * c0 * c2))
        inside = (step > 0.0) & (step < widths)
        lowest = np.where(inside, ((c0 * step + c1) * step + c2) * step + c3, np.inf)
    return np.asarray(lowest.min(axis=0))


def _descents(values: Floats, axes: Sequence[Floats]) -> list[tuple[float, Floats]]:
    """Returns the minima of the spline below the lowest local minima of the grid."""
    from scipy.ndimage import minimum_filter
    from scipy.optimize import minimize

    spline = _spline(values, axes)
    spacing = np.array([np.ptp(axis) / (len(axis) - 1) for axis in axes])
    scale = float(np.ptp(values))
    bounds = [(axis[0] / h, axis[-1] / h) for axis, h in zip(axes, spacing, strict=True)]
    unit = np.eye(len(axes), dtype=int)

    def function(steps: Floats) -> tuple[float, Floats]:
        theta = steps * spacing
        gradient = np.array([float(spline(theta, nu=order).item()) for order in unit])
        return float(spline(theta).item()) / scale, gradient * spacing / scale

    local = np.flatnonzero((values == minimum_filter(values, size=3, mode="nearest")).ravel())
    starts = local[np.argsort(values.ravel()[local], kind="stable")][:_STARTS]
    descents: list[tuple[float, Floats]] = []
    for start in starts:
        x0 = _at(axes, _index(values, int(start))) / spacing
        options = {"ftol": 1e-15, "gtol": 1e-12}
        found = minimize(function, x0, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        descents.append((float(found.fun) * scale, found.x * spacing))
    return descents


def _spline(values: Floats, axes: Sequence[Floats]) -> NdBSpline:
    """Returns the tensor product of splines through the values."""
    from scipy.interpolate import NdBSpline, make_interp_spline

    degrees = tuple(min(3, len(axis) - 1) for axis in axes)
    knots, coefficients = [], values
    for number, (axis, degree) in enumerate(zip(axes, degrees, strict=True)):
        spline = make_interp_spline(axis, coefficients, k=degree, axis=number)
        knots.append(spline.t)
        coefficients = np.moveaxis(spline.c, 0, number)
    return NdBSpline(tuple(knots), np.ascontiguousarray(coefficients), degrees)


def _deepest(values: Floats, lowest: Index) -> float:
    """Returns how low the function can be between the points of the grid.

    A paraboloid with the second differences d_i on the grid lies at most (sum_i sqrt(d_i))^2 / 8
    below its lowest grid point: its minimum is at most half a step per axis from the nearest one.
    Four times as much is allowed, since the curvature changes from point to point.
    """
    roots = 0.0
    for axis, index in enumerate(lowest):
        line = np.moveaxis(values, axis, -1)[lowest[:axis] + lowest[axis + 1 :]]
        if len(line) > 2:
            centre = int(np.clip(index, 1, len(line) - 2))
            roots += np.sqrt(max(line[centre - 1] - 2.0 * line[centre] + line[centre + 1], 0.0))
    return float(values[lowest]) - roots**2 / 2.0


def _index(values: Floats, position: int) -> Index:
    """Returns the grid index of a position in the flat array."""
    return tuple(int(i) for i in np.unravel_index(position, values.shape))


def _at(axes: Sequence[Floats], index: Index) -> Floats:
    """Returns the parameter point of a grid index."""
    return np.array([axis[i] for axis, i in zip(axes, index, strict=True)])


def _at_border(theta: Floats, axes: Sequence[Floats]) -> bool:
    """Tells whether a point lies on the border, up to a thousandth of a step."""
    return any(
        min(value - axis[0], axis[-1] - value) < 1e-3 * np.ptp(axis) / (len(axis) - 1)
        for value, axis in zip(theta, axes, strict=True)
    )
