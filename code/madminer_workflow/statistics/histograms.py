"""Expected likelihoods from histograms of weighted events.

Event weights are linear in their values at the benchmarks, so one histogram a benchmark holds the
histogram at every parameter point: hist(theta) = A(theta) @ benchmark histograms, exactly. Bins
are quantiles of the mixture of all benchmarks, not of one of them, and narrow towards both ends:
they resolve the tails where the parameters act, and none is poorly filled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Binning",
    "Data",
    "SallinoTemplates",
    "Templates",
    "default_bins",
    "mixture",
    "sallino_templates",
    "templates",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_FLOOR = 1e-12  # probability added to each bin, so that an empty one excludes without infinities
_SALLINO_CELLS = 8192  # cells of the score that are projected on each direction


@dataclass(frozen=True)
class Binning:
    """Bins in any number of dimensions that cover all values.

    The first dimension is cut into bins, each of these along the second dimension, and so on; the
    cuts of a dimension may differ from bin to bin of those before it.

    Attributes:
        cuts: For each dimension the inner edges, (bin of the dimensions before, inner edge).
    """

    cuts: tuple[Floats, ...]

    @classmethod
    def rectangular(cls, cuts: Sequence[ArrayLike]) -> Binning:
        """Returns bins with the same edges everywhere.

        Args:
            cuts: The inner edges of each dimension; the outer bins are open.
        """
        rows, parents = [], 1
        for inner in (np.asarray(cut, float) for cut in cuts):
            rows.append(np.tile(inner, (parents, 1)))
            parents *= len(inner) + 1
        return cls(tuple(rows))

    @classmethod
    def quantiles(cls, values: Floats, weights: Floats, n_bins: Sequence[int]) -> Binning:
        """Returns bins of comparable content, with less of it towards the ends of each dimension.

        Args:
            values: Values of weighted events, (event, dimension).
            weights: Weight of each event, (event,); negative weights count as zero.
            n_bins: Number of bins in each dimension.
        """
        return _quantiles(values, weights, n_bins)[0]

    @property
    def n_bins(self) -> int:
        """Total number of bins."""
        return int(np.prod([cut.shape[1] + 1 for cut in self.cuts], dtype=int))

    def index(self, values: Floats) -> Integers:
        """Returns the bin of each event, (event,); the last dimension runs fastest.

        Args:
            values: Values of the events, (event, dimension).
        """
        index = np.zeros(len(values), np.int64)
        for column, cuts in zip(np.asarray(values, float).T, self.cuts, strict=True):
            index = _index(column, cuts, index)
        return index

    def fill(self, values: Floats, weights: Floats) -> Floats:
        """Returns histograms of weighted events, (weight, bin).

        Args:
            values: Values of the events, (event, dimension).
            weights: Weights of the events, (event, weight).
        """
        return _filled(self.index(values), weights, self.n_bins)


@dataclass(frozen=True)
class Data:
    """Weighted events that stand for data.

    Attributes:
        values: Observables or components of the score, (event, dimension).
        weights: Weight at the true parameter point, (event,).
        n_expected: Number of events that they stand for.
    """

    values: Floats
    weights: Floats
    n_expected: float

    def fill(self, binning: Binning) -> Floats:
        """Returns the number of events in each bin, (bin,).

        Args:
            binning: The bins.
        """
        histogram = binning.fill(self.values, self.weights[:, None])[0]
        total = histogram.sum()
        return histogram if total == 0.0 else np.asarray(self.n_expected * histogram / total)


@dataclass(frozen=True)
class Templates:
    """Histograms at the benchmarks, from which follow those at every parameter point.

    Attributes:
        binning: The bins.
        histograms: Cross section in each bin, (benchmark, bin).
    """

    binning: Binning
    histograms: Floats

    def probabilities(self, morphing_weights: Floats) -> Floats:
        """Returns the probability of each bin at parameter points, (theta, bin).

        Args:
            morphing_weights: Weight of each benchmark, (theta, benchmark).
        """
        return _probabilities(morphing_weights @ self.histograms)

    def log_likelihood(self, morphing_weights: Floats, data: Data) -> Floats:
        """Returns the kinematic log-likelihood of expected data, (theta,).

        Args:
            morphing_weights: Weight of each benchmark, (theta, benchmark).
            data: The expected data.
        """
        return np.log(self.probabilities(morphing_weights)) @ data.fill(self.binning)

    def log_density(self, morphing_weights: Floats, values: Floats) -> Floats:
        """Returns the log of the probability of the bin of each event, (event, theta).

        Args:
            morphing_weights: Weight of each benchmark, (theta, benchmark).
            values: Values of the events, (event, dimension).
        """
        return np.asarray(
            np.log(self.probabilities(morphing_weights)).T[self.binning.index(values)]
        )


@dataclass(frozen=True)
class SallinoTemplates:
    """Histograms of the score along the line from the reference point to each parameter point.

    SALLINO (arXiv:1805.00020) reduces events to score . (theta - theta_ref), another quantity for
    each theta. Its density at theta is taken relative to that at theta_ref, so that bins which
    differ from point to point drop out. Events are put into many cells of the score once, and the
    cells are projected: thousands of points cost seconds however many events there are.

    Attributes:
        theta_ref: The point at which the score is taken, (parameter,).
        cells: Fine templates of the score.
        centres: Mean score in each cell, (cell, parameter).
    """

    theta_ref: Floats
    cells: Templates
    centres: Floats

    def log_likelihood(
        self,
        thetas: Floats,
        morphing: Callable[[Floats], Floats],
        data: Data,
        n_bins: int = 50,
    ) -> Floats:
        """Returns the kinematic log-likelihood of expected data relative to theta_ref, (theta,).

        Args:
            thetas: Parameter points, (theta, parameter).
            morphing: Gives the weight of each benchmark, (theta, benchmark), at given points.
            data: Expected data: their score, weights and number.
            n_bins: Number of bins along each line.
        """
        expected = data.fill(self.cells.binning)
        lines = self._lines(thetas, morphing, n_bins)
        return np.array([np.bincount(index, expected, n_bins) @ log_r for index, log_r in lines])

    def log_density(
        self,
        thetas: Floats,
        morphing: Callable[[Floats], Floats],
        values: Floats,
        n_bins: int = 50,
    ) -> Floats:
        """Returns the log-density of each event relative to theta_ref, (event, theta).

        Args:
            thetas: Parameter points, (theta, parameter).
            morphing: Gives the weight of each benchmark, (theta, benchmark), at given points.
            values: Scores of the events, (event, parameter).
            n_bins: Number of bins along each line.
        """
        cells, lines = self.cells.binning.index(values), self._lines(thetas, morphing, n_bins)
        return np.stack([log_r[index[cells]] for index, log_r in lines], axis=1)

    def _lines(
        self, thetas: Floats, morphing: Callable[[Floats], Floats], n_bins: int
    ) -> Iterator[tuple[Integers, Floats]]:
        """Yields the bin of each cell, and log p(theta) / p(theta_ref) in the bins, for points."""
        reference = (morphing(self.theta_ref[None]) @ self.cells.histograms)[0]
        for theta, weights in zip(thetas, morphing(thetas), strict=True):
            index = self._index(theta, n_bins)
            contents = (weights @ self.cells.histograms, reference)
            histograms = [np.bincount(index, content, n_bins) for content in contents]
            log_p = np.log(_probabilities(np.stack(histograms)))
            yield index, log_p[0] - log_p[1]

    def _index(self, theta: Floats, n_bins: int) -> Integers:
        """Returns the bin of each cell; the bins are quantiles of the mixture of benchmarks."""
        order = np.argsort(self.centres @ (theta - self.theta_ref), kind="stable")
        content = np.maximum(mixture(self.cells.histograms.T), 0.0)[order]
        middle = np.cumsum(content) - 0.5 * content
        index = np.empty(len(order), np.int64)
        index[order] = np.searchsorted(_levels(n_bins), middle / content.sum(), side="right")
        return index


def default_bins(dimension: int, n_events: int = 50_000) -> tuple[int, ...]:
    """Returns numbers of bins that are filled by 500 events on average, 50 bins at most.

    More bins follow the fluctuations of the events, which makes regions too small.

    Args:
        dimension: Number of quantities in the histogram.
        n_events: Number of events.
    """
    return (min(50, max(3, round((n_events / 500.0) ** (1.0 / dimension)))),) * dimension


def mixture(weights: Floats) -> Floats:
    """Returns the weights of the equal mixture of all benchmarks, (event,).

    Args:
        weights: Weight at each benchmark, (event, benchmark).
    """
    totals = np.einsum("eb->b", weights)
    shares = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0.0)
    return np.asarray(weights @ (shares / max(np.count_nonzero(shares), 1)))


def templates(values: Floats, weights: Floats, n_bins: Sequence[int]) -> Templates:
    """Makes histograms whose bins are quantiles of the mixture of all benchmarks.

    Args:
        values: Observables, or components of the score, of weighted events, (event, dimension).
        weights: Weight at each benchmark, (event, benchmark).
        n_bins: Number of bins in each dimension.
    """
    binning, index = _quantiles(values, mixture(weights), n_bins)
    return Templates(binning, _filled(index, weights, binning.n_bins))


def sallino_templates(scores: Floats, weights: Floats, theta_ref: ArrayLike) -> SallinoTemplates:
    """Makes the templates of the SALLINO method.

    Args:
        scores: Score at the reference point of weighted events, (event, parameter).
        weights: Weight at each benchmark, (event, benchmark).
        theta_ref: The reference point, (parameter,).
    """
    dimension = scores.shape[1]
    cells = templates(scores, weights, (round(_SALLINO_CELLS ** (1.0 / dimension)),) * dimension)
    content = np.maximum(mixture(weights), 0.0)
    sums = cells.binning.fill(scores, np.column_stack([scores * content[:, None], content]))
    centres = (sums[:-1] / np.where(sums[-1] > 0.0, sums[-1], 1.0)).T
    return SallinoTemplates(np.asarray(theta_ref, float), cells, centres)


def _quantiles(values: Floats, weights: Floats, n_bins: Sequence[int]) -> tuple[Binning, Integers]:
    """Returns what `Binning.quantiles` does, and the bin of each event."""
    weights = np.maximum(weights, 0.0)
    index, binning = np.zeros(len(values), np.int64), Binning(())
    for column, n in zip(np.asarray(values, float).T, n_bins, strict=True):
        column = np.ascontiguousarray(column)
        cuts = _quantile_cuts(column, weights, index, binning.n_bins, n)
        binning = Binning((*binning.cuts, cuts))
        index = _index(column, cuts, index)
    return binning, index


def _filled(index: Integers, weights: Floats, n_bins: int) -> Floats:
    """Returns the sums of weights in bins, (weight, bin)."""
    return np.stack([np.bincount(index, w, n_bins) for w in weights.T])


def _quantile_cuts(
    column: Floats, weights: Floats, parents: Integers, n_parents: int, n_bins: int
) -> Floats:
    """Returns the inner edges that cut each bin so far at quantiles of its weight."""
    order = np.argsort(column)
    if n_parents > 1:
        # Sorting by the parents as well is cheap, since there are few of them.
        kind = np.uint16 if n_parents <= 2**16 else np.int64
        order = order[np.argsort(parents[order].astype(kind), kind="stable")]
    cumulative = np.cumsum(weights[order])
    last = np.searchsorted(parents[order], np.arange(n_parents), side="right")
    ends = np.append(0.0, cumulative)[last]
    starts = np.append(0.0, ends[:-1])
    targets = starts[:, None] + np.outer(ends - starts, _levels(n_bins))
    positions = np.searchsorted(cumulative, targets, side="right")
    return np.asarray(column[order][np.minimum(positions, len(column) - 1)])


def _levels(n_bins: int) -> Floats:
    """Returns the quantiles at which bins are cut: the zeros of a Chebyshev polynomial.

    The content of the outermost of n bins is 2.5 / n^2 instead of 1 / n.
    """
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.arange(1, n_bins) / n_bins))


def _index(column: Floats, cuts: Floats, parents: Integers) -> Integers:
    """Returns the bins of events that the bins so far fall into when cut once more, (event,)."""
    n_parents, n_cuts = cuts.shape
    if n_parents == 1:
        return np.searchsorted(cuts[0], column, side="right")
    below = np.searchsorted(
        _lexicographic(np.repeat(np.arange(n_parents), n_cuts), cuts.ravel()),
        _lexicographic(parents, column),
        side="right",
    )
    return np.asarray(parents * (n_cuts + 1) + below - parents * n_cuts)


def _lexicographic(first: Integers, second: Floats) -> NDArray[np.complex128]:
    """Returns pairs of numbers as complex ones, which NumPy orders by the real part first."""
    pairs = np.empty(len(first), complex)
    pairs.real, pairs.imag = first, second
    return pairs


def _probabilities(histograms: Floats) -> Floats:
    """Returns histograms normalised to one and without empty bins, (theta, bin)."""
    contents = np.maximum(histograms, 0.0)
    totals = contents.sum(axis=1, keepdims=True)
    contents = contents / np.where(totals > 0.0, totals, 1.0) + _FLOOR
    return np.asarray(contents / contents.sum(axis=1, keepdims=True))
