"""Joint likelihood ratio and joint score of drawn events, the labels that simulation provides.

The densities p(x, z|theta) are normalised with the cross sections of the events that the sample
was drawn from (Brehmer, Louppe, Pavez, Cranmer, 2018, arXiv:1805.12244).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["joint_ratio", "joint_score"]

Floats = NDArray[np.float64]


def joint_ratio(weights: Floats, totals: Floats, numerator: Floats, references: Floats) -> Floats:
    """Returns the joint ratio p(x, z|theta_0) / mean_k p(x, z|theta_1k), (sample,).

    Negative densities count as zero; the ratio is infinite where only the reference is zero.

    Args:
        weights: Weights at the benchmarks, (sample, benchmark).
        totals: Their sums over the events that each sample was drawn from, (sample, benchmark).
        numerator: Morphing weights of each sample's theta_0, (sample, benchmark).
        references: Morphing weights of the reference points theta_1k, (reference, benchmark).
    """
    density = np.maximum(_dot(weights, numerator), 0) / _dot(totals, numerator)
    parts = np.maximum(weights @ references.T, 0) / (totals @ references.T)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(density > 0, density / parts.mean(axis=1), 0.0)


def joint_score(weights: Floats, totals: Floats, numerator: Floats, gradients: Floats) -> Floats:
    """Returns the joint score grad log p(x, z|theta) at theta_0, (sample, parameter).

    It is zero where the density is.

    Args:
        weights: Weights at the benchmarks, (sample, benchmark).
        totals: Their sums over the events that each sample was drawn from, (sample, benchmark).
        numerator: Morphing weights of each sample's theta_0, (sample, benchmark).
        gradients: Their derivatives by the parameters, (sample, parameter, benchmark).
    """
    weight = _dot(weights, numerator)
    slope = np.einsum("sb,spb->sp", weights, gradients)
    relative = np.divide(slope.T, weight, out=np.zeros_like(slope.T), where=weight > 0)
    mean = np.einsum("sb,spb->sp", totals, gradients).T / _dot(totals, numerator)
    return np.where(weight > 0, relative - mean, 0.0).T


def _dot(first: Floats, second: Floats) -> Floats:
    """Returns the scalar products of rows, (sample,)."""
    return np.asarray(np.einsum("sb,sb->s", first, second))
