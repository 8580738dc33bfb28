"""The events of a MadMiner file: observables and weights, read once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.errors import InputError
from madminer_workflow.events.header import Header, opened

__all__ = ["Events", "read_events"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Events:
    """Weighted events.

    Events that were generated at several benchmarks are combined: those of benchmark k carry the
    share n_k / n of the cross section, so that sums over all events are cross sections.

    Attributes:
        header: The header of their file.
        x: Observables, (event, observable).
        weights: Weight at each benchmark in pb, (event, benchmark).
        sampled_from: Benchmark at which the event was generated, -1 for background, (event,).
    """

    header: Header
    x: Floats
    weights: Floats
    sampled_from: NDArray[np.int64]

    def __len__(self) -> int:
        """Returns the number of events."""
        return len(self.x)

    def take(self, indices: NDArray[np.int64]) -> Events:
        """Returns some of the events, with weights scaled to the same cross section.

        Args:
            indices: Which events, (event,).
        """
        scale = len(self) / max(len(indices), 1)
        return replace(
            self,
            x=self.x.take(indices, axis=0),
            weights=self.weights.take(indices, axis=0) * scale,
            sampled_from=self.sampled_from[indices],
        )

    def weights_at(self, thetas: ArrayLike) -> Floats:
        """Returns the weights at parameter points in pb, (event, theta).

        Args:
            thetas: Parameter points, (theta, parameter).
        """
        return np.asarray(self.weights @ self.header.weights(thetas).T)

    def cross_sections(self, thetas: ArrayLike) -> Floats:
        """Returns the cross section at parameter points in pb, (theta,).

        Args:
            thetas: Parameter points, (theta, parameter).
        """
        return np.asarray(self.header.weights(thetas) @ self.weights.sum(axis=0))

    def scores_at(self, theta: ArrayLike) -> Floats:
        """Returns the joint score grad log p(x, z|theta) of each event, (event, parameter).

        The gradient of the cross section is subtracted, so that the mean at theta is zero.
        Events without weight at theta have the score zero.

        Args:
            theta: The parameter point, (parameter,).

        Raises:
            InputError: The file has no morphing.
        """
        thetas = np.asarray(theta, float)[None]
        gradients = self.gradients_at(theta)
        weights = self.weights_at(thetas)
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(weights > 0, gradients / weights, 0.0)
        mean = gradients.sum(axis=0) / weights.sum()
        return np.asarray(np.where(weights > 0, relative - mean, 0.0))

    def gradients_at(self, theta: ArrayLike) -> Floats:
        """Returns the derivative of each weight by each parameter in pb, (event, parameter).

        Args:
            theta: The parameter point, (parameter,).

        Raises:
            InputError: The file has no morphing.
        """
        if self.header.morphing is None:
            raise InputError(f"{self.header.path}: no morphing, the score cannot be computed")
        return np.asarray(
            self.weights @ self.header.morphing.gradients(np.asarray(theta)[None])[0].T
        )


def read_events(header: Header) -> Events:
    """Reads all events of a file.

    Args:
        header: The header of the file.

    Raises:
        InputError: Observables or weights are not finite numbers, or the file is damaged.
    """
    with opened(header.path) as file:
        x = file["samples/observations"][()].astype(float, copy=False)
        weights = file["samples/weights"][()].astype(float, copy=False)
        sampled_from = file["samples/sampling_benchmarks"][()].astype(np.int64, copy=False)
    if len(header.benchmark_columns) < weights.shape[1]:
        weights = np.ascontiguousarray(weights[:, header.benchmark_columns])
    for name, array in (("observables", x), ("weights", weights)):
        finite = np.isfinite(array)
        if not finite.all():
            bad = np.count_nonzero(~finite.all(axis=1))
            raise InputError(f"{header.path}: {bad} events with {name} that are not finite numbers")
    shares = _shares(header, sampled_from)
    if shares.min() < 1.0:
        weights *= shares[:, None]
    return Events(header, x, weights, sampled_from)


def _shares(header: Header, sampled_from: NDArray[np.int64]) -> Floats:
    """Returns the share of the cross section that the sample of each event stands for, (event,).

    If it is the same for all events, it is there once, (1,).
    """
    first, last, n = sampled_from.min(), sampled_from.max(), len(header.n_sampled)
    if not -1 <= first <= last < n:
        raise InputError(
            f"{header.path}: samples/sampling_benchmarks from {first} to {last}, "
            f"allowed: -1 to {n - 1}"
        )
    total = header.n_sampled.sum()
    if total == 0:
        return np.ones(1)
    shares = np.append(header.n_sampled / total, 1.0)  # the last entry serves background, -1
    return np.asarray(shares[sampled_from[:1] if first == last else sampled_from])
