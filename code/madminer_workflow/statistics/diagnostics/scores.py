"""Diagnostics of a learned score with held-out events: its mean, regression and closure.

The score is the mean of the joint score for given observables. Limits from histograms of a learned
score stay valid if it is not; they are less powerful.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.statistics.diagnostics.binned import (
    BinnedTests,
    bin_index,
    bin_sums,
    binned_tests,
    merged,
    padded,
)

__all__ = ["ScoreCalibration", "ScoreClosure", "Scores", "score_calibration", "score_closure"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Learned and joint score of held-out events.

    Events whose learned score is not finite have no weight.

    Attributes:
        mean: Mean of the learned score, (parameter,).
        learned: Learned score less its mean, (event, parameter).
        joint: Joint score less its mean, (event, parameter).
        weights: Weights at the point of the score, which add up to one, (event,).
    """

    mean: Floats
    learned: Floats
    joint: Floats
    weights: Floats

    @classmethod
    def of(cls, learned: Floats, joint: Floats, weights_ref: Floats) -> Scores:
        """Normalises weights and subtracts means.

        Args:
            learned: Learned score, (event, parameter).
            joint: Joint score, (event, parameter).
            weights_ref: Weight of each event at the point of the score, (event,).
        """
        known = np.all(np.isfinite(learned), axis=1, keepdims=True)
        weights = weights_ref * known[:, 0]
        weights /= weights.sum()
        learned, joint = (np.where(known, values, 0.0) for values in (learned, joint))
        mean = weights @ learned
        return cls(mean, learned - mean, joint - weights @ joint, weights)


@dataclass(frozen=True)
class ScoreCalibration:
    """The regression of the joint on the learned score.

    Attributes:
        mean: Mean of the learned score, zero for the true one, (parameter,).
        mean_error: Its Monte Carlo error, (parameter,).
        slope: Slope of the regression line, one for the true score, (parameter,).
        slope_error: Its Monte Carlo error, (parameter,).
        learned: Mean of the learned score in its bins, (parameter, bin); NaN without events.
        joint: Mean of the joint score in the same bins, (parameter, bin).
        errors: Monte Carlo error of their difference, (parameter, bin).
        tests: Tests that both are equal in these bins, less their means, (parameter,).
    """

    mean: Floats
    mean_error: Floats
    slope: Floats
    slope_error: Floats
    learned: Floats
    joint: Floats
    errors: Floats
    tests: BinnedTests


@dataclass(frozen=True)
class ScoreClosure:
    """What observables still tell of the joint score when the learned one is subtracted.

    Attributes:
        observables: Names of the observables.
        tests: Tests that it is nothing, (parameter, observable).
        lost: Share of the information on the parameter that the learned score misses,
            (parameter, observable).
    """

    observables: tuple[str, ...]
    tests: BinnedTests
    lost: Floats


def score_calibration(scores: Scores) -> ScoreCalibration:
    """Compares the learned with the joint score in bins of the former.

    Args:
        scores: The scores of held-out events.
    """
    x, y, weights = scores.learned, scores.joint, scores.weights
    square = weights @ x**2
    slope = weights @ (x * y) / square
    outcomes = [_calibration(scores, parameter) for parameter in range(x.shape[1])]
    learned, joint, errors = padded([bins for bins, _ in outcomes])
    return ScoreCalibration(
        mean=scores.mean,
        mean_error=np.sqrt(weights**2 @ x**2),
        slope=slope,
        slope_error=np.sqrt(weights**2 @ (x * (y - slope * x)) ** 2) / square,
        learned=learned + scores.mean[:, None],
        joint=joint,
        errors=errors,
        tests=merged([test for _, test in outcomes], np.concatenate),
    )


def score_closure(observables: Sequence[str], x: Floats, scores: Scores) -> ScoreClosure:
    """Tests in bins of observables whether the learned score is the mean of the joint one.

    Args:
        observables: Names of the observables.
        x: Observables, (event, observable).
        scores: The scores of the same events.
    """
    columns = _columns(scores, slice(None))
    each = [binned_tests(*_sums(values, scores, columns)) for values in x.T]
    tests = merged(each, np.column_stack)
    information = (scores.weights @ scores.learned**2)[:, None] + tests.size
    return ScoreClosure(tuple(observables), tests, tests.size / information)


def _columns(scores: Scores, parameters: slice) -> list[Floats]:
    """Returns what `binned_tests` needs the sums of, (event, parameter) each."""
    weights = scores.weights[:, None]
    difference = weights * (scores.learned - scores.joint)[:, parameters]
    return [difference, difference**2, np.broadcast_to(weights, difference.shape)]


def _sums(values: Floats, scores: Scores, columns: Sequence[Floats]) -> list[Floats]:
    """Returns sums of columns in bins of values."""
    return bin_sums(bin_index(values, np.maximum(scores.weights, 0.0)), columns)


def _calibration(scores: Scores, parameter: int) -> tuple[Floats, BinnedTests]:
    """Returns means of both scores and the error of their difference in bins, and the test."""
    learned, one = scores.learned[:, parameter], slice(parameter, parameter + 1)
    both = [scores.weights[:, None] * values[:, one] for values in (scores.learned, scores.joint)]
    *means, difference, squares, shares = _sums(learned, scores, [*both, *_columns(scores, one)])
    content = np.where(shares > 0.0, shares, np.nan)
    bins = np.hstack([*means, np.sqrt(squares)]) / content
    return bins.T, binned_tests(difference, squares, shares)
