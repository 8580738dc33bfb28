"""The kinematic likelihood of data: what every method, whatever it learns, gives in the end."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Q_MAX", "KinematicLikelihood"]

Floats = NDArray[np.float64]

Q_MAX = 12.0
"""The test statistic up to which a likelihood matters for limits of up to three parameters."""


@dataclass(frozen=True)
class KinematicLikelihood:
    """The log-likelihood of the observables of some data, up to a constant.

    Of expected data there are two estimates: the plug-in one, which is biased if the network is,
    and the corrected one, which is not, but has more Monte Carlo noise. The best one takes as much
    of the correction as is not noise. Observed events have no weights to correct with; theirs is
    the plug-in likelihood.

    Attributes:
        n_events: Number of events of the data, the mean number for expected data.
        plug_in: The likelihood of what was learned, normalised if that is a ratio, (theta,); NaN
            where it cannot be known.
        raw: `plug_in` before it was normalised; None without ratios, (theta,).
        corrected: `plug_in` with the one-step correction; None without ratios and for observed
            data, (theta,).
        replicas_plug_in: `plug_in` for resampled simulation; None without ratios, (replica, theta).
        replicas_corrected: `corrected` for the same; None where `corrected` is.
        halves: The corrected or only estimate from either half of the simulated events; None if
            unknown, (half, theta).
    """

    n_events: float
    plug_in: Floats
    raw: Floats | None = None
    corrected: Floats | None = None
    replicas_plug_in: Floats | None = None
    replicas_corrected: Floats | None = None
    halves: Floats | None = None

    def scaled(self, n_events: float) -> KinematicLikelihood:
        """Returns the likelihood of expected data of another number of events.

        The log-likelihood of expected data is proportional to it.

        Args:
            n_events: The mean number of events.
        """
        if n_events == self.n_events:
            return self
        factor = n_events / self.n_events
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        scaled: dict[str, Any] = {
            name: None if value is None else factor * value for name, value in values.items()
        }
        return KinematicLikelihood(**(scaled | {"n_events": n_events}))

    @cached_property
    def correction_share(self) -> float:
        """The share of the correction that is not noise, in [0, 1]; zero without correction.

        This is the positive-part estimator of Stein (James, Stein, 1961; Green, Strawderman,
        1991): the noise is subtracted in quadrature, where the likelihood matters for limits.
        """
        if self.corrected is None or self.replicas_corrected is None:
            return 0.0
        assert self.replicas_plug_in is not None
        correction = self.corrected - self.plug_in
        noise = np.std(self.replicas_corrected - self.replicas_plug_in, axis=0, ddof=1)
        known = np.isfinite(correction) & np.isfinite(noise)
        best = np.max(self.corrected, initial=-np.inf, where=known)
        matters = known & (self.corrected > best - 0.5 * Q_MAX)
        size = float(np.sum(correction[matters] ** 2))
        return max(0.0, 1.0 - float(np.sum(noise[matters] ** 2)) / size) if size else 1.0

    @property
    def log_likelihood(self) -> Floats:
        """The best estimate, (theta,)."""
        if self.corrected is None:
            return self.plug_in
        return self.plug_in + self.correction_share * (self.corrected - self.plug_in)

    @property
    def replicas(self) -> Floats | None:
        """The best estimate with its errors, (replica, theta); None without ratios.

        The spread is that of the corrected estimate, from which the best one differs by no more
        than its noise: a bias that is smaller than that has not been seen, so it is not excluded.
        """
        if self.corrected is None or self.replicas_corrected is None:
            return self.replicas_plug_in
        return self.log_likelihood + (self.replicas_corrected - self.corrected)
