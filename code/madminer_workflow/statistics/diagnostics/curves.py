"""What diagnostics are functions of the parameter point, and which points matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.statistics import grid
from madminer_workflow.statistics.likelihood import Q_MAX
from madminer_workflow.statistics.limits import Limit, Which
from madminer_workflow.statistics.teststatistic import P_95, threshold

__all__ = ["Curves", "contour_points", "effective_samples"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

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

    @property
    def near_contour(self) -> Indices:
        """The points near the 95 % contour or, on a coarse grid without any, all that matter."""
        near = _near(self.q, self.threshold)
        return near if len(near) else np.flatnonzero(self.matters)

    @property
    def unknown(self) -> float:
        """Share of the points without a likelihood."""
        return float(np.isnan(self.q).mean())


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
