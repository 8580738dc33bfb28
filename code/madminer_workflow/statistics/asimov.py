"""Expected kinematic likelihoods from log ratios, as sums over weighted events.

Expected data of N events have the log-likelihood N E_true[log r(x|theta)]. An estimator's error
of 0.004 in the mean of log r becomes 15 in q for 1900 events, so log r is normalised: the true
ratio to a reference density obeys E_ref[r(x|theta)] = 1 at each theta. It also obeys
E_theta[r(x|theta_true) / r(x|theta)] = 1; adding what is missing there corrects the plug-in
estimate E_true[log r] to first order in the error of r (the one-step estimator of semiparametric
statistics, Bickel, Klaassen, Ritov, Wellner, 1993). What it changes is a test of bias.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.statistics.likelihood import KinematicLikelihood

__all__ = ["N_REPLICAS", "AsimovSums", "Expectation"]

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

N_REPLICAS = 64
"""Resampled sets of events, as many as there are groups; their spread is known to a tenth."""

_HALVES, _DRAWN = slice(1, 3), slice(3, None)  # sets of groups, after that of all

_LARGEST_LOG = 700.0  # of a ratio that is still a finite number
_LARGEST_LOSS = 0.01  # share of the events without a ratio above which a point has no likelihood


@dataclass(frozen=True)
class Expectation:
    """What sums over simulated events say about data.

    Attributes:
        expected: The likelihood of the expected data of each true point.
        log_normalisation: log E_ref[r], zero for the true ratio, (theta,); NaN where unknown.
        log_normalisation_replicas: The same for resampled events, (replica, theta).
        n_lost: Number of events whose log ratio is not finite, (theta,).
        lost: Their share of the weight at the first true point, (theta,).
    """

    expected: tuple[KinematicLikelihood, ...]
    log_normalisation: Floats
    log_normalisation_replicas: Floats
    n_lost: NDArray[np.int64]
    lost: Floats

    def observed(self, log_ratio: Floats, n_events: int) -> KinematicLikelihood:
        """Returns the likelihood of observed events.

        Args:
            log_ratio: Sum of their log r(x|theta) before it is normalised, (theta,).
            n_events: Their number.
        """
        return KinematicLikelihood(
            n_events=n_events,
            plug_in=log_ratio - n_events * self.log_normalisation,
            raw=log_ratio,
            replicas_plug_in=log_ratio - n_events * self.log_normalisation_replicas,
        )


class AsimovSums:
    """Accumulates blocks of events; the memory does not depend on the number of events.

    Every event belongs to one of some groups, each with sums of its own. Drawing the groups with
    replacement gives replicas of all results (the bootstrap, Efron, 1979), whose spread is the
    Monte Carlo error, at no cost.

    A log ratio that is not finite, or whose ratio is not, leaves its event out of the means at
    that parameter point. How many, and with how much weight, is part of the result; where it is
    more than one percent the point has no likelihood (NaN), since the estimator does not know it.
    """

    def __init__(self, n_thetas: int, n_true: int = 1) -> None:
        """Starts empty sums.

        Args:
            n_thetas: Number of parameter points, the true ones included.
            n_true: How many of them, the last ones, are true points.
        """
        shape = (N_REPLICAS, n_thetas)
        self._n_true, self._n_events = n_true, np.zeros((), np.int64)
        self._n_lost = np.zeros(n_thetas, np.int64)
        self._weight_ref, self._ratio, self._weight = np.zeros((3, *shape))
        self._weight_true, self._log_ratio, self._inverse = np.zeros((3, n_true, *shape))
        self._total_true = np.zeros(n_true)

    def add(self, log_ratio: Floats, weights: Floats, weights_ref: Floats) -> None:
        """Adds a block of events.

        Args:
            log_ratio: log r(x|theta) relative to the reference density, (event, theta).
            weights: Weight of each event at each point, (event, theta).
            weights_ref: Weight of each event under the reference density, (event,).
        """
        known = np.abs(log_ratio) < _LARGEST_LOG
        true = slice(log_ratio.shape[1] - self._n_true, None)
        weights_true = weights[:, true]
        self._total_true += weights_true.sum(axis=0)
        all_known = known.all()
        if not all_known:
            self._n_lost += np.count_nonzero(~known, axis=0)
            log_ratio, weights = np.where(known, log_ratio, 0.0), np.where(known, weights, 0.0)
        ratio = np.exp(log_ratio)
        inverse = weights / ratio
        if not all_known:
            ratio = np.where(known, ratio, 0.0)
        for group in range(N_REPLICAS):
            rows = slice((group - self._n_events) % N_REPLICAS, None, N_REPLICAS)
            there = None if all_known else known[rows]
            self._weight_ref[group] += _sum(weights_ref[rows, None], there)[0]
            self._weight_true[:, group] += _sum(weights_true[rows], there)
            self._weight[group] += weights[rows].sum(axis=0)
            self._ratio[group] += weights_ref[rows] @ ratio[rows]
            self._log_ratio[:, group] += weights_true[rows].T @ log_ratio[rows]
            with np.errstate(over="ignore", invalid="ignore"):  # then there is no correction
                self._inverse[:, group] += ratio[rows, true].T @ inverse[rows]
        self._n_events += len(log_ratio)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Returns all sums by name, from which `of_arrays` makes the same again."""
        return {name.removeprefix("_"): array for name, array in self._sums().items()}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> AsimovSums:
        """Returns the sums whose arrays these are.

        Args:
            arrays: What `arrays` returned.

        Raises:
            KeyError: An array is missing.
            ValueError: One has another shape than it should.
        """
        n_true, _, n_thetas = arrays["weight_true"].shape
        sums = cls(n_thetas, n_true)
        for name, array in sums._sums().items():
            array += arrays[name.removeprefix("_")]
        return sums

    def merge(self, other: AsimovSums) -> None:
        """Adds the sums over other events, at the same points.

        Args:
            other: The other sums.

        Raises:
            ValueError: They are for another number of points.
        """
        theirs = other._sums()
        for name, array in self._sums().items():
            array += theirs[name]

    @property
    def any_lost(self) -> bool:
        """Whether an event has been left out at some point."""
        return bool(self._n_lost.any())

    def at(self, change: Callable[[Floats], Floats]) -> AsimovSums:
        """Returns the sums at other points, where no event was left out.

        Args:
            change: Turns values at the points, the true ones left out, into those at the other
                points, (…, theta) into (…, other theta).
        """
        n_grid, changed = self._ratio.shape[1] - self._n_true, {}
        for name, values in self.arrays().items():
            if values.ndim > 1:
                there = change(values[..., :n_grid])
                changed[name] = np.concatenate([there, values[..., n_grid:]], axis=-1)
        n_lost = np.zeros(changed["ratio"].shape[1], np.int64)
        return AsimovSums.of_arrays(self.arrays() | changed | {"n_lost": n_lost})

    def distance(self, other: AsimovSums) -> float:
        """Returns the largest difference of the means that likelihoods are made of.

        Those of ratios are compared relatively, those of log ratios absolutely.

        Args:
            other: Sums over the same events.
        """
        with np.errstate(all="ignore"):
            ratio, log_ratio, inverse = zip(self._means(), other._means(), strict=True)
            differences = (
                ratio[0] / ratio[1] - 1.0,
                log_ratio[0] - log_ratio[1],
                inverse[0] / inverse[1] - 1.0,
            )
        return float(max(np.abs(one).max() for one in differences))

    def _means(self) -> tuple[Floats, Floats, Floats]:
        """Returns the means of r in the reference, of log r at the true points, and of 1 / r."""
        sums = (
            (self._ratio, self._weight_ref),
            (self._log_ratio, self._weight_true),
            (self._inverse, self._weight),
        )
        ratio, log_ratio, inverse = (a.sum(axis=-2) / b.sum(axis=-2) for a, b in sums)
        return ratio, log_ratio, inverse

    def _sums(self) -> dict[str, NDArray[Any]]:
        """Returns the sums themselves by name."""
        return {name: value for name, value in vars(self).items() if name != "_n_true"}

    def result(self, n_expected: Sequence[float], seed: int) -> Expectation:
        """Returns what the events added so far say.

        Args:
            n_expected: Expected number of events at each true point, (true,).
            seed: Seed of the replicas.

        Raises:
            ValueError: The events have no weight at a true point.
        """
        if not (self._total_true > 0.0).all():
            raise ValueError("the events have no weight at the true parameter point")
        shares = np.full(N_REPLICAS, 1.0 / N_REPLICAS)
        drawn = np.random.default_rng(seed).multinomial(N_REPLICAS, shares, N_REPLICAS)
        even = np.arange(N_REPLICAS) % 2
        times = np.vstack([np.ones(N_REPLICAS), even, 1 - even, drawn])
        with np.errstate(divide="ignore", invalid="ignore"):
            log_norm = np.log((times @ self._ratio) / (times @ self._weight_ref))
            weight = self._weight_true[0].sum(axis=0)
            lost = np.where(self._n_lost > 0, 1.0 - weight / self._total_true[0], 0.0)
        unknown = (np.abs(lost) > _LARGEST_LOSS) | ~np.isfinite(log_norm[0])
        log_norm[:, unknown] = np.nan
        grid = slice(log_norm.shape[1] - self._n_true)
        _warn(self._n_lost[grid], unknown[grid])
        return Expectation(
            expected=tuple(
                self._likelihood(number, n, times, log_norm) for number, n in enumerate(n_expected)
            ),
            log_normalisation=log_norm[0, grid],
            log_normalisation_replicas=log_norm[_DRAWN, grid],
            n_lost=self._n_lost[grid].copy(),
            lost=lost[grid],
        )

    def _likelihood(
        self, number: int, n_expected: float, times: Floats, log_norm: Floats
    ) -> KinematicLikelihood:
        """Returns the likelihood of the expected data of one true point."""
        n_grid = log_norm.shape[1] - self._n_true
        grid, true = slice(n_grid), n_grid + number
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            mean = (times @ self._log_ratio[number]) / (times @ self._weight_true[number])
            inverse = (times @ self._inverse[number]) / (times @ self._weight)
            correction = inverse * np.exp(log_norm - log_norm[:, [true]]) - 1.0
        raw = n_expected * np.where(np.isnan(log_norm), np.nan, mean)
        plug_in = raw - n_expected * log_norm
        corrected = plug_in + n_expected * np.where(np.isfinite(correction), correction, np.nan)
        return KinematicLikelihood(
            n_events=n_expected,
            plug_in=plug_in[0, grid],
            raw=raw[0, grid],
            corrected=corrected[0, grid],
            replicas_plug_in=plug_in[_DRAWN, grid],
            replicas_corrected=corrected[_DRAWN, grid],
            halves=corrected[_HALVES, grid],
        )


def _sum(weights: Floats, there: NDArray[np.bool_] | None) -> Floats:
    """Returns the sums of weights over the events that are there, (weight, theta)."""
    return weights.sum(axis=0)[:, None] if there is None else weights.T @ there


def _warn(n_lost: NDArray[np.int64], unknown: NDArray[np.bool_]) -> None:
    """Tells the user which log ratios could not be used."""
    if n_lost.any() or unknown.any():
        log.warning(
            "log ratios that are not finite: up to %d events left out at %d parameter points, and"
            " %d points without a likelihood",
            n_lost.max(),
            np.count_nonzero(n_lost),
            np.count_nonzero(unknown),
        )
