"""Toys: sets of events as an experiment would observe them, and their log-likelihoods.

In an experiment every event of a weighted simulation occurs a Poisson number of times, with its
weight times the luminosity as the mean: this is a Poisson number of events that are drawn with
replacement in proportion to their weights. What toys contain is one sparse matrix, and their
log-likelihoods are its product with the log ratios: each event is evaluated once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ToySums", "Toys", "draw"]

Floats = NDArray[np.float64]

_LARGEST_LOG = 700.0  # of a ratio that is still a finite number
_LARGEST_LOSS = 0.01  # share of the events without a ratio above which a point has no likelihood


@dataclass(frozen=True)
class Toys:
    """Toys at several true points, the same number at each.

    Attributes:
        counts: How often each event occurs in each toy, (event, true point x toy): a sparse array
            in which an event that occurs twice has two entries.
        n_points: Number of true points.
        n_toys: Number of toys at each of them.
    """

    counts: Any
    n_points: int
    n_toys: int

    @property
    def n_observed(self) -> Floats:
        """Number of events in each toy, (true point, toy)."""
        numbers = np.bincount(self.counts.indices, minlength=self.n_points * self.n_toys)
        return numbers.reshape(self.n_points, self.n_toys).astype(float)


def draw(weights: Floats, n_expected: ArrayLike, n_toys: int, seed: int) -> Toys:
    """Draws toys.

    Args:
        weights: Weight of each event at each true point up to a factor that depends on the point,
            (event, true point); negative weights count as zero.
        n_expected: Mean number of events of a toy at each true point, (true point,).
        n_toys: Number of toys at each true point.
        seed: Seed of the random numbers.

    Raises:
        ValueError: The events have no weight at a true point.
    """
    from scipy.sparse import csr_array

    positive = np.maximum(weights, 0.0)
    totals = positive.sum(axis=0)
    if not (totals > 0.0).all():
        raise ValueError("the events have no weight at a true point")
    rng = np.random.default_rng(seed)
    means = positive * (np.asarray(n_expected, float) / totals)
    times = rng.poisson(n_toys * means)  # in all toys of a point together
    n_points = times.shape[1]
    point = np.repeat(np.tile(np.arange(n_points, dtype=np.int32), len(times)), times.ravel())
    toy = rng.integers(n_toys, size=len(point), dtype=np.int32)
    rows = np.append(0, np.cumsum(times.sum(axis=1)))
    entries = (np.ones(len(point), np.int8), n_toys * point + toy, rows)
    return Toys(csr_array(entries, shape=(len(times), n_points * n_toys)), n_points, n_toys)


class ToySums:
    """Accumulates the log-likelihoods of toys over blocks of events.

    Log ratios are normalised with all events, E_ref[r(x|theta)] = 1, as in `asimov`. A log ratio
    that is not finite leaves its event out, and where more than one percent of the reference is
    lost, the point has no likelihood (NaN).
    """

    def __init__(self, toys: Toys, n_thetas: int) -> None:
        """Starts empty sums.

        Args:
            toys: The toys.
            n_thetas: Number of parameter points.
        """
        self._toys = toys
        self._log_ratio = np.zeros((toys.n_points * toys.n_toys, n_thetas))
        self._ratio, self._known, self._total = np.zeros(n_thetas), np.zeros(n_thetas), 0.0

    def add(self, events: slice, log_ratio: Floats, weights_ref: Floats) -> None:
        """Adds a block of events.

        Args:
            events: Which events of the toys.
            log_ratio: Their log r(x|theta) relative to the reference density, (event, theta).
            weights_ref: Weight of each of them under the reference density, (event,).
        """
        known = np.abs(log_ratio) < _LARGEST_LOG
        clean = np.where(known, log_ratio, 0.0)
        self._log_ratio += self._toys.counts[events].T.tocsr() @ clean
        self._ratio += weights_ref @ np.where(known, np.exp(clean), 0.0)
        self._known += weights_ref @ known
        self._total += float(weights_ref.sum())

    def log_likelihoods(self, *, normalised: bool = True) -> Floats:
        """Returns the kinematic log-likelihoods up to a constant, (true point, toy, theta).

        Args:
            normalised: Whether log E_ref[r] is subtracted from each log r.
        """
        toys = self._toys
        with np.errstate(divide="ignore", invalid="ignore"):
            offset = np.log(self._ratio / self._known) * normalised
        offset[self._known < (1.0 - _LARGEST_LOSS) * self._total] = np.nan
        sums = self._log_ratio.reshape(toys.n_points, toys.n_toys, -1)
        return np.asarray(sums - toys.n_observed[..., None] * offset)
