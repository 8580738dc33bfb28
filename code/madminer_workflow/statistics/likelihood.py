"""The kinematic likelihood of data: what every method, whatever it learns, gives in the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["KinematicLikelihood"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class KinematicLikelihood:
    """The log-likelihood of the observables of some data, up to a constant.

    Of expected data the corrected one is the better estimate of what the exact likelihood says.
    Observed events have no weights to correct with; theirs is the plug-in likelihood.

    Attributes:
        n_events: Number of events of the data, the mean number for expected data.
        plug_in: The likelihood of what was learned, normalised if that is a ratio, (theta,); NaN
            where it cannot be known.
        raw: `plug_in` before it was normalised; None without ratios, (theta,).
        corrected: `plug_in` with the one-step correction; None without ratios and for observed
            data, (theta,).
        replicas_plug_in: `plug_in` for resampled simulation; None without ratios, (replica, theta).
        replicas_corrected: `corrected` for the same; None where `corrected` is.
        halves: The best estimate from either half of the simulated events; None if unknown,
            (half, theta).
    """

    n_events: float
    plug_in: Floats
    raw: Floats | None = None
    corrected: Floats | None = None
    replicas_plug_in: Floats | None = None
    replicas_corrected: Floats | None = None
    halves: Floats | None = None

    @property
    def log_likelihood(self) -> Floats:
        """The best estimate: the corrected likelihood where there is one, (theta,)."""
        return self.plug_in if self.corrected is None else self.corrected
