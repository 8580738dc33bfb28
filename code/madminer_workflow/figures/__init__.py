"""Figures: results in, Matplotlib figures out; no files, no computing but interpolation."""

from __future__ import annotations

from madminer_workflow.figures.agreement import agreement
from madminer_workflow.figures.comparison import ComparedSize, comparison
from madminer_workflow.figures.coverage import CoverageSeries, coverage
from madminer_workflow.figures.diagnostics import diagnostics
from madminer_workflow.figures.fisher import fisher
from madminer_workflow.figures.limits import limits, overview, p_values, separate
from madminer_workflow.figures.observed import observed
from madminer_workflow.figures.ratios import Comparison, correlation, ratios
from madminer_workflow.figures.training import LossCurve, training
from madminer_workflow.figures.tuning import Trials, importance, tuning_history

__all__ = [
    "ComparedSize",
    "Comparison",
    "CoverageSeries",
    "LossCurve",
    "Trials",
    "agreement",
    "comparison",
    "correlation",
    "coverage",
    "diagnostics",
    "fisher",
    "importance",
    "limits",
    "observed",
    "overview",
    "p_values",
    "ratios",
    "separate",
    "training",
    "tuning_history",
]
