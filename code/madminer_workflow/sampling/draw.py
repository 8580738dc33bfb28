"""Unweighted events: drawn with a probability that is proportional to their weight at theta.

Weights are linear in the few weights at the benchmarks, w(theta) = sum_b A_b(theta) w_b. For many
parameter points with a few samples each this makes rejection sampling cheap: propose from
sum_b |A_b| |w_b|, which needs one cumulative sum a benchmark for all points, and accept with the
probability w(theta) / sum_b |A_b| |w_b|. Where morphing cancels strongly, or where a point has
many samples, the cumulative sum of w(theta) itself is cheaper. Both draw exactly from the weights
with negative ones set to zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

BLOCK = 2**20
"""Number of weights that are computed at the same time."""

COST_OF_A_PROPOSAL = 100.0
"""CPU time of one proposal in units of that of one event in a cumulative sum, measured."""


def draw(
    weights: Floats, coefficients: Floats, counts: Indices, rng: np.random.Generator
) -> Indices:
    """Draws events, with replacement, from the distributions at parameter points.

    Args:
        weights: Weights at the benchmarks, (event, benchmark).
        coefficients: The morphing weights A of each point, (theta, benchmark); the weights at
            each point must have a positive sum.
        counts: How many events to draw at each point, (theta,).
        rng: Randomness.

    Returns:
        Indices of the drawn events, those of the first point first, (sample,).
    """
    sums = np.einsum("eb->b", weights)
    absolute = sums if weights.min() >= 0.0 else np.einsum("eb->b", np.abs(weights))
    total, envelope = coefficients @ sums, np.abs(coefficients) @ absolute
    by_rejection = COST_OF_A_PROPOSAL * counts * envelope < total * len(weights)
    owner = np.repeat(np.arange(len(counts)), counts)
    drawn = np.empty(len(owner), np.int64)
    for chosen, method in ((by_rejection, _reject), (~by_rejection, _invert)):
        if np.any(chosen):
            drawn[chosen[owner]] = method(weights, coefficients[chosen], counts[chosen], rng)
    return drawn


def _invert(
    weights: Floats, coefficients: Floats, counts: Indices, rng: np.random.Generator
) -> Indices:
    """Draws by inverting the cumulative sum at each point, some points at a time."""
    drawn = []
    step = max(1, BLOCK // len(weights))
    for start in range(0, len(counts), step):
        block = slice(start, start + step)
        positive = np.maximum(coefficients[block] @ weights.T, 0.0)
        for cumulative, count in zip(np.cumsum(positive, axis=1), counts[block], strict=True):
            drawn.append(_pick(cumulative, count, rng))
    return np.concatenate(drawn)


def _reject(
    weights: Floats, coefficients: Floats, counts: Indices, rng: np.random.Generator
) -> Indices:
    """Draws by rejection at all points together; the first proposal accepted is the sample."""
    cumulative = np.empty(weights.shape[::-1])
    for row, column in zip(cumulative, weights.T, strict=True):
        np.cumsum(np.abs(column), out=row)
    shares = np.cumsum(np.abs(coefficients) * cumulative[:, -1], axis=1)
    owner = np.repeat(np.arange(len(counts)), counts)
    drawn, pending, repeats = np.empty(len(owner), np.int64), np.arange(len(owner)), 1
    found = np.zeros(len(owner), bool)
    while len(pending):
        sample = np.repeat(pending[:BLOCK], repeats)
        theta = owner[sample]
        proposal = _propose(cumulative, shares.take(theta, axis=0), rng)
        terms = weights.take(proposal, axis=0) * coefficients.take(theta, axis=0)
        weight, largest = np.einsum("pb->p", terms), np.einsum("pb->p", np.abs(terms))
        accepted = rng.random(len(sample)) * largest < weight
        sample, proposal = sample[accepted], proposal[accepted]
        drawn[sample[::-1]] = proposal[::-1]  # the first one of several is written last
        found[sample] = True
        pending = pending[~found[pending]]
        # The few samples that are hard to find get ever more proposals at a time.
        repeats = max(1, min(2 * repeats, BLOCK // max(1, len(pending))))
    return drawn


def _propose(cumulative: Floats, shares: Floats, rng: np.random.Generator) -> Indices:
    """Draws events from mixtures of the distributions at the benchmarks.

    Args:
        cumulative: Cumulative sums of the weights, (benchmark, event).
        shares: Cumulative sums of the shares of the benchmarks, (proposal, benchmark).
        rng: Randomness.
    """
    height = shares[:, -1] * (1.0 - rng.random(len(shares)))
    benchmark = np.count_nonzero(height > shares.T, axis=0)
    proposal = np.empty(len(shares), np.int64)
    for b, row in enumerate(cumulative):
        chosen = benchmark == b
        proposal[chosen] = _pick(row, np.count_nonzero(chosen), rng)
    return proposal


def _pick(cumulative: Floats, number: np.int64 | int, rng: np.random.Generator) -> Indices:
    """Draws positions with the increments of a cumulative sum as probabilities.

    The random numbers are in (0, 1], so that an increment of zero is never hit.
    """
    height = cumulative[-1] * (1.0 - rng.random(number))
    order = np.argsort(height)  # neighbours are found in the cache
    positions = np.empty(len(height), np.int64)
    positions[order] = np.searchsorted(cumulative, height[order])
    return positions
