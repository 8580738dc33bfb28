"""Projections of the test statistic: the other parameters are profiled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.statistics import grid
from madminer_workflow.statistics.interpolation import fill_gaps, minimum_along

__all__ = ["profile"]

Floats = NDArray[np.float64]


def profile(q: ArrayLike, axes: Sequence[ArrayLike], keep: Sequence[int]) -> Floats:
    """Minimises the test statistic over all but some parameters, between the grid points too.

    The result follows a chi-square distribution with as many degrees of freedom as parameters
    are kept.

    Args:
        q: Test statistic relative to its minimum, on the grid, (theta,) or one axis a parameter.
        axes: The grid values of each parameter.
        keep: Numbers of the parameters to keep.

    Returns:
        The projection, one axis for each parameter in `keep`, in that order.
    """
    projection = fill_gaps(np.reshape(np.asarray(q, float), grid.shape(axes)), axes)
    for axis in reversed([axis for axis in range(len(axes)) if axis not in keep]):
        projection = minimum_along(projection, axes[axis], axis)
    order = np.argsort(np.argsort(keep))
    return np.maximum(projection.transpose(order), 0.0)
