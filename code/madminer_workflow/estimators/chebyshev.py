"""Networks on fine grids of parameter points, from their values at Chebyshev points.

A smooth network is as good as a polynomial of the parameters: in two dimensions 15 x 15 values of
log r give those on any grid by one matrix product, to a hundred thousandth (Trefethen,
"Approximation Theory and Approximation Practice", chapters 2-8). Networks with kinks are not, which
is found out on some events; their values are computed one by one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.estimators.model import event_blocks

__all__ = ["Blocks", "Interpolation", "interpolated", "scattered"]

Floats = NDArray[np.float64]
Blocks = Callable[[Floats, Floats], Iterator[tuple[slice, Floats]]]

_DEGREES = (8, 10, 12, 14, 16, 20)
_TOLERANCE = 2e-6
"""Root mean square of the errors of log r on the events tried, not far from single precision."""

_N_TRIED = 256  # events, and as many parameter points, on which the error is found
_WORTHWHILE = 0.7  # largest cost in units of that of a network on the whole grid
_PRODUCTS = 2000  # a value of a network costs as much as so many products in the interpolation


@dataclass(frozen=True)
class Interpolation:
    """Polynomial interpolation between the Chebyshev points of a box.

    The weights of all nodes at all points would not fit into memory for large grids of three
    parameters, so they are multiplied when they are needed.

    Attributes:
        nodes: The Chebyshev points, (node, parameter).
        weights: For each parameter the weights of its Chebyshev points at the points wanted,
            (Chebyshev point, theta).
    """

    nodes: Floats
    weights: tuple[Floats, ...]

    @classmethod
    def between(cls, thetas: ArrayLike, degree: int) -> Interpolation:
        """Prepares the interpolation of functions at points, in the box around them.

        Args:
            thetas: The parameter points, (theta, parameter).
            degree: Degree in each parameter; zero in those that do not vary.

        >>> interpolation = Interpolation.between([[0.0], [1.0], [3.0]], degree=2)
        >>> np.round(interpolation(interpolation.nodes[:, 0] ** 2), 12)
        array([0., 1., 9.])
        """
        axes, weights = [], []
        for values in np.asarray(thetas, float).T:
            lowest, highest = float(values.min()), float(values.max())
            points = chebyshev.chebpts1(degree + 1) if highest > lowest else np.zeros(1)
            half = 0.5 * (highest - lowest) or 1.0
            middle = 0.5 * (highest + lowest)
            axes.append(middle + half * points)
            basis = chebyshev.chebvander(points, len(points) - 1)
            there = chebyshev.chebvander((values - middle) / half, len(points) - 1)
            weights.append(np.asarray(np.linalg.solve(basis.T, there.T), float))
        return cls(np.array(list(itertools.product(*axes))), tuple(weights))

    def __call__(self, values: Floats) -> Floats:
        """Returns a function at the points wanted, (…, theta).

        Args:
            values: The function at the nodes, (…, node).
        """
        n_thetas = self.weights[0].shape[1]
        result = np.empty((*values.shape[:-1], n_thetas))
        for some in event_blocks(n_thetas, len(self.nodes)):
            np.matmul(values, self.at(some)._products(), out=result[..., some])
        return result

    def at(self, thetas: slice | NDArray[np.int64]) -> Interpolation:
        """Returns the interpolation to some of the points wanted.

        Args:
            thetas: Which ones.
        """
        return replace(self, weights=tuple(weights[:, thetas] for weights in self.weights))

    def _products(self) -> Floats:
        """Returns the weight of each node at the points wanted, (node, theta)."""
        products, *others = self.weights
        for weights in others:
            products = (products[:, None] * weights).reshape(-1, weights.shape[1])
        return products


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
    for events in event_blocks(len(x), len(thetas)):
        if interpolation is None:
            yield events, _all(blocks, x[events], thetas)
        else:
            yield events, interpolation(_all(blocks, x[events], interpolation.nodes))


def scattered(n: int, n_wanted: int) -> NDArray[np.int64]:
    """Returns some of n positions, in order, without a period that a grid might have too.

    They are multiples of the golden ratio, modulo one.

    Args:
        n: Number of positions.
        n_wanted: How many are returned; less if n is not much larger.

    >>> scattered(1000, 5)
    array([  0, 236, 472, 618, 854])
    """
    fractions = np.arange(n_wanted) * (np.sqrt(5.0) - 1.0) / 2.0 % 1.0
    return np.unique((n * fractions).astype(np.int64))


def _found(blocks: Blocks, x: Floats, thetas: Floats) -> Interpolation | None:
    """Returns the cheapest interpolation that is good enough on some events, if there is one."""
    if len(x) <= _N_TRIED or len(thetas) == 0:
        return None
    tried, points = x[scattered(len(x), _N_TRIED)], scattered(len(thetas), _N_TRIED)
    n_varying, truth = np.count_nonzero(np.ptp(thetas, axis=0)), None
    for degree in _DEGREES:
        n_nodes = (degree + 1) ** n_varying
        if n_nodes * (1 / len(thetas) + 1 / _PRODUCTS) > _WORTHWHILE:
            return None
        interpolation = Interpolation.between(thetas, degree)
        truth = _all(blocks, tried, thetas[points]) if truth is None else truth
        found = interpolation.at(points)(_all(blocks, tried, interpolation.nodes))
        if np.sqrt(np.mean((found - truth) ** 2)) < _TOLERANCE:
            return interpolation
    return None


def _all(blocks: Blocks, x: Floats, thetas: Floats) -> Floats:
    """Returns log r of all events, (event, theta)."""
    return np.concatenate([block for _, block in blocks(x, thetas)])
