"""Fisher information matrices of weighted events.

Each is a sum over groups of events, L sum_g grad(s_g) grad(s_g)^T / s_g with s_g the cross section
of the group: one group is the rate, the bins of a histogram are groups, and if each event is a
group it is the information of an observer who sees the latent variables too (Brehmer, Kling,
Espejo, Cranmer, arXiv:1907.10621, section 2.7). The uncertainty is that of a finite number of
events, from the change of the matrix with the weight of each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["FisherInformation", "PointEvents", "bin_numbers", "histogram", "joint", "score"]

Floats = NDArray[np.float64]

_BLOCK = 2**14
"""Events whose contributions are computed at the same time: those fit into the cache."""

Contributions: TypeAlias = Callable[[slice], Floats]
"""Gives the changes of an information with some events, (…, parameter, parameter, event)."""

_ONE_GROUP = np.zeros(1, np.int64)


@dataclass(frozen=True)
class FisherInformation:
    """Fisher information on the parameters at one point.

    Attributes:
        name: What is measured, such as `rate`.
        theta: The parameter point, (parameter,).
        matrix: The information, (parameter, parameter).
        uncertainty: Its Monte Carlo uncertainty, (parameter, parameter).
        description: One sentence for a table.
    """

    name: str
    theta: Floats
    matrix: Floats
    uncertainty: Floats
    description: str

    @property
    def covariance(self) -> Floats | None:
        """Smallest covariance of an unbiased estimate, (parameter, parameter).

        None when the matrix is singular: some combination of parameters is not measured at all.
        """
        if np.linalg.cond(self.matrix) > 1e10:
            return None
        return np.asarray(np.linalg.inv(self.matrix), float)


@dataclass(frozen=True)
class PointEvents:
    """Weighted events near one parameter point.

    Attributes:
        theta: The parameter point, (parameter,).
        luminosity_ipb: Integrated luminosity in inverse picobarn.
        weights: Weight of each event at the point in pb, (event,).
        gradients: Derivative of the weights by each parameter in pb, (event, parameter).
    """

    theta: Floats
    luminosity_ipb: float
    weights: Floats
    gradients: Floats


def joint(events: PointEvents) -> tuple[FisherInformation, FisherInformation, FisherInformation]:
    """Returns the information of the event weights: full, rate, and kinematics, their difference.

    The full one sees the latent variables of each event and is an upper bound.

    Args:
        events: Events and their weights at the point.
    """
    full, rate = _contributions(events), _contributions(events, _ONE_GROUP)

    def contributions(some: slice) -> Floats:
        first, second = full(some), rate(some)
        return np.stack([first, second, first - second])

    descriptions = {
        "full": "Rate and shape, latent variables seen: upper bound.",
        "rate": "The number of events alone.",
        "kinematics": "The shape alone: full minus rate.",
    }
    found = zip(descriptions.items(), *_summed(events, contributions), strict=True)
    first, second, third = (
        FisherInformation(name, events.theta, matrix, uncertainty, description)
        for (name, description), matrix, uncertainty in found
    )
    return first, second, third


def histogram(name: str, events: PointEvents, bins: NDArray[np.int64]) -> FisherInformation:
    """Returns the information of a histogram, rate included.

    Args:
        name: What is measured.
        events: Events and their weights at the point.
        bins: The bin of each event, (event,).
    """
    n_bins = len(np.unique(bins))
    description = f"Histogram of {n_bins} bins, rate included."
    summed = _summed(events, _contributions(events, bins))
    return FisherInformation(name, events.theta, *summed, description)


def bin_numbers(
    values: ArrayLike, bins: int | Sequence[float], value_range: tuple[float, float] | None = None
) -> NDArray[np.int64]:
    """Returns the bin of each event; there is one bin more below the first edge and one above.

    Args:
        values: The observable, (event,).
        bins: Number of equal bins, or the edges of all bins.
        value_range: First and last edge for a number of bins; None for the range of the events.
    """
    values = np.asarray(values, float)
    edges = np.histogram_bin_edges(values, bins, value_range).astype(float)
    edges[-1] = np.nextafter(edges[-1], np.inf)  # the largest value belongs to the last bin
    return np.asarray(np.searchsorted(edges, values, side="right"))


def score(name: str, events: PointEvents, scores: Floats) -> FisherInformation:
    """Returns the information of an estimated score t(x): rate + L sigma E[t t^T].

    Args:
        name: Name of the method.
        events: Events and their weights at the point.
        scores: Estimated score of each event, (event, parameter).
    """
    rate = _contributions(events, _ONE_GROUP)

    def contributions(some: slice) -> Floats:
        t = scores[some].T
        return rate(some) + events.luminosity_ipb * events.weights[some] * (t[:, None] * t)

    summed = _summed(events, contributions)
    return FisherInformation(name, events.theta, *summed, "Rate and estimated score.")


def _contributions(events: PointEvents, groups: NDArray[np.int64] | None = None) -> Contributions:
    """Returns what gives the change of the information with each event.

    The information of a group is homogeneous of degree one in the weights of its events, so the
    changes sum up to it. Groups without positive cross section carry none.

    Args:
        events: The events.
        groups: The group of each event, (event,), or of all of them, (1,); each event is one if
            not given.
    """
    gradients, weights = np.ascontiguousarray(events.gradients.T), events.weights
    sums, s = gradients, weights
    if groups is not None:
        of_events = np.broadcast_to(groups, len(weights))
        s = np.asarray(np.bincount(of_events, weights), float)
        sums = np.stack([np.bincount(of_events, gradient) for gradient in gradients])
    slopes = sums / np.where(s > 0.0, s, np.inf)

    def contributions(some: slice) -> Floats:
        which = some if groups is None else groups if len(groups) == 1 else groups[some]
        slope = slopes[:, which]
        gradient = gradients[:, some]
        rest = gradient - weights[some] * slope
        return events.luminosity_ipb * (gradient[:, None] * slope + slope[:, None] * rest)

    return contributions


def _summed(events: PointEvents, contributions: Contributions) -> tuple[Floats, Floats]:
    """Returns sums of contributions, (…, parameter, parameter), and their uncertainties."""
    total = squares = np.zeros(())
    for start in range(0, len(events.weights), _BLOCK):
        some = contributions(slice(start, start + _BLOCK))
        total = total + some.sum(axis=-1)
        squares = squares + np.einsum("...n,...n->...", some, some)
    return total, np.sqrt(squares)
