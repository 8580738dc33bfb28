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

    Attributes:
        n_events: Number of events of the data, the mean number for expected data.
        log_likelihood: The log-likelihood, normalised if it is one of ratios, (theta,); NaN where
            it cannot be known.
        raw: The same before it was normalised; None without ratios, (theta,).
        corrected: `log_likelihood` with the one-step correction; None without ratios and for
            observed data, (theta,).
        replicas: `log_likelihood` for resampled simulation; None without ratios, (replica, theta).
        replicas_corrected: `corrected` for the same; None where `corrected` is.
    """

    n_events: float
    log_likelihood: Floats
    raw: Floats | None = None
    corrected: Floats | None = None
    replicas: Floats | None = None
    replicas_corrected: Floats | None = None
