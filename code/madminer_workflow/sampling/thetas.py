"""Parameter points of a hypothesis: benchmarks, explicit points, or points drawn from a prior."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Prior, Thetas
from madminer_workflow.errors import InputError
from madminer_workflow.events import Header

__all__ = ["points"]

Floats = NDArray[np.float64]

MINIMUM_FRACTION = 1e-3
"""A prior that has less than this inside the parameter ranges is refused."""

log = logging.getLogger(__name__)


def points(thetas: Thetas, header: Header, rng: np.random.Generator, key: str = "theta") -> Floats:
    """Returns the parameter points of a hypothesis, (theta, parameter).

    Args:
        thetas: How they are chosen.
        header: The header of the event file.
        rng: Randomness for points from a prior.
        key: Where the hypothesis stands in the input file, for messages.

    Raises:
        InputError: An unknown benchmark, points other than benchmarks without morphing in the
            file, or points outside the parameter ranges of the file.
    """
    if thetas.method in ("benchmark", "benchmarks"):
        return np.stack([header.theta(name) for name in thetas.benchmarks])
    if header.morphing is None:
        raise InputError(
            f"{key}: {thetas.method}, but {header.path} has no morphing, "
            "allowed: benchmark, benchmarks"
        )
    if thetas.method == "morphing_points":
        return _explicit(thetas, header, key)
    return _random(thetas, header, rng, key)


def _explicit(thetas: Thetas, header: Header, key: str) -> Floats:
    """Returns the given points after a look at the parameter ranges."""
    explicit = np.array(thetas.points, float)
    outside = explicit[~_inside(explicit, header)]
    if len(outside):
        raise InputError(f"{key}: {tuple(outside[0].tolist())}, allowed: {_allowed(header)}")
    return explicit


def _random(thetas: Thetas, header: Header, rng: np.random.Generator, key: str) -> Floats:
    """Returns points from the priors; those outside the parameter ranges are drawn again."""
    n_drawn, kept = 0, np.empty((0, len(header.parameters)))
    batch = max(thetas.number, round(10 / MINIMUM_FRACTION))
    while len(kept) < thetas.number:
        drawn = np.stack([_draw(prior, batch, rng) for prior in thetas.priors], axis=1)
        kept = np.concatenate([kept, drawn[_inside(drawn, header)]])
        n_drawn += batch
        if len(kept) < MINIMUM_FRACTION * n_drawn:
            raise InputError(
                f"{key}.prior: hardly a point in the range, allowed: {_allowed(header)}"
            )
    if len(kept) < n_drawn:
        log.warning(
            "%s.prior: %.2g %% of the points fall outside the parameter ranges of the file "
            "and are drawn again",
            key,
            100 * (1 - len(kept) / n_drawn),
        )
    return kept[: thetas.number]


def _draw(prior: Prior, number: int, rng: np.random.Generator) -> Floats:
    """Returns values of one parameter, (theta,)."""
    if prior.shape == "flat":
        return rng.uniform(prior.first, prior.second, number)
    return rng.normal(prior.first, prior.second, number)


def _inside(thetas: Floats, header: Header) -> NDArray[np.bool_]:
    """Returns which points lie in the parameter ranges, up to rounding, (theta,)."""
    low, high = header.ranges.T
    margin = 1e-9 * (high - low)
    return np.asarray(((thetas >= low - margin) & (thetas <= high + margin)).all(axis=1))


def _allowed(header: Header) -> str:
    """Returns the parameter ranges in words."""
    ranges = (f"{p.name} in [{p.minimum:g}, {p.maximum:g}]" for p in header.parameters)
    return ", ".join(ranges)
