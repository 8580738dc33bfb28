"""Tests of E[d | bin] = 0 with weighted events.

Closure and calibration compare two weights, or two scores, of the *same* events. Their difference
d of each event has the mean zero in every bin if the estimator is right, whatever the latent
variables do to its spread. Both sides are normalised with these very events, for which
d (1_b - share_b) in place of d 1_b accounts: the covariance of the bins is the sum of its products
over the events, and the bins add up to zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.statistics.histograms import Binning

__all__ = ["BinnedTests", "bin_index", "bin_sums", "binned_tests", "merged", "padded"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_BINS = 20
_EVENTS_A_BIN = 200  # effective ones on average, so that sums over the narrow bins are Gaussian
_SAMPLE = 50_000  # events from which the bins are found
_SINGULAR = 1e-9  # eigenvalue of a correlation matrix that is zero
_ROUNDING = 1e-24  # square of a relative difference that is zero


@dataclass(frozen=True)
class BinnedTests:
    """The outcome of tests, arrays of the same shape.

    Attributes:
        chi2: Chi-square of the differences in all bins.
        ndf: Its degrees of freedom, one less than there are bins; zero without any difference.
        p_values: Its p-value.
        size: Sum of (difference^2 - error^2) / share over the bins, not below zero: how large the
            differences are, whatever the number of events with which they were found.
        distances: Largest difference of the cumulative distributions at the edges of the bins.
    """

    chi2: Floats
    ndf: Integers
    p_values: Floats
    size: Floats
    distances: Floats


def bin_index(values: Floats, weights: Floats) -> Integers:
    """Returns the bin of each event; bins are quantiles, narrow towards both ends.

    Args:
        values: An observable or anything else, (event,).
        weights: Weights for the quantiles, (event,); negative ones count as zero.
    """
    some = slice(None, None, -(-len(values) // _SAMPLE))
    effective = weights.sum() ** 2 / (weights @ weights)
    n_bins = int(np.clip(effective / _EVENTS_A_BIN, 2, _BINS))
    binning = Binning.quantiles(values[some, None], weights[some], [n_bins])
    return np.searchsorted(np.unique(binning.cuts[0]), values, side="right")


def bin_sums(index: Integers, columns: Sequence[Floats]) -> list[Floats]:
    """Returns sums over the events of each bin, (bin, column) for each block of columns.

    Args:
        index: The bin of each event, (event,).
        columns: What is summed, (event, column) each.
    """
    from scipy.sparse import csr_array

    n = len(index)
    members = csr_array((np.ones(n), index, np.arange(n + 1)), shape=(n, int(index.max()) + 1))
    return [np.asarray(members.T @ values) for values in columns]


def binned_tests(difference: Floats, squares: Floats, shares: Floats) -> BinnedTests:
    """Tests whether differences are zero in all bins.

    Args:
        difference: Sum of d over each bin, (bin, test).
        squares: Sum of d squared, (bin, test).
        shares: Share of the bin in the weights to which d refers, (bin, test).
    """
    from scipy.special import chdtrc

    outcomes = [_chi2(*columns) for columns in zip(difference.T, squares.T, shares.T, strict=True)]
    chi2, ndf = (np.array(values) for values in zip(*outcomes, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.where(shares > 0.0, (difference**2 - squares) / shares, 0.0)
    return BinnedTests(
        chi2=chi2,
        ndf=ndf,
        p_values=np.where(ndf > 0, chdtrc(np.maximum(ndf, 1), chi2), 1.0),
        size=np.maximum(excess.sum(axis=0) + squares.sum(axis=0), 0.0),
        distances=np.abs(np.cumsum(difference, axis=0)).max(axis=0),
    )


def merged(tests: Sequence[BinnedTests], merge: Callable[[list[Any]], Any]) -> BinnedTests:
    """Returns several tests as one.

    Args:
        tests: The tests.
        merge: How their arrays become one, such as `np.concatenate`.
    """
    names = [field.name for field in fields(BinnedTests)]
    return BinnedTests(**{name: merge([getattr(test, name) for test in tests]) for name in names})


def padded(rows: Sequence[Floats]) -> Floats:
    """Returns arrays with different numbers of bins as one, with NaN after the last bin.

    Args:
        rows: Arrays, (quantity, bin) each.

    Returns:
        The arrays, (quantity, row, bin).
    """
    result = np.full((len(rows[0]), len(rows), max(row.shape[1] for row in rows)), np.nan)
    for number, row in enumerate(rows):
        result[:, number, : row.shape[1]] = row
    return result


def _chi2(difference: Floats, squares: Floats, shares: Floats) -> tuple[float, int]:
    """Returns chi-square and degrees of freedom of one test."""
    covariance = np.diag(squares) + squares.sum() * np.outer(shares, shares)
    covariance -= np.outer(squares, shares) + np.outer(shares, squares)
    variance = np.diag(covariance)
    used = variance > np.maximum(_SINGULAR * squares, _ROUNDING * shares**2)
    errors = np.sqrt(variance[used])
    eigenvalues, vectors = np.linalg.eigh(covariance[np.ix_(used, used)] / np.outer(errors, errors))
    regular = eigenvalues > _SINGULAR
    pulls = vectors[:, regular].T @ (difference[used] / errors)
    return float((pulls**2 / eigenvalues[regular]).sum()), int(np.count_nonzero(regular))
