"""Regions of parameter space that are not excluded: size, intervals, overlap.

A region holds the points whose test statistic is below a threshold; its border is found between
the grid points by interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.statistics import grid, teststatistic
from madminer_workflow.statistics.interpolation import refine

__all__ = [
    "Region",
    "bounding_box",
    "intervals",
    "iou",
    "region",
    "size",
    "size_error",
    "touches_border",
]

Floats = NDArray[np.float64]
Interval = tuple[float, float]

_CELLS = 400_000  # cells into which a region is divided
_CELLS_OF_REPLICA = 40_000  # cells of the whole scan, where differences are all that counts


@dataclass(frozen=True)
class Region:
    """A region of parameters that is not excluded.

    Attributes:
        p_value: The p-value at its border.
        threshold: The test statistic at its border.
        size: Its length, area or volume for one, two or more parameters.
        share: Its share of the scanned region.
        box: Smallest and largest value of each parameter in it.
        intervals: Its parts, for one parameter; else None.
        touches_border: Whether it reaches the border of the scan, so that it may be larger.
    """

    p_value: float
    threshold: float
    size: float
    share: float
    box: tuple[Interval, ...]
    intervals: tuple[Interval, ...] | None
    touches_border: bool


def region(q: ArrayLike, axes: Sequence[ArrayLike], p_value: float) -> Region:
    """Describes the region of a p-value.

    Args:
        q: Test statistic relative to its minimum, on the grid, (theta,) or one axis a parameter.
        axes: The grid values of each parameter.
        p_value: The p-value at the border, such as 0.05 for the 95 % region.
    """
    level = teststatistic.threshold(p_value, len(axes))
    extent = size(q, axes, level)
    return Region(
        p_value=p_value,
        threshold=level,
        size=extent,
        share=extent / float(np.prod([np.ptp(np.asarray(axis)) for axis in axes])),
        box=bounding_box(q, axes, level),
        intervals=intervals(q, axes[0], level) if len(axes) == 1 else None,
        touches_border=touches_border(q, axes, level),
    )


def size(q: ArrayLike, axes: Sequence[ArrayLike], threshold: float) -> float:
    """Returns the length, area or volume of a region.

    Args:
        q: Test statistic relative to its minimum, on the grid, (theta,) or one axis a parameter.
        axes: The grid values of each parameter.
        threshold: Value of the test statistic at the border.
    """
    edges, covered = _measure(q, axes, threshold)
    return float(covered.mean() * np.prod([edge[-1] - edge[0] for edge in edges]))


def size_error(replicas: ArrayLike, axes: Sequence[ArrayLike], threshold: float) -> float:
    """Returns the Monte Carlo error of the size of a region.

    Args:
        replicas: Test statistics of resampled events, each relative to its minimum,
            (replica, theta).
        axes: The grid values of each parameter.
        threshold: Value of the test statistic at the border.
    """
    edges = [
        _fine_edges(axis[0], axis[-1], len(axes), _CELLS_OF_REPLICA)
        for axis in (np.asarray(axis, float) for axis in axes)
    ]
    shares = [_coverage(q, axes, edges, threshold).mean() for q in np.asarray(replicas)]
    return float(np.std(shares) * np.prod([edge[-1] - edge[0] for edge in edges]))


def intervals(q: ArrayLike, axis: ArrayLike, threshold: float) -> tuple[Interval, ...]:
    """Returns the parts of a region of one parameter, in increasing order.

    Args:
        q: Test statistic relative to its minimum, (theta,).
        axis: The grid values of the parameter.
        threshold: Value of the test statistic at the border.
    """
    axis = np.asarray(axis, float)
    x = np.linspace(axis[0], axis[-1], 200 * (len(axis) - 1) + 1)
    above = refine(np.asarray(q, float), [axis], [x]) - threshold
    change = np.flatnonzero((above[1:] < 0.0) != (above[:-1] < 0.0))
    slope = (above[change + 1] - above[change]) / (x[change + 1] - x[change])
    borders = list(x[change] - above[change] / slope)
    if above[0] < 0.0:
        borders.insert(0, x[0])
    if above[-1] < 0.0:
        borders.append(x[-1])
    return tuple((float(a), float(b)) for a, b in zip(borders[::2], borders[1::2], strict=True))


def bounding_box(q: ArrayLike, axes: Sequence[ArrayLike], threshold: float) -> tuple[Interval, ...]:
    """Returns the smallest and largest value of each parameter in a region.

    Args:
        q: Test statistic relative to its minimum, on the grid, (theta,) or one axis a parameter.
        axes: The grid values of each parameter.
        threshold: Value of the test statistic at the border.
    """
    edges, covered = _measure(q, axes, threshold)
    box = []
    for number, edge in enumerate(edges):
        others = tuple(other for other in range(len(edges)) if other != number)
        inside = np.flatnonzero((covered > 0.0).any(axis=others))
        ends = (inside[0], inside[-1] + 1) if len(inside) else (0, -1)
        box.append((float(edge[ends[0]]), float(edge[ends[1]])))
    return tuple(box)


def touches_border(q: ArrayLike, axes: Sequence[ArrayLike], threshold: float) -> bool:
    """Tells whether a region reaches the border of the scan.

    Args:
        q: Test statistic relative to its minimum, on the grid, (theta,) or one axis a parameter.
        axes: The grid values of each parameter.
        threshold: Value of the test statistic at the border.
    """
    inside = np.reshape(np.asarray(q, float), grid.shape(axes)) < threshold
    return any(
        bool(np.take(inside, end, axis=axis).any())
        for axis in range(inside.ndim)
        for end in (0, -1)
    )


def iou(
    q_a: ArrayLike,
    q_b: ArrayLike,
    threshold: float,
    axes: Sequence[ArrayLike] | None = None,
) -> float:
    """Returns the overlap of two regions: their intersection over their union.

    Args:
        q_a: Test statistic of the one relative to its minimum, on the grid.
        q_b: Test statistic of the other on the same grid.
        threshold: Value of the test statistic at the border.
        axes: The grid values of each parameter, to measure regions between the grid points; by
            default the grid points are counted.

    Returns:
        A number from 0 to 1; NaN if no grid point lies in either region.
    """
    if axes is None:
        a, b = (np.where(np.ravel(q) < threshold, 1.0, 0.0) for q in (q_a, q_b))
    else:
        ends = [_measure(q, axes, threshold)[0] for q in (q_a, q_b)]
        edges = [
            _fine_edges(min(a[0], b[0]), max(a[-1], b[-1]), len(axes))
            for a, b in zip(*ends, strict=True)
        ]
        a, b = (_coverage(q, axes, edges, threshold) for q in (q_a, q_b))
    either = float(np.maximum(a, b).sum())
    return float(np.minimum(a, b).sum()) / either if either > 0.0 else float("nan")


def _measure(
    q: ArrayLike, axes: Sequence[ArrayLike], threshold: float
) -> tuple[list[Floats], Floats]:
    """Returns the edges of small cells around a region, and which part of each is in the region.

    Starting from the grid cells at points inside, the box grows as long as the region, which may
    pass between grid points, leaves it.
    """
    q = np.reshape(np.asarray(q, float), grid.shape(axes))
    inside = np.argwhere((q < threshold) | (q == np.nanmin(q)))
    last = np.array(q.shape) - 1
    low, high = inside.min(axis=0), inside.max(axis=0)
    leaves_low = leaves_high = np.ones(q.ndim, bool)
    while leaves_low.any() or leaves_high.any():
        low = np.where(leaves_low, np.maximum(low - 1, 0), low)
        high = np.where(leaves_high, np.minimum(high + 1, last), high)
        edges = [
            _fine_edges(np.asarray(axis)[a], np.asarray(axis)[b], q.ndim)
            for axis, a, b in zip(axes, low, high, strict=True)
        ]
        covered = _coverage(q, axes, edges, threshold)
        sides = [np.moveaxis(covered, axis, 0) for axis in range(q.ndim)]
        leaves_low = np.array([side[0].any() for side in sides]) & (low > 0)
        leaves_high = np.array([side[-1].any() for side in sides]) & (high < last)
    return edges, covered


def _fine_edges(low: float, high: float, n_parameters: int, n_cells: int = _CELLS) -> Floats:
    """Returns the edges of the small cells along one parameter."""
    return np.linspace(low, high, min(2000, round(n_cells ** (1.0 / n_parameters))) + 1)


def _coverage(
    q: ArrayLike, axes: Sequence[ArrayLike], edges: Sequence[Floats], threshold: float
) -> Floats:
    """Returns which part of each small cell lies in the region, one axis a parameter.

    Where the border crosses a cell the part follows from the slope of q in the cell.
    """
    q = np.reshape(np.asarray(q, float), grid.shape(axes))
    centres = [0.5 * (edge[1:] + edge[:-1]) for edge in edges]
    fine = refine(q, axes, centres)
    change = sum(np.abs(np.gradient(fine, axis=axis)) for axis in range(fine.ndim))
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.clip(0.5 + (threshold - fine) / change, 0.0, 1.0)
    return np.where(change > 0.0, part, fine < threshold)
