"""Diagnostics of a learned ratio with held-out events: closure and calibration.

Both hold the events of the reference, reweighted with the learned ratio to a parameter point,
against the same events with their true weights there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.statistics.diagnostics.binned import (
    BinnedTests,
    bin_index,
    bin_sums,
    binned_tests,
    merged,
    padded,
)

__all__ = ["Calibration", "Closure", "Reweighting", "calibration", "closure", "possible_change"]

Floats = NDArray[np.float64]

_LARGEST_LOG = 700.0  # of a ratio that is still a finite number


@dataclass(frozen=True)
class Reweighting:
    """Held-out events with true and learned weights at some parameter points.

    All weights add up to one. Events whose ratio is not a finite number have none.

    Attributes:
        log_ratio: Learned log r(x|theta), normalised so that E_ref[r] = 1, (event, theta).
        reference: Weight under the reference density, (event,).
        learned: Weight under the reference times the learned ratio, (event, theta).
        true: Weight at each point, (event, theta).
    """

    log_ratio: Floats
    reference: Floats
    learned: Floats
    true: Floats

    @classmethod
    def of(cls, log_ratio: Floats, weights_ref: Floats, weights: Floats) -> Reweighting:
        """Normalises ratios and weights.

        Args:
            log_ratio: Learned log r(x|theta) relative to the reference density, (event, theta).
            weights_ref: Weight of each event under the reference density, (event,).
            weights: Weight of each event at each point, (event, theta).
        """
        known = np.all(np.abs(log_ratio) < _LARGEST_LOG, axis=1, keepdims=True)
        log_ratio = np.where(known, log_ratio, 0.0)
        reference = weights_ref * known[:, 0]
        reference /= reference.sum()
        true = weights * known
        scale = log_ratio.max(axis=0)
        learned = reference[:, None] * np.exp(log_ratio - scale)
        total = learned.sum(axis=0)
        return cls(
            log_ratio=log_ratio - scale - np.log(total),
            reference=reference,
            learned=learned / total,
            true=true / true.sum(axis=0),
        )


@dataclass(frozen=True)
class Closure:
    """Distributions of observables with learned and with true weights of the same events.

    Attributes:
        observables: Names of the observables.
        tests: Tests that they are equal, (theta, observable); the distances are those of
            Kolmogorov and Smirnov, for which no classifier is needed.
        chi2_data: Chi-square that the difference, less its noise, has in the expected data,
            (theta, observable).
    """

    observables: tuple[str, ...]
    tests: BinnedTests
    chi2_data: Floats


@dataclass(frozen=True)
class Calibration:
    """Predicted and true fractions in bins of the probability s = 1 / (1 + r).

    It is the probability that an event of the equal mixture of a point and the reference is from
    the reference. NaN where there are no events.

    Attributes:
        predicted: Mean of s, (theta, bin).
        true: Share of the reference, (theta, bin).
        errors: Monte Carlo error of their difference, (theta, bin).
        shares: Share of the events that are in the bin, (theta, bin).
        tests: Tests that reweighted and true events are equal in these bins, (theta,).
        chi2_data: Chi-square that the difference, less its noise, has in the expected data,
            (theta,).
        expected_error: Mean of |predicted - true| over the events, (theta,).
    """

    predicted: Floats
    true: Floats
    errors: Floats
    shares: Floats
    tests: BinnedTests
    chi2_data: Floats
    expected_error: Floats


def closure(
    observables: Sequence[str], x: Floats, events: Reweighting, n_expected: float
) -> Closure:
    """Compares the distributions of observables with learned and true weights.

    Args:
        observables: Names of the observables.
        x: Observables, (event, observable).
        events: Weights of the events.
        n_expected: Expected number of events of the data.
    """
    columns = _columns(events.learned, events.true)
    mixture = np.maximum(events.reference + events.true.mean(axis=1), 0.0)
    each = [binned_tests(*bin_sums(bin_index(values, mixture), columns)) for values in x.T]
    tests = merged(each, np.column_stack)
    return Closure(tuple(observables), tests, n_expected * tests.size)


def calibration(events: Reweighting, n_expected: float) -> Calibration:
    """Compares the probabilities that the learned ratio gives with how often they come true.

    Args:
        events: Weights of the events.
        n_expected: Expected number of events of the data.
    """
    columns = zip(events.log_ratio.T, events.learned.T, events.true.T, strict=True)
    outcomes = [_calibration(*column, events.reference) for column in columns]
    predicted, true, errors, shares = padded([bins for bins, _ in outcomes])
    tests = merged([test for _, test in outcomes], np.concatenate)
    return Calibration(
        predicted=predicted,
        true=true,
        errors=errors,
        shares=shares,
        tests=tests,
        chi2_data=n_expected * tests.size,
        expected_error=np.nansum(shares * np.abs(predicted - true), axis=1),
    )


def possible_change(chi2_data: ArrayLike, q: float) -> Floats:
    """Returns how far q may be off when the expected data see mismodelling with a chi-square.

    If the density at theta is wrong by a factor 1 + delta(x), q is off by 2 N E_true[delta], where
    E_theta[delta] = 0. By the inequality of Cauchy and Schwarz this is at most twice the root of
    N chi2(true | theta), which is q, times N E_theta[delta^2], which is the chi-square.

    Args:
        chi2_data: The chi-square, any shape.
        q: The test statistic at the parameter point.
    """
    return np.asarray(2.0 * np.sqrt(q * np.asarray(chi2_data, float)))


def _columns(learned: Floats, true: Floats) -> list[Floats]:
    """Returns what `binned_tests` needs the sums of, (event, theta) each."""
    difference = learned - true
    return [difference, difference**2, 0.5 * (learned + true)]


def _calibration(
    log_ratio: Floats, learned: Floats, true: Floats, reference: Floats
) -> tuple[Floats, BinnedTests]:
    """Returns predicted and true fraction, error and share of each bin at one point, and the test.

    With s = 1 / (1 + r) the residual w_ref - (w_ref + w) s of an event is s (w_ref r - w).
    """
    probability, both = 1.0 / (1.0 + np.exp(log_ratio)), reference + true
    residual = probability * (learned - true)
    fractions = np.column_stack([both, both * probability, reference, residual**2])
    index = bin_index(log_ratio, np.maximum(both, 0.0))
    *sums, fractions = bin_sums(index, [*_columns(learned[:, None], true[:, None]), fractions])
    total, predicted, from_reference, squares = fractions.T
    total = np.where(total > 0.0, total, np.nan)
    bins = np.stack(
        [predicted / total, from_reference / total, np.sqrt(squares) / total, total / 2.0]
    )
    return bins, binned_tests(*sums)
