"""Minima of many functions on the same grid at once, between its points too.

They are those of `interpolation.minimum`, for the test statistics of thousands of toys. A spline is
linear in the values it goes through: all functions share the splines through unit vectors, and
values and derivatives at one point for each function are products of small matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.statistics import grid

if TYPE_CHECKING:
    from scipy.interpolate import CubicSpline

__all__ = ["minima"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_STARTS = 5  # local minima of the grid from which the minimum of a function is sought
_ITERATIONS = 30
_TOLERANCE = 1e-4  # expected gain of a step that is not worth it
_LONGEST_STEP = 2.0  # in steps of the grid
_LEAST_DAMPING = 1e-5  # in units of the largest curvature, well above rounding errors


def minima(values: ArrayLike, axes: Sequence[ArrayLike]) -> Floats:
    """Finds the minimum of each of many functions between the points of a grid.

    Args:
        values: The functions on the grid, (function, theta); a point where any of them is not
            finite takes the values of the nearest point where all are.
        axes: The grid values of each parameter.

    Returns:
        The minima, never above the smallest values on the grid, (function,).

    Raises:
        ValueError: No point has finite values of all functions.
    """
    shape = grid.shape(axes)
    tensors = _filled(np.asarray(values, float).reshape(-1, *shape))
    splines = [_unit_splines(np.asarray(axis, float)) for axis in axes]
    lowest = tensors.reshape(len(tensors), -1).min(axis=1)
    function, start = _starts(tensors)
    found = _descend(tensors[function], splines, start)
    found[found < _deepest(tensors)[function]] = np.inf
    np.minimum.at(lowest, function, found)
    return np.asarray(lowest)


def _filled(tensors: Floats) -> Floats:
    """Returns the functions with gaps filled by the values at the nearest point without one."""
    missing = ~np.isfinite(tensors).all(axis=0)
    if missing.all():
        raise ValueError("no point of the grid has finite values of all functions")
    if not missing.any():
        return tensors
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
    return np.asarray(tensors[(slice(None), *nearest)])


def _unit_splines(axis: Floats) -> CubicSpline:
    """Returns splines through unit vectors as functions of the number of steps from the start."""
    from scipy.interpolate import CubicSpline

    steps = (axis - axis[0]) / np.ptp(axis) * (len(axis) - 1)
    return CubicSpline(steps, np.eye(len(axis)))


def _starts(tensors: Floats) -> tuple[Integers, Floats]:
    """Returns the lowest local minima on the grid: which function, and where, in steps."""
    from scipy.ndimage import minimum_filter

    size = (1, *(3,) * (tensors.ndim - 1))
    local = tensors == minimum_filter(tensors, size=size, mode="nearest")
    candidates = np.where(local, tensors, np.inf).reshape(len(tensors), -1)
    n = min(_STARTS, candidates.shape[1])
    positions = np.argpartition(candidates, n - 1, axis=1)[:, :n]
    there = np.isfinite(np.take_along_axis(candidates, positions, axis=1))
    where = np.unravel_index(positions[there], tensors.shape[1:])
    return np.nonzero(there)[0], np.stack(where, axis=1).astype(float)


def _descend(tensors: Floats, splines: Sequence[CubicSpline], start: Floats) -> Floats:
    """Returns the minima to which Newton's method leads, one start a function, (function,).

    A step that does not lead down is damped (Levenberg, 1944) and tried again.
    """
    last = np.array([spline.x[-1] for spline in splines])
    theta, damping = start.copy(), np.full(len(start), 100.0 * _LEAST_DAMPING)
    here = _derivatives(tensors, splines, theta)
    for _ in range(_ITERATIONS):
        step, gain = _newton_step(here, theta, last, damping)
        moving = np.flatnonzero(gain > _TOLERANCE)
        if not len(moving):
            break
        trial = np.clip(theta[moving] + step[moving], 0.0, last)
        there = _derivatives(tensors[moving], splines, trial)
        better = there[:, 0] < here[moving, 0]
        damping[moving] *= np.where(better, 0.1, 10.0)
        damping = np.maximum(damping, _LEAST_DAMPING)
        here[moving[better]], theta[moving[better]] = there[better], trial[better]
    return here[:, 0]


def _derivatives(tensors: Floats, splines: Sequence[CubicSpline], theta: Floats) -> Floats:
    """Returns all derivatives up to the second by each parameter, (function, 3^parameters).

    The orders are the digits of the column in base three, that of the first parameter first.
    """
    result = tensors
    for spline, steps in zip(splines, theta.T, strict=True):
        orders = np.stack([spline(steps, nu) for nu in range(3)], axis=1)
        result = orders @ result.reshape(len(tensors), orders.shape[2], -1)
        result = result.swapaxes(1, 2)
    return result.reshape(len(tensors), -1)


def _newton_step(
    derivatives: Floats, theta: Floats, last: Floats, damping: Floats
) -> tuple[Floats, Floats]:
    """Returns the steps, (function, parameter), and what the slopes promise for them, (function,).

    Parameters at a border behind which the function falls stay there.
    """
    column = 3 ** np.arange(len(last))[::-1]
    gradient, hessian = derivatives[:, column], derivatives[:, column[:, None] + column]
    free = ~np.where(gradient > 0.0, theta <= 0.0, theta >= last)
    gradient, hessian = gradient * free, hessian * (free[:, :, None] & free[:, None, :])
    curvatures = np.linalg.eigvalsh(hessian)
    scale = np.abs(np.hstack([curvatures, gradient])).max(axis=1)
    shift = np.maximum(-curvatures[:, 0], 0.0) + damping * scale
    hessian += (shift + np.finfo(float).tiny)[:, None, None] * np.eye(len(last))
    full = np.linalg.solve(hessian, -gradient[:, :, None])[:, :, 0]
    step = full / np.maximum(np.abs(full).max(axis=1, keepdims=True) / _LONGEST_STEP, 1.0)
    return step, -(gradient * step).sum(axis=1)


def _deepest(tensors: Floats) -> Floats:
    """Returns how low each function can be between the points of the grid, (function,).

    As in `interpolation.minimum`, next to a cliff a spline swings below any value of the function.
    """
    flat = tensors.reshape(len(tensors), -1).argmin(axis=1)
    lowest = np.unravel_index(flat, tensors.shape[1:])
    functions, roots = np.arange(len(tensors)), np.zeros(len(tensors))
    for axis in range(len(lowest)):
        if tensors.shape[1 + axis] > 2:
            centre = np.clip(lowest[axis], 1, tensors.shape[1 + axis] - 2)
            below, here, above = (
                tensors[(functions, *lowest[:axis], centre + shift, *lowest[axis + 1 :])]
                for shift in (-1, 0, 1)
            )
            roots += np.sqrt(np.maximum(below - 2.0 * here + above, 0.0))
    return np.asarray(tensors[(functions, *lowest)] - roots**2 / 2.0)
