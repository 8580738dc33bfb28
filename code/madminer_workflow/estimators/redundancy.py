"""Observables that are functions of others, found from their values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

__all__ = ["independent"]

Floats = NDArray[np.float64]

# Functions leave less than 1e-4 of the variance unexplained, anything with a resolution percents.
_UNEXPLAINED = 1e-3
_N_POINTS = 20_000
_N_PROBES = 500


def independent(x: ArrayLike) -> NDArray[np.int64]:
    """Returns the columns that are not functions of the columns before them, (column,).

    Around some of the points a linear function of the columns before is fitted to a column; if it
    explains the column nearly everywhere, the column has no density given the others.

    Args:
        x: Observables on comparable scales, (event, observable).

    >>> u, v = np.random.default_rng(1).normal(size=(2, 5000))
    >>> independent(np.stack([u, v, u * v, np.ones(5000)], axis=1))
    array([0, 1])
    """
    x = np.asarray(x, float)[:_N_POINTS]
    kept = [0]
    for column in range(1, x.shape[1]):
        if _unexplained(x[:, kept], x[:, column]) > _UNEXPLAINED:
            kept.append(column)
    return np.array(kept)


def _unexplained(known: Floats, values: Floats) -> float:
    """Returns the share of the variance of values around linear functions of near points."""
    n_neighbours = 3 * (known.shape[1] + 1)
    variance = values.var()
    if variance == 0 or n_neighbours > len(values):
        return float(variance > 0)
    probes = known[:_N_PROBES]
    _, near = KDTree(known).query(probes, k=n_neighbours)
    constant = np.ones((*near.shape, 1))
    design = np.concatenate([constant, known[near] - probes[:, None]], axis=2)
    slopes = np.linalg.pinv(design) @ values[near][:, :, None]
    residuals = values[near] - (design @ slopes)[:, :, 0]
    degrees = n_neighbours - design.shape[2]
    return float(np.median((residuals**2).sum(axis=1) / degrees) / variance)
