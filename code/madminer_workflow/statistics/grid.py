"""Grids of parameter points: axes, and points with the first parameter slowest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["axes", "points", "shape"]

Floats = NDArray[np.float64]


def axes(region: Sequence[tuple[float, float]], resolutions: Sequence[int]) -> tuple[Floats, ...]:
    """Returns the grid values of each parameter, both ends of the region included.

    Args:
        region: Smallest and largest value of each parameter.
        resolutions: Number of grid values of each parameter, two or more.

    Raises:
        ValueError: The lengths differ, a range is empty, or a resolution is below two.
    """
    if len(region) != len(resolutions):
        raise ValueError(f"{len(region)} ranges, but {len(resolutions)} resolutions")
    for (low, high), resolution in zip(region, resolutions, strict=True):
        if not low < high or resolution < 2:
            raise ValueError(f"no grid of {resolution} points from {low} to {high}")
    return tuple(
        np.linspace(low, high, resolution)
        for (low, high), resolution in zip(region, resolutions, strict=True)
    )


def points(axes: Sequence[ArrayLike]) -> Floats:
    """Returns all points of a grid, (theta, parameter); the first parameter varies slowest.

    A function on the grid, (theta,), becomes an array with one axis a parameter by
    `reshape(shape(axes))`.

    Args:
        axes: The grid values of each parameter.

    Example:
        >>> points([[0.0, 1.0], [5.0, 6.0, 7.0]])[:4].tolist()
        [[0.0, 5.0], [0.0, 6.0], [0.0, 7.0], [1.0, 5.0]]
    """
    mesh = np.meshgrid(*(np.asarray(axis, float) for axis in axes), indexing="ij")
    return np.stack([values.ravel() for values in mesh], axis=1)


def shape(axes: Sequence[ArrayLike]) -> tuple[int, ...]:
    """Returns the number of grid values of each parameter.

    Args:
        axes: The grid values of each parameter.
    """
    return tuple(len(np.asarray(axis)) for axis in axes)
