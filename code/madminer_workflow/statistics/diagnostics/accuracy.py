"""Bias and resolution of what was learned, where the truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Accuracy", "accuracy"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Accuracy:
    """The error of learned log ratios or scores, a column a parameter point or parameter.

    Attributes:
        bias: Mean error, (column,); that of log r times -2 N is the error of q for N events.
        resolution: Standard deviation of the error, (column,).
        unexplained: Variance of the error relative to that of the truth, (column,); NaN where the
            truth is constant.
    """

    bias: Floats
    resolution: Floats
    unexplained: Floats


def accuracy(learned: Floats, exact: Floats, weights: Floats) -> Accuracy:
    """Compares what was learned with the truth.

    Args:
        learned: Normalised log ratios at parameter points, or a score, (event, column).
        exact: The truth, (event, column).
        weights: Weight of each event for the means, those at the true point for limits, (event,).
    """
    error = np.asarray(learned) - exact
    known = np.isfinite(error).all(axis=1)
    error, exact = error[known], np.asarray(exact)[known]
    share = weights[known] / weights[known].sum()
    bias, variance = _moments(error, share)
    _, full = _moments(exact, share)
    with np.errstate(divide="ignore", invalid="ignore"):
        unexplained = np.where(full > 0.0, variance / full, np.nan)
    return Accuracy(bias, np.sqrt(variance), unexplained)


def _moments(values: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Returns mean and variance of each column."""
    mean = share @ values
    return mean, share @ (values - mean) ** 2
