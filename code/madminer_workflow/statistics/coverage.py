"""Coverage: how often the region of a p-value contains the truth, tried out with toys.

The region contains the true point of a toy if q there is below the threshold. With the threshold
of the chi-square distribution this holds for the share 1 - p of the toys only if there are many
events and their density is nearly linear in the parameters (Wilks, 1938). The construction of
Neyman (1937) takes the threshold from the distribution of q among toys, at each point its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.statistics import grid
from madminer_workflow.statistics.limits import Which
from madminer_workflow.statistics.minima import minima
from madminer_workflow.statistics.teststatistic import rate_term, threshold

__all__ = [
    "Coverage",
    "Neyman",
    "Share",
    "coverage",
    "difference",
    "neyman",
    "q_true",
    "share",
    "spread",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """A share of toys.

    Attributes:
        value: The share.
        error: Its standard deviation.
    """

    value: float
    error: float


@dataclass(frozen=True)
class Neyman:
    """The threshold of the construction of Neyman.

    Attributes:
        threshold: The quantile of q among all toys.
        error: Its standard deviation.
        coverage: The coverage among the second half of the toys with the threshold from the first
            half; its error is that of both halves.
    """

    threshold: float
    error: float
    coverage: Share


@dataclass(frozen=True)
class Coverage:
    """The coverage of the region of a p-value.

    Attributes:
        p_value: The p-value at the border of the region.
        nominal: What the coverage should be.
        nominal_error: Standard deviation of the share of as many toys, were it so.
        threshold: q at the border, from the chi-square distribution.
        coverage: The coverage with this threshold.
        neyman: The threshold of the construction of Neyman; None if it is not wanted.
    """

    p_value: float
    nominal: float
    nominal_error: float
    threshold: float
    coverage: Share
    neyman: Neyman | None


def q_true(
    kinematics: Floats, n_observed: Floats, n_predicted: Floats, axes: Sequence[ArrayLike]
) -> dict[Which, Floats]:
    """Returns the test statistic of each toy at its true point, with the rate and without.

    Args:
        kinematics: Kinematic log-likelihoods up to a constant, (true point, toy, theta): at
            the points of the grid, then at the true points in their order.
        n_observed: Number of events of each toy, (true point, toy).
        n_predicted: Predicted number of events at each point, (theta,).
        axes: The grid values of each parameter.

    Returns:
        Test statistics relative to their minima over the region, (true point, toy).
    """
    q: tuple[list[Floats], list[Floats]] = ([], [])
    for point, numbers in enumerate(n_observed):
        shape = -2.0 * kinematics[point]
        rate = np.stack([rate_term(n, n_predicted) for n in numbers])
        q[0].append(_q(shape + rate, axes, point))
        q[1].append(_q(shape, axes, point))
    return {"full": np.stack(q[0]), "kinematics": np.stack(q[1])}


def coverage(q: Floats, p_value: float, n_parameters: int, *, construct: bool = False) -> Coverage:
    """Returns the coverage of the region of a p-value at one true point.

    Args:
        q: The test statistic of each toy at its true point, (toy,).
        p_value: The p-value at the border of the region.
        n_parameters: Number of scanned parameters, the degrees of freedom.
        construct: Whether to make the construction of Neyman.
    """
    border = threshold(p_value, n_parameters)
    return Coverage(
        p_value=p_value,
        nominal=round(1.0 - p_value, 12),
        nominal_error=float(np.sqrt(p_value * (1.0 - p_value) / len(q))),
        threshold=border,
        coverage=share(q < border),
        neyman=neyman(q, p_value) if construct else None,
    )


def neyman(q: Floats, p_value: float) -> Neyman:
    """Returns the threshold below which q is in the share 1 - p of the toys.

    Its error is that of the rank of the quantile, whatever the distribution is. Toys that made a
    threshold cannot test it, so halves of them do both. Taking turns would not help: what one half
    has too much of, the other lacks, and the mean is right to first order even without any toys.

    Args:
        q: The test statistic of each toy at its true point, (toy,).
        p_value: The p-value.
    """
    level = 1.0 - p_value
    rank_error = np.sqrt(p_value * level / len(q))
    low, high = np.quantile(q, np.clip([level - rank_error, level + rank_error], 0.0, 1.0))
    half = len(q) // 2
    tested = share(q[half:] < np.quantile(q[:half], level))
    return Neyman(
        threshold=float(np.quantile(q, level)),
        error=float(high - low) / 2.0,
        coverage=Share(tested.value, float(np.sqrt(2.0)) * tested.error),
    )


def share(inside: ArrayLike) -> Share:
    """Returns the share of toys with its error.

    The error is the standard deviation of the share given the toys, for a flat prior: unlike
    sqrt(p (1 - p) / n) it is not zero where all toys agree (Ullrich and Xu, physics/0701199).

    Args:
        inside: Whether each toy has the property, (toy,).

    Example:
        >>> round(share([True] * 98).error, 4)
        0.0099
    """
    n, k = np.size(inside), int(np.count_nonzero(inside))
    variance = (k + 1) * (n - k + 1) / ((n + 2) ** 2 * (n + 3))
    return Share(k / n, float(np.sqrt(variance)))


def difference(inside: ArrayLike, other: ArrayLike) -> Share:
    """Returns the difference of two shares of the same toys.

    Only toys on which both disagree count, so its error is smaller than those of the shares.

    Args:
        inside: Whether each toy has the one property, (toy,).
        other: Whether each toy has the other property, (toy,).

    Example:
        >>> difference([True, True, True, False], [True, False, False, False]).value
        0.5
    """
    one, two = np.asarray(inside, bool), np.asarray(other, bool)
    gained, lost = int((one & ~two).sum()), int((two & ~one).sum())
    return Share((gained - lost) / len(one), float(np.sqrt(gained + lost + 1)) / len(one))


def spread(candidates: Floats, start: ArrayLike, number: int) -> Floats:
    """Returns points that are far from each other: a start, and then each time the farthest one.

    Args:
        candidates: Points to choose from, in units in which distances compare, (point, parameter).
        start: The first point, which need not be a candidate, (parameter,).
        number: How many candidates to choose.

    Returns:
        The start and the chosen points, fewer if there are no others, (point, parameter).

    Example:
        >>> spread(np.array([[0.0], [1.0], [2.0], [3.0]]), [0.0], 2).tolist()
        [[0.0], [3.0], [1.0]]
    """
    chosen = [np.asarray(start, float)]
    distance = np.full(len(candidates), np.inf)
    for _ in range(number):
        distance = np.minimum(distance, np.linalg.norm(candidates - chosen[-1], axis=1))
        if not distance.max(initial=0.0) > 0.0:
            break
        chosen.append(candidates[distance.argmax()])
    return np.stack(chosen)


def _q(values: Floats, axes: Sequence[ArrayLike], point: int) -> Floats:
    """Returns q at a true point, (toy,), from -2 log L up to a constant, (toy, theta)."""
    n_grid = int(np.prod(grid.shape(axes)))
    return np.maximum(values[:, n_grid + point] - minima(values[:, :n_grid], axes), 0.0)
