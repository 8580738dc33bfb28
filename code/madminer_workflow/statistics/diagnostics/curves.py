"""Diagnostics of a limit as a whole: normalisation, halves of the events, the test of bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.statistics import grid
from madminer_workflow.statistics.limits import Limit, Which
from madminer_workflow.statistics.regions import iou
from madminer_workflow.statistics.teststatistic import P_95, threshold

__all__ = [
    "Q_MAX",
    "BiasTest",
    "Curves",
    "Normalisation",
    "Stability",
    "bias_test",
    "contour_points",
    "effective_samples",
    "normalisation",
    "smallest_effective_samples",
    "stability",
]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

Q_MAX = 12.0
"""The test statistic above which its error does not matter for limits."""

_NEAR = 1.5  # factor in q within which a point is near a contour


@dataclass(frozen=True)
class Curves:
    """What depends on the parameter point, in the order of the grid.

    Attributes:
        axes: The grid values of each parameter.
        n_expected: Expected number of events of the data.
        q: Test statistic of the method, (theta,).
        effective_samples: Effective number of events at each point, (theta,).
        log_normalisation: log E_ref[r], zero for the true ratio; None without a ratio, (theta,).
        correction: Corrected less plug-in q; None without a correction, (theta,).
        correction_error: Its Monte Carlo error; None likewise, (theta,).
        error: Monte Carlo error of q; None if unknown, (theta,).
        halves: q from either half of the events; None if unknown, (half, theta).
    """

    axes: tuple[Floats, ...]
    n_expected: float
    q: Floats
    effective_samples: Floats
    log_normalisation: Floats | None = None
    correction: Floats | None = None
    correction_error: Floats | None = None
    error: Floats | None = None
    halves: Floats | None = None

    @classmethod
    def of(
        cls,
        limit: Limit,
        which: Which,
        n_expected: float,
        effective_samples: Floats,
        log_normalisation: Floats | None = None,
        halves: Floats | None = None,
    ) -> Curves:
        """Takes from a limit what it knows.

        Args:
            limit: The limit of the method.
            which: With the rate (full) or without.
            n_expected: Expected number of events of the data.
            effective_samples: Effective number of events at each point, (theta,).
            log_normalisation: log E_ref[r], if there is a ratio, (theta,).
            halves: q from either half of the events, if it is known, (half, theta).
        """
        correction, error = _correction(limit, which)
        return cls(
            axes=limit.axes,
            n_expected=n_expected,
            q=limit.on_grid(which).ravel(),
            effective_samples=effective_samples,
            log_normalisation=log_normalisation,
            correction=correction,
            correction_error=error,
            error=limit.uncertainty(which, ["mc_std"]),
            halves=halves,
        )

    @property
    def threshold(self) -> float:
        """The test statistic at the border of the 95 % region."""
        return threshold(P_95, len(self.axes))

    @property
    def offset(self) -> Floats | None:
        """What the normalisation changed q by, up to a constant; None without a ratio, (theta,)."""
        if self.log_normalisation is None:
            return None
        return 2.0 * self.n_expected * self.log_normalisation

    @property
    def matters(self) -> NDArray[np.bool_]:
        """Which points decide about limits, (theta,)."""
        return self.q < Q_MAX


@dataclass(frozen=True)
class Normalisation:
    """How much the normalisation E_ref[r] = 1 had to change the learned ratio.

    Attributes:
        largest: Largest |log E_ref[r]| over all points.
        largest_q: Largest change of q, 2 N |log E_ref[r]|, where q < 12.
    """

    largest: float
    largest_q: float


@dataclass(frozen=True)
class Stability:
    """How much q differs between both halves of the events.

    Attributes:
        error: Monte Carlo error of q from all events, root mean square where q < 12; half of `rms`,
            which is a rough estimate of it, if there is no better one.
        rms: Root mean square of the difference where q < 12.
        largest: Largest difference where q < 12.
        iou: Overlap of the 95 % regions of the halves.
    """

    error: float
    rms: float
    largest: float
    iou: float


@dataclass(frozen=True)
class BiasTest:
    """How much the one-step correction, which removes a bias to first order, changes q.

    Attributes:
        rms: Root mean square of the change where q < 12.
        noise: Root mean square of its Monte Carlo error there.
        size: What remains of `rms` when `noise` is subtracted in quadrature.
        pull: Largest change in units of its error near the 95 % contour.
    """

    rms: float
    noise: float
    size: float
    pull: float


def effective_samples(weights: Floats, morphing_weights: Floats) -> Floats:
    """Returns (sum w)^2 / sum w^2 at parameter points, for any number of them at once, (theta,).

    Args:
        weights: Weight of each event at each benchmark, (event, benchmark).
        morphing_weights: Weight of each benchmark at the points, (theta, benchmark).
    """
    squares = np.einsum("tb,bc,tc->t", morphing_weights, weights.T @ weights, morphing_weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((morphing_weights @ weights.sum(axis=0)) ** 2 / squares)


def contour_points(q: Floats, axes: Sequence[Floats], number: int = 6) -> Floats:
    """Chooses points of the grid around the 95 % region, far from each other, (point, parameter).

    Args:
        q: Test statistic, (theta,).
        axes: The grid values of each parameter.
        number: How many points, fewer if the grid has not as many with a finite q.

    Example:
        >>> axis = np.linspace(-3.0, 3.0, 7)
        >>> contour_points(axis**2, [axis], 2).ravel().tolist()
        [-2.0, 2.0]
    """
    thetas, level = grid.points(axes), threshold(P_95, len(axes))
    candidates = _near(q, level)
    if len(candidates) < number:
        distance = np.where(np.isfinite(q), np.abs(q - level), np.inf)
        closest = np.argsort(distance, kind="stable")[:number]
        candidates = closest[np.isfinite(q[closest])]
    if len(candidates) == 0:
        return thetas[candidates]
    extent = np.ptp(thetas[candidates], axis=0)
    scaled = thetas[candidates] / np.where(extent > 0.0, extent, 1.0)
    chosen = [int(np.abs(q[candidates] - level).argmin())]
    while len(chosen) < min(number, len(candidates)):
        gaps = np.linalg.norm(scaled[:, None] - scaled[chosen], axis=2).min(axis=1)
        chosen.append(int(gaps.argmax()))
    return thetas[candidates[chosen]]


def normalisation(curves: Curves) -> Normalisation | None:
    """Summarises the normalisation of a ratio; None for methods without one.

    Args:
        curves: What depends on the parameter point.
    """
    if curves.log_normalisation is None or curves.offset is None:
        return None
    largest_q = _largest(np.abs(curves.offset[curves.matters]))
    return Normalisation(_largest(np.abs(curves.log_normalisation)), largest_q)


def smallest_effective_samples(curves: Curves) -> float:
    """Returns the smallest effective number of events where q < 12.

    Args:
        curves: What depends on the parameter point.
    """
    return float(np.nanmin(curves.effective_samples[curves.matters], initial=np.inf))


def stability(curves: Curves) -> Stability | None:
    """Compares the halves of the events; None if they were not computed.

    Args:
        curves: What depends on the parameter point.
    """
    if curves.halves is None:
        return None
    first, second = curves.halves
    difference = (first - second)[curves.matters]
    rms = _rms(difference)
    return Stability(
        error=0.5 * rms if curves.error is None else _rms(curves.error[curves.matters]),
        rms=rms,
        largest=_largest(np.abs(difference)),
        iou=iou(first, second, curves.threshold, curves.axes),
    )


def bias_test(curves: Curves) -> BiasTest | None:
    """Compares plug-in and corrected q; None for methods without correction.

    Args:
        curves: What depends on the parameter point.
    """
    if curves.correction is None or curves.correction_error is None:
        return None
    change, error = curves.correction, curves.correction_error
    rms, noise = (_rms(values[curves.matters]) for values in (change, error))
    near = _near(curves.q, curves.threshold)
    with np.errstate(divide="ignore", invalid="ignore"):
        pulls = np.abs(change / error)[near if len(near) else curves.matters]
    return BiasTest(rms, noise, float(np.sqrt(np.maximum(rms**2 - noise**2, 0.0))), _largest(pulls))


def _correction(limit: Limit, which: Which) -> tuple[Floats, Floats] | tuple[None, None]:
    """Returns corrected less plug-in q and the Monte Carlo error, (theta,), if there is both."""
    corrected, plug_in = (f"q_{which}_{form}" for form in ("corrected", "plug_in"))
    if getattr(limit, corrected) is None or corrected not in limit.replicas:
        return None, None
    replicas = limit.replicas[corrected] - limit.replicas[plug_in]
    return getattr(limit, corrected) - getattr(limit, plug_in), replicas.std(axis=0, ddof=1)


def _near(q: Floats, level: float) -> Indices:
    """Returns the points near a contour."""
    return np.flatnonzero((q > level / _NEAR) & (q < level * _NEAR))


def _rms(values: Floats) -> float:
    """Returns the root mean square of the finite values, NaN if there are none."""
    finite = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(finite**2))) if len(finite) else float("nan")


def _largest(values: Floats) -> float:
    """Returns the largest finite value, NaN if there is none."""
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else float("nan")
