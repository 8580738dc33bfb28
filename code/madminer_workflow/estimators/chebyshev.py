"""Networks on fine grids of parameter points, from their values at Chebyshev points.

A smooth network is as good as a polynomial of the parameters: in two dimensions 15 x 15 values of
log r give those on any grid by one matrix product, to a hundred thousandth (Trefethen,
"Approximation Theory and Approximation Practice", chapters 2-8). Networks with kinks are not, which
is found out on some events; their values are computed one by one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.estimators.model import event_blocks

__all__ = ["Blocks", "Interpolation", "interpolated"]

Floats = NDArray[np.float64]
Blocks = Callable[[Floats, Floats], Iterator[tuple[slice, Floats]]]

_DEGREES = (8, 10, 12, 14, 16, 20)
_TOLERANCE = 2e-6
"""Root mean square of the errors of log r on the events tried, not far from single precision."""

_N_TRIED = 256  # events, and about as many parameter points, on which the error is found
_WORTHWHILE = 0.7  # largest ratio of the numbers of Chebyshev points and of points of the grid


@dataclass(frozen=True)
class Interpolation:
    """Polynomial interpolation between the Chebyshev points of a box.

    Attributes:
        nodes: The Chebyshev points, (node, parameter).
        matrix: What turns values there into those at the points wanted, (theta, node).
    """

    nodes: Floats
    matrix: Floats

    @classmethod
    def between(cls, thetas: ArrayLike, degree: int) -> Interpolation:
        """Prepares the interpolation of functions at points, in the box around them.

        Args:
            thetas: The parameter points, (theta, parameter).
            degree: Degree in each parameter; zero in those that do not vary.

        >>> interpolation = Interpolation.between([[0.0], [1.0], [3.0]], degree=2)
        >>> np.round(interpolation.matrix @ interpolation.nodes[:, 0] ** 2, 12)
        array([0., 1., 9.])
        """
        thetas = np.asarray(thetas, float)
        axes, matrix = [], np.ones((len(thetas), 1))
        for values in thetas.T:
            lowest, highest = values.min(), values.max()
            points = chebyshev.chebpts1(degree + 1) if highest > lowest else np.zeros(1)
            half = 0.5 * (highest - lowest) or 1.0
            middle = 0.5 * (highest + lowest)
            axes.append(middle + half * points)
            basis = chebyshev.chebvander(points, len(points) - 1)
            there = chebyshev.chebvander((values - middle) / half, len(points) - 1)
            one = np.linalg.solve(basis.T, there.T).T
            matrix = (matrix[:, :, None] * one[:, None]).reshape(len(thetas), -1)
        return cls(np.array(list(itertools.product(*axes))), matrix)


def interpolated(blocks: Blocks, x: ArrayLike, thetas: ArrayLike) -> Iterator[tuple[slice, Floats]]:
    """Yields log r in blocks of events, interpolated where that is precise and worthwhile.

    Args:
        blocks: A function that yields log r of events and parameter points in blocks of events.
        x: Observables, (event, observable).
        thetas: Parameter points, (theta, parameter).

    Yields:
        Which events, and their log ratios, (event, theta).
    """
    x, thetas = np.asarray(x, float), np.asarray(thetas, float)
    interpolation = _found(blocks, x, thetas)
    if interpolation is None:
        yield from blocks(x, thetas)
        return
    for some, values in blocks(x, interpolation.nodes):
        for part in event_blocks(len(values), len(thetas)):
            events = slice(some.start + part.start, some.start + part.stop)
            yield events, values[part] @ interpolation.matrix.T


def _found(blocks: Blocks, x: Floats, thetas: Floats) -> Interpolation | None:
    """Returns the cheapest interpolation that is good enough on some events, if there is one."""
    if len(x) <= _N_TRIED or len(thetas) == 0:
        return None
    tried, points = (_every(values, _N_TRIED) for values in (x, thetas))
    truth = None
    for degree in _DEGREES:
        if (degree + 1) ** np.count_nonzero(np.ptp(thetas, axis=0)) > _WORTHWHILE * len(thetas):
            return None
        interpolation = Interpolation.between(thetas, degree)
        truth = _all(blocks, tried, points) if truth is None else truth
        found = _all(blocks, tried, interpolation.nodes)
        errors = found @ _every(interpolation.matrix, _N_TRIED).T - truth
        if np.sqrt(np.mean(errors**2)) < _TOLERANCE:
            return interpolation
    return None


def _every(values: Floats, n: int) -> Floats:
    """Returns rows at equal distances, n or somewhat more."""
    return values[:: max(1, len(values) // n)]


def _all(blocks: Blocks, x: Floats, thetas: Floats) -> Floats:
    """Returns log r of all events, (event, theta)."""
    return np.concatenate([block for _, block in blocks(x, thetas)])
