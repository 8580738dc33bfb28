"""Unweighted events at parameter points, from those events of the file that suit each point."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.errors import InputError
from madminer_workflow.events import Events, Header
from madminer_workflow.sampling.draw import BLOCK, draw

__all__ = ["Unweighted", "pools", "unweight"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Unweighted:
    """Events drawn at parameter points, those of the first point first.

    Attributes:
        events: The events that they were drawn from.
        rows: Which of the events each sample is, (sample,).
        weights: Their weights at the benchmarks, (sample, benchmark).
        thetas: Which of the parameter points each sample was drawn at, (sample,).
        totals_at: Sums of the weights over all events that each parameter point was drawn from,
            (theta, benchmark).
        effective_samples: Effective number of events (sum w)^2 / sum w^2 that each parameter
            point was drawn from, (theta,).
        negative: Share of negative weights in the sum of the absolute weights.
    """

    events: Events
    rows: Indices
    weights: Floats
    thetas: Indices
    totals_at: Floats
    effective_samples: Floats
    negative: float

    @property
    def x(self) -> Floats:
        """Observables, (sample, observable)."""
        return self.events.x.take(self.rows, axis=0)

    @property
    def totals(self) -> Floats:
        """The sums of weights that belong to each sample, (sample, benchmark)."""
        return self.totals_at.take(self.thetas, axis=0)

    def take(self, indices: Indices) -> Unweighted:
        """Returns the samples in another order.

        Args:
            indices: Which samples, (sample,).
        """
        names = ("rows", "weights", "thetas")
        return replace(self, **{name: getattr(self, name).take(indices, axis=0) for name in names})


def unweight(
    events: Events, thetas: Floats, counts: Indices, rng: np.random.Generator
) -> Unweighted:
    """Draws events, with replacement, from the densities at parameter points.

    Negative weights count as zero in the draw, but not in cross sections.

    Args:
        events: The weighted events.
        thetas: Parameter points, (theta, parameter).
        counts: How many events to draw at each point, (theta,).
        rng: Randomness.

    Raises:
        InputError: The cross section at a parameter point is not positive.
    """
    coefficients = events.header.weights(thetas)
    owner = np.repeat(np.arange(len(thetas)), counts)
    drawn, weights = np.empty(len(owner), np.int64), np.empty((len(owner), coefficients.shape[1]))
    totals = np.empty_like(coefficients)
    effective, negative = np.empty((2, len(thetas)))
    for which, indices, pool in pools(events, thetas):
        totals[which] = total = np.einsum("eb->b", pool)
        _check_positive(events.header, thetas, coefficients @ total)
        effective[which] = _effective_samples(pool, total, coefficients[which])
        negative[which] = _negative_share(pool, coefficients[which])
        rows = draw(pool, coefficients[which], counts[which], rng)
        samples = np.flatnonzero(np.isin(owner, which))
        drawn[samples], weights[samples] = indices.take(rows), pool.take(rows, axis=0)
    return Unweighted(events, drawn, weights, owner, totals, effective, float(negative.mean()))


def pools(events: Events, thetas: Floats) -> Iterator[tuple[Indices, Indices, Floats]]:
    """Yields the events that each parameter point is drawn from, as MadMiner chooses them.

    They are those that were generated at the closest benchmark that has any, and background.

    Args:
        events: The weighted events.
        thetas: Parameter points, (theta, parameter).

    Yields:
        Points that share a pool, (theta,); its events, (event,); their weights at the benchmarks
        in pb, normalised to the whole cross section, (event, benchmark).
    """
    header, sampled_from = events.header, events.sampled_from
    columns = enumerate(header.benchmark_columns)
    present = [b for b, c in columns if header.n_sampled[c] and np.any(sampled_from == c)]
    if not present:
        yield np.arange(len(thetas)), np.arange(len(events)), events.weights
        return
    difference = thetas[:, None, :] - header.benchmark_values[present]
    closest = np.array(present)[(difference**2).sum(axis=2).argmin(axis=1)]
    for benchmark in np.unique(closest):
        column = header.benchmark_columns[benchmark]
        which = np.flatnonzero(closest == benchmark)
        indices = np.flatnonzero((sampled_from == column) | (sampled_from < 0))
        # Signal events carry the share of their benchmark, here they stand for the whole signal.
        scale = header.n_sampled.sum() / header.n_sampled[column]
        if len(indices) == len(events) and scale == 1.0:
            yield which, indices, events.weights
            return
        scales = np.where(sampled_from[indices] < 0, 1.0, scale)[:, None]
        yield which, indices, events.weights.take(indices, axis=0) * scales


def _check_positive(header: Header, thetas: Floats, cross_sections: Floats) -> None:
    """Raises InputError unless all cross sections are positive."""
    bad = thetas[cross_sections <= 0]
    if len(bad):
        theta = tuple(bad[0].tolist())
        raise InputError(f"{header.path}: no events with positive weight at theta = {theta}")


def _effective_samples(pool: Floats, total: Floats, coefficients: Floats) -> Floats:
    """Returns the effective number of events at each point, (theta,)."""
    squares = np.einsum("tb,bc,tc->t", coefficients, pool.T @ pool, coefficients)
    return np.asarray((coefficients @ total) ** 2 / squares)


def _negative_share(pool: Floats, coefficients: Floats) -> float:
    """Returns the share of negative weights at the points, or at some of them if there are many."""
    stride = math.ceil(len(coefficients) * len(pool) / (2 * BLOCK))
    some = [pool @ row for row in coefficients[::stride]]
    negative, total = -sum(w[w < 0].sum() for w in some), sum(w.sum() for w in some)
    return float(negative / (total + 2 * negative))
