"""The test statistic and its uncertainty on the axes of a figure.

Parameters that are not on the axes are profiled, and what is on a grid is interpolated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.statistics.interpolation import fill_gaps, refine
from madminer_workflow.statistics.limits import Limit, Which
from madminer_workflow.statistics.profile import profile

__all__ = ["projection", "pull", "uncertainty"]

Floats = NDArray[np.float64]

_STEP = 1e-3  # of a derivative, in standard deviations


def projection(limit: Limit, which: Which, keep: Sequence[int], finer: Sequence[Floats]) -> Floats:
    """Returns q on the axes of a figure, one axis a kept parameter.

    Args:
        limit: The limit.
        which: With the rate (full) or without.
        keep: Numbers of the parameters to keep.
        finer: The values of each of them.
    """
    q = profile(limit.on_grid(which), limit.axes, keep)
    return np.maximum(refine(q, _kept_axes(limit, keep), finer), 0.0)


def uncertainty(
    limit: Limit,
    which: Which,
    keep: Sequence[int],
    finer: Sequence[Floats],
    *,
    members: bool = True,
) -> Floats | None:
    """Returns the standard deviation of what `projection` gives, None if it is unknown.

    Of a profiled q it is that at the profiled values of the other parameters, for these change a
    minimum in second order only: the derivative of a minimum is the derivative at the minimum.

    Args:
        limit: The limit.
        which: With the rate (full) or without.
        keep: Numbers of the parameters to keep.
        finer: The values of each of them.
        members: Whether to include the spread between members.
    """
    std = limit.uncertainty(which, ("mc_std", "std") if members else ("mc_std",))
    if std is None or not (std > 0.0).any():
        return None
    q, std = limit.on_grid(which), fill_gaps(std.reshape(limit.shape), limit.axes)
    shifted, profiled = (profile(values, limit.axes, keep) for values in (q + _STEP * std, q))
    change = (shifted - profiled) / _STEP
    return np.maximum(refine(change, _kept_axes(limit, keep), finer), 0.0)


def pull(q: Floats, std: Floats, level: float) -> Floats:
    """Returns the distance of q from a level in standard deviations.

    It is within -1 and 1 between the contours of q + std and q - std at the level, and varies so
    smoothly that a band much narrower than the distance of two points can be drawn with it.

    Args:
        q: Test statistics.
        std: Their standard deviations, of the same shape.
        level: A value of the test statistic.
    """
    return np.asarray((q - level) / np.maximum(std, 1e-9 * level))


def _kept_axes(limit: Limit, keep: Sequence[int]) -> list[Floats]:
    """Returns the grid values of the kept parameters."""
    return [limit.axes[number] for number in keep]
