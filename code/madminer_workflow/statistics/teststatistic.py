"""The likelihood-ratio test statistic and its asymptotic distribution.

q(theta) = -2 [log L(theta) - max log L] follows a chi-square distribution with as many degrees of
freedom as parameters are scanned (Wilks, 1938; Cowan, Cranmer, Gross, Vitells, arXiv:1007.1727).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["P_68", "P_95", "p_values", "rate_term", "threshold"]

Floats = NDArray[np.float64]

P_68 = 0.32
"""Largest p-value that is outside of a 68 % region."""

P_95 = 0.05
"""Largest p-value that is outside of a 95 % region."""


def rate_term(n_observed: float, n_predicted: ArrayLike) -> Floats:
    """Returns -2 log of the Poisson likelihood relative to its maximum, (theta,).

    With n events observed and mu predicted it is 2 [mu - n - n log(mu / n)]: zero for mu = n,
    infinite where no events are predicted but some are observed, and where the prediction is
    negative, which morphing of few events can give.

    Args:
        n_observed: Number of events, an integer or, for expected limits, a mean.
        n_predicted: Predicted number at each parameter point, (theta,).

    Raises:
        ValueError: The observed number is negative or not finite.

    Example:
        >>> rate_term(10.0, [10.0, 20.0, -1.0]).round(3).tolist()
        [0.0, 6.137, inf]
    """
    if not 0.0 <= n_observed < np.inf:
        raise ValueError(f"{n_observed} events observed, expected a number >= 0")
    mu = np.asarray(n_predicted, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        shortfall = n_observed * np.log(mu / n_observed) if n_observed > 0 else np.zeros_like(mu)
        term = 2.0 * (mu - n_observed - shortfall)
    possible = (mu > 0.0) | ((mu == 0.0) & (n_observed == 0.0))
    return np.where(possible | np.isnan(mu), np.maximum(term, 0.0), np.inf)


def p_values(q: ArrayLike, n_parameters: int) -> Floats:
    """Returns the p-value of each value of the test statistic.

    Args:
        q: The test statistic, any shape.
        n_parameters: Number of scanned parameters, the degrees of freedom.
    """
    from scipy.special import chdtrc

    return np.asarray(chdtrc(n_parameters, np.asarray(q, float)))


def threshold(p_value: float, n_parameters: int) -> float:
    """Returns the test statistic of a p-value; a region holds the points below it.

    Args:
        p_value: The p-value, such as `P_95`.
        n_parameters: Number of scanned parameters, the degrees of freedom.

    Example:
        >>> round(threshold(P_95, 2), 3)
        5.991
    """
    from scipy.special import chdtri

    return float(chdtri(n_parameters, p_value))
