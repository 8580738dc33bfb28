"""How far a learned method can be trusted, as numbers from held-out events.

None of it needs the truth but `accuracy`. Arrays in, frozen records out.
"""

from __future__ import annotations

from madminer_workflow.statistics.diagnostics.accuracy import Accuracy, accuracy
from madminer_workflow.statistics.diagnostics.binned import BinnedTests
from madminer_workflow.statistics.diagnostics.changes import (
    BiasTest,
    Normalisation,
    Stability,
    bias_test,
    normalisation,
    smallest_effective_samples,
    stability,
)
from madminer_workflow.statistics.diagnostics.curves import (
    Curves,
    contour_points,
    effective_samples,
)
from madminer_workflow.statistics.diagnostics.ratios import (
    Calibration,
    Closure,
    Reweighting,
    calibration,
    closure,
    possible_change,
)
from madminer_workflow.statistics.diagnostics.record import Diagnostics
from madminer_workflow.statistics.diagnostics.scores import (
    ScoreCalibration,
    ScoreClosure,
    Scores,
    score_calibration,
    score_closure,
)

__all__ = [
    "Accuracy",
    "BiasTest",
    "BinnedTests",
    "Calibration",
    "Closure",
    "Curves",
    "Diagnostics",
    "Normalisation",
    "Reweighting",
    "ScoreCalibration",
    "ScoreClosure",
    "Scores",
    "Stability",
    "accuracy",
    "bias_test",
    "calibration",
    "closure",
    "contour_points",
    "effective_samples",
    "normalisation",
    "possible_change",
    "score_calibration",
    "score_closure",
    "smallest_effective_samples",
    "stability",
]
