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
        x: Observables, (sample, observable).
        weights: Weights at the benchmarks, (sample, benchmark).
        totals: Sums of these weights over all events that the sample was drawn from,
            (sample, benchmark).
        effective_samples: Effective number of events (sum w)^2 / sum w^2 that each parameter
            point was drawn from, (theta,).
        negative: Share of negative weights in the sum of the absolute weights.
    """

    x: Floats
    weights: Floats
    totals: Floats
    effective_samples: Floats
    negative: float

    def take(self, indices: Indices) -> Unweighted:
        """Returns the samples in another order.

        Args:
            indices: Which samples, (sample,).
        """
        chosen = {name: getattr(self, name)[indices] for name in ("x", "weights", "totals")}
        return replace(self, **chosen)


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
    drawn = np.empty(len(owner), np.int64)
    weights, totals = np.empty((2, len(owner), coefficients.shape[1]))
    effective, negative = np.empty((2, len(thetas)))
    for which, indices, pool in pools(events, thetas):
        total = pool.sum(axis=0)
        _check_positive(events.header, thetas, coefficients @ total)
        effective[which] = _effective_samples(pool, coefficients[which])
        negative[which] = _negative_share(pool, coefficients[which])
        rows = draw(pool, coefficients[which], counts[which], rng)
        samples = np.isin(owner, which)
        drawn[samples], weights[samples], totals[samples] = indices[rows], pool[rows], total
    return Unweighted(events.x[drawn], weights, totals, effective, float(negative.mean()))


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
    present = [b for b, c in columns if np.any(sampled_from == c) and header.n_sampled[c]]
    if not present:
        yield np.arange(len(thetas)), np.arange(len(events)), events.weights
        return
    difference = thetas[:, None, :] - header.benchmark_values[present]
    closest = np.array(present)[(difference**2).sum(axis=2).argmin(axis=1)]
    for benchmark in np.unique(closest):
        column = header.benchmark_columns[benchmark]
        indices = np.flatnonzero((sampled_from == column) | (sampled_from < 0))
        # Signal events carry the share of their benchmark, here they stand for the whole signal.
        scale = header.n_sampled.sum() / header.n_sampled[column]
        scales = np.where(sampled_from[indices] < 0, 1.0, scale)[:, None]
        yield np.flatnonzero(closest == benchmark), indices, events.weights[indices] * scales


def _check_positive(header: Header, thetas: Floats, cross_sections: Floats) -> None:
    """Raises InputError unless all cross sections are positive."""
    bad = thetas[cross_sections <= 0]
    if len(bad):
        theta = tuple(bad[0].tolist())
        raise InputError(f"{header.path}: no events with positive weight at theta = {theta}")


def _effective_samples(pool: Floats, coefficients: Floats) -> Floats:
    """Returns the effective number of events at each point, (theta,)."""
    squares = np.einsum("tb,bc,tc->t", coefficients, pool.T @ pool, coefficients)
    return np.asarray((coefficients @ pool.sum(axis=0)) ** 2 / squares)


def _negative_share(pool: Floats, coefficients: Floats) -> float:
    """Returns the share of negative weights at the points, or at some of them if there are many."""
    stride = math.ceil(len(coefficients) * len(pool) / (16 * BLOCK))
    some = [pool @ row for row in coefficients[::stride]]
    return float(sum(-np.minimum(w, 0).sum() for w in some) / sum(np.abs(w).sum() for w in some))
