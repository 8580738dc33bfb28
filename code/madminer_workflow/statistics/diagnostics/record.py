"""All diagnostics of one method as one record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.statistics.diagnostics.accuracy import Accuracy
from madminer_workflow.statistics.diagnostics.changes import BiasTest, Normalisation, Stability
from madminer_workflow.statistics.diagnostics.ratios import Calibration, Closure
from madminer_workflow.statistics.diagnostics.scores import ScoreCalibration, ScoreClosure

__all__ = ["Diagnostics"]


@dataclass(frozen=True)
class Diagnostics:
    """What is known about how far a learned method can be trusted.

    Diagnostics that do not apply to a method, or that were not made, are None.

    Attributes:
        method: Name of the method.
        parameters: Names of the parameters.
        thetas: Points around the 95 % region where ratios are compared, (point, parameter).
        smallest_effective_samples: Smallest effective number of events where q < 12.
        unknown: Share of the points of the grid without a likelihood.
        normalisation: The normalisation of a ratio.
        bias_test: What the one-step correction of a ratio changes.
        stability: How much q differs between both halves of the events.
        closure: Distributions of observables with learned and true weights, for ratios.
        calibration: The classifier that belongs to a ratio.
        score_calibration: The learned against the joint score, for scores.
        score_closure: What of the joint score is missing in the learned one, for scores.
        accuracy: Bias and resolution where the truth is known.
    """

    method: str
    parameters: tuple[str, ...]
    thetas: NDArray[np.float64]
    smallest_effective_samples: float
    unknown: float
    normalisation: Normalisation | None = None
    bias_test: BiasTest | None = None
    stability: Stability | None = None
    closure: Closure | None = None
    calibration: Calibration | None = None
    score_calibration: ScoreCalibration | None = None
    score_closure: ScoreClosure | None = None
    accuracy: Accuracy | None = None
